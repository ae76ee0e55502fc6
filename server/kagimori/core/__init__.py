# SPDX-License-Identifier: Apache-2.0
"""The Rust extension, by the one name that the import rules can see."""

from kagimori.core._core import (
    Bell,
    Canary,
    Finding,
    HsmError,
    ImportVault,
    Partition,
    PolicyError,
    Provider,
    RowTampered,
    Sealed,
    SearchFailure,
    SearchJob,
    SeedError,
    SqliteConnection,
    SqliteError,
    TokenRow,
    Vault,
    harden,
    hotp,
)
from kagimori.core.waiting import ended

__all__ = [
    "Bell",
    "Canary",
    "Finding",
    "HsmError",
    "ImportVault",
    "Partition",
    "PolicyError",
    "Provider",
    "RowTampered",
    "Sealed",
    "SearchFailure",
    "SearchJob",
    "SeedError",
    "SqliteConnection",
    "SqliteError",
    "TokenRow",
    "Vault",
    "ended",
    "harden",
    "hotp",
]
