// SPDX-License-Identifier: Apache-2.0
//! `kagimori.core._core`: the Rust core as Python sees it.
//!
//! A thin shell: it turns Python's values into the core's and the core's errors
//! into Python's. Its types are described in `_core.pyi`, which is checked
//! against the build. Nothing here shows a code, a PIN or key material.

mod bell;
mod cards;
mod delivery;
mod errors;
mod import_vault;
mod job;
mod rows;
mod setup;
mod software;
mod sqlite;
mod vault;

use pyo3::pymodule;

#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::{
        bell::Bell,
        delivery::{DeliveryKeys, Sealed},
        errors::{EnvelopeError, HsmError, PolicyError, RowTampered, SeedError},
        import_vault::ImportVault,
        job::{SearchFailure, SearchJob},
        rows::TokenRow,
        setup::{Canary, Partition, Provider},
        software::{harden, hotp, ocra},
        sqlite::{SqliteConnection, SqliteError},
        vault::{Finding, Vault},
    };
}
