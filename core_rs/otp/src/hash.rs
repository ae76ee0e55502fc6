// SPDX-License-Identifier: Apache-2.0
//! The hashes that RFC 6238 §1.2 names.

/// Octets of the longest MAC, HMAC-SHA-512.
pub const MAX_MAC: usize = 64;

/// Hash of the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, the hash of RFC 4226.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Octets of the hash, and of its MAC: at least 20, which truncation needs.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Octets of the block that HMAC pads its key to with zeros (RFC 2104 §2).
    #[must_use]
    pub const fn block(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}
