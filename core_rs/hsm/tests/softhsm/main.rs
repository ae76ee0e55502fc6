// SPDX-License-Identifier: Apache-2.0
//! Both vaults against a `SoftHSM` that is made here and thrown away.

mod cards;
mod import;
mod phone;
mod provisioning;
mod recovery;
mod support;
mod vault;
