# SPDX-License-Identifier: Apache-2.0
"""An app's two sealed seeds: looked at here, opened in the HSM only."""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import Final, Protocol

from kagimori.application.provisioning.keys import DOES_NOT_OPEN, ProvisioningKey, ProvisioningKeys
from kagimori.application.provisioning.ports import EnvelopeUnfit, EnvelopeVault
from kagimori.domain.errors import EnvelopeRefused
from kagimori.domain.token import Hash, SealedSeed
from kagimori.domain.value import value

LOGIN: Final = "login_envelope"
SIGNING: Final = "signing_envelope"


class Sent(Protocol):
    """What every app sends that hands its seeds over."""

    @property
    def service_id(self) -> str:
        """The bank's service ID."""
        ...

    @property
    def key_pin(self) -> bytes:
        """The pin of the key that both envelopes are for."""
        ...

    @property
    def login_envelope(self) -> bytes:
        """The login seed, sealed."""
        ...

    @property
    def signing_envelope(self) -> bytes:
        """The signing seed, sealed."""
        ...


@value(frozen=True, slots=True)
class Envelopes:
    """Two envelopes that can be under ``key``; see `of`."""

    key: ProvisioningKey
    login: bytes = field(repr=False)
    signing: bytes = field(repr=False)

    @classmethod
    def of(cls, sent: Sent, keys: ProvisioningKeys) -> Envelopes:
        """Return what was ``sent``; raise `InvalidField`, `EnvelopeRefused` or `NotOffered`."""
        key = keys.pinned(sent.service_id, sent.key_pin)
        key.check(LOGIN, sent.login_envelope)
        key.check(SIGNING, sent.signing_envelope)
        if sent.login_envelope == sent.signing_envelope:
            raise used_before(SIGNING)
        return cls(key, sent.login_envelope, sent.signing_envelope)

    @property
    def digests(self) -> tuple[str, str]:
        """Return SHA-256 of the login envelope and of the signing envelope, hex."""
        return hashlib.sha256(self.login).hexdigest(), hashlib.sha256(self.signing).hexdigest()

    async def moved(self, vault: EnvelopeVault, use: Hash) -> list[SealedSeed]:
        """Return both seeds under the wrapping key; raise `EnvelopeRefused` or `HsmUnavailable`."""
        both = [self.login, self.signing]
        try:
            return await vault.seal_envelopes(self.key.tenant, self.key.version, both, use)
        except EnvelopeUnfit as unfit:
            raise EnvelopeRefused((LOGIN, SIGNING)[unfit.index], DOES_NOT_OPEN) from None


def used_before(field_name: str) -> EnvelopeRefused:
    """Return the error that says so of an envelope; it opens once."""
    return EnvelopeRefused(field_name, "was used before")
