// SPDX-License-Identifier: Apache-2.0
//! Memory for a seed that the host must see for some microseconds.
//!
//! What it gives: the pages are never swapped out (`mlock`), stay out of core
//! dumps (`MADV_DONTDUMP`), lie between guard pages, and are wiped before they
//! are given back, also when an error or a panic unwinds. What it does not: a
//! debugger with the right to read this process reads them too, and the module
//! that runs in this process makes copies of its own.

use std::{
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::error::{HsmError, Recovery};

/// Octets in locked memory.
pub(crate) struct LockedBytes(NonNull<[u8]>);

// SAFETY: the octets are its own, as a `Box`'s are; nothing is tied to a thread.
unsafe impl Send for LockedBytes {}
// SAFETY: who shares it can only read.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// `length` zeros, or an error where the system does not lock memory.
    pub(crate) fn zeroed(length: usize) -> Result<Self, HsmError> {
        // SAFETY: memsec gives `length` octets that are ours until `free`.
        let memory = unsafe { memsec::malloc_sized(length) }.ok_or_else(not_locked)?;
        let mut bytes = Self(memory);
        bytes.fill(0);
        // memsec takes a failed lock lightly; locking again tells whether it held.
        // SAFETY: the octets are ours; locking twice counts once.
        let held = unsafe { memsec::mlock(bytes.as_mut_ptr(), length) };
        if held { Ok(bytes) } else { Err(not_locked()) }
    }
}

impl Deref for LockedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: initialised in `zeroed`, ours until `drop`.
        unsafe { self.0.as_ref() }
    }
}

impl DerefMut for LockedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: initialised in `zeroed`, ours until `drop`, borrowed uniquely.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // SAFETY: it came from memsec, which wipes it before it unlocks it.
        unsafe { memsec::free(self.0) };
    }
}

fn not_locked() -> HsmError {
    let message = "the system does not lock memory: raise the limit on it (ulimit -l)";
    HsmError::without_call(message, Recovery::Fatal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_is_put_in() {
        let mut bytes = LockedBytes::zeroed(48).unwrap();
        assert_eq!(*bytes, [0; 48]);
        bytes[..4].copy_from_slice(b"seed");
        assert_eq!(&bytes[..5], b"seed\0");
    }
}
