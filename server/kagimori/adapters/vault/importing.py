# SPDX-License-Identifier: Apache-2.0
"""The importing process's vault."""

from __future__ import annotations

from kagimori import core, key_policy
from kagimori.adapters.vault.settings import Hsm, PartitionLogin, VaultRefused
from kagimori.adapters.vault.words import (
    canary_of,
    partition_of,
    provider_of,
    row_of,
    sealed_of,
    translated,
)
from kagimori.application.inventory.ports import SeedRefused
from kagimori.application.inventory.vendor_file import EncryptedSeed, MacMethod
from kagimori.domain.token import Hash, SealedSeed, TokenIdentity


class HsmImportVault:
    """An `ImportVault` over the Rust extension."""

    def __init__(self, vault: core.ImportVault) -> None:
        """Take an open vault; see `open`."""
        self._vault = vault

    @classmethod
    def open(
        cls, hsm: Hsm, importing: PartitionLogin | None, *, allow_host_transient: bool
    ) -> HsmImportVault:
        """Log in to the partitions and find every key, or raise `VaultRefused`."""
        try:
            vault = core.ImportVault.open(
                module=hsm.module,
                serving=partition_of(hsm.serving),
                importing=partition_of(importing) if importing else None,
                policy=key_policy.policy_text(),
                provider=provider_of(hsm.provider),
                canaries=[canary_of(canary) for canary in hsm.canaries],
                allow_host_transient=allow_host_transient,
            )
        except (core.HsmError, core.PolicyError) as error:
            raise VaultRefused(str(error.args[0])) from None
        return cls(vault)

    def seal(
        self, seed: EncryptedSeed, mac: MacMethod | None, tenant: str, use: Hash
    ) -> SealedSeed:
        """See `ImportVault.seal`."""
        try:
            sealed = self._vault.seal(
                vendor=seed.vendor,
                algorithm=seed.algorithm,
                ciphertext=seed.ciphertext,
                mac=seed.mac,
                mac_algorithm=mac.algorithm if mac else None,
                mac_key_algorithm=mac.key_algorithm if mac else None,
                mac_key_ciphertext=mac.key_ciphertext if mac else None,
                tenant=tenant,
                use=use,
            )
        except core.SeedError as error:
            reason, detail = error.args
            raise SeedRefused(reason, detail) from None
        except core.HsmError as error:
            raise translated(error) from None
        return sealed_of(sealed)

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """See `ImportVault.row_mac`."""
        try:
            return self._vault.row_mac(row_of(identity, b""))
        except core.HsmError as error:
            raise translated(error) from None

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `ImportVault.fingerprint`."""
        try:
            return self._vault.fingerprint(tenant, message)
        except core.HsmError as error:
            raise translated(error) from None

    def close(self) -> None:
        """Leave the HSM."""
        self._vault.close()
