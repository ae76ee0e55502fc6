# SPDX-License-Identifier: Apache-2.0
"""What setting an app up needs of the HSM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kagimori.domain.token import Hash, SealedSeed, TokenIdentity


class EnvelopeVault(Protocol):
    """Phones' seeds and activation passwords; the host sees no seed.

    Every method raises `HsmUnavailable` if the HSM gives no result in time, or
    has no keys of that tenant in that version.
    """

    async def password_mac(
        self, tenant: str, message: bytes, key_version: int | None = None
    ) -> tuple[bytes, int]:
        """Return HMAC-SHA-256 of ``message``, 32 bytes, and the version of its key.

        It is computed in the HSM, under the tenant's row key of ``key_version``
        (None: the newest that there is), and is no MAC of anything but a password.
        """
        ...

    async def seal_envelopes(
        self, tenant: str, key_version: int, envelopes: Sequence[bytes], use: Hash
    ) -> list[SealedSeed]:
        """Move phones' seeds from their envelopes under the tenant's newest wrapping key.

        An envelope is RSAES-OAEP without a label (RFC 8017 §7.1), under the
        tenant's provisioning key of ``key_version``, and holds a seed of 64
        bytes for codes with the hash ``use``. Answers are in order; there are all
        of them or none. Raises `EnvelopeUnfit`.
        """
        ...

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """Return the MACs that bind the rows together, 32 bytes each, in order."""
        ...


class EnvelopeUnfit(Exception):
    """An envelope is not under that key, or holds no seed of 64 bytes.

    A seed of 57 to 63 bytes may pass, with zeros behind it: its codes are the
    same (RFC 2104 §2), and key wrap with padding does not tell the length
    (RFC 5649 §3).
    """

    def __init__(self, index: int, detail: str) -> None:
        """``index`` counts from 0; ``detail`` is a sentence for people."""
        super().__init__(f"envelope {index}: {detail}")
        self.index = index
        self.detail = detail
