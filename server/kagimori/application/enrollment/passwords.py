# SPDX-License-Identifier: Apache-2.0
"""Activation passwords at rest: a MAC by the HSM, and a slow hash over it.

Four digits are guessed in no time by whoever can try them: without the HSM nobody
can, and with it each guess costs a call to it and the slow hash.
"""

from __future__ import annotations

from kagimori.application.enrollment.ports import PasswordHash, PasswordVault, SealedPassword
from kagimori.domain.enrollment import ActivationPassword


class Passwords:
    """Seals passwords and checks them."""

    def __init__(self, vault: PasswordVault, hasher: PasswordHash) -> None:
        """Use ``vault`` first and ``hasher`` over what it gives."""
        self._vault = vault
        self._hasher = hasher

    async def sealed(
        self, tenant: str, user_id: str, password: ActivationPassword
    ) -> SealedPassword:
        """Return what to keep of ``password``, which is good for this user ID only.

        Raises `HsmUnavailable`.
        """
        message = _message(tenant, user_id, password)
        mac, key_version = await self._vault.password_mac(tenant, message)
        return SealedPassword(await self._hasher.hashed(mac), key_version)

    async def is_right(
        self, tenant: str, user_id: str, password: ActivationPassword, sealed: SealedPassword | None
    ) -> bool:
        """Return whether ``sealed`` was made of ``password``; raise `HsmUnavailable`.

        None is never right, and costs the same work.
        """
        message = _message(tenant, user_id, password)
        version = None if sealed is None else sealed.key_version
        mac, _ = await self._vault.password_mac(tenant, message, version)
        hashed = self._hasher.decoy if sealed is None else sealed.hash
        matches = await self._hasher.matches(hashed, mac)
        return matches and sealed is not None


def _message(tenant: str, user_id: str, password: ActivationPassword) -> bytes:
    """Return all three in one reading only: each begins with its length, two octets."""
    parts = (tenant.encode(), user_id.encode(), password.reveal().encode())
    return b"".join(len(part).to_bytes(2) + part for part in parts)
