# SPDX-License-Identifier: Apache-2.0
"""The HSM as the application's vaults: the only importer of the extension.

It moves values between the domain's words and the extension's, and gives the
extension's errors their place in the authority's family. It decides nothing.
"""

from kagimori.adapters.vault.importing import HsmImportVault
from kagimori.adapters.vault.serving import HsmVault
from kagimori.adapters.vault.settings import (
    CanarySeed,
    Hsm,
    PartitionLogin,
    Sessions,
    VaultRefused,
)
from kagimori.adapters.vault.words import harden_process

__all__ = [
    "CanarySeed",
    "Hsm",
    "HsmImportVault",
    "HsmVault",
    "PartitionLogin",
    "Sessions",
    "VaultRefused",
    "harden_process",
]
