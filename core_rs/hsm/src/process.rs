// SPDX-License-Identifier: Apache-2.0
//! This process's memory is nobody else's business.

use std::io;

/// Switches core dumps off and forbids other processes of the user to read
/// this one's memory (`ptrace`, `/proc/PID/mem`). Children inherit the first
/// and, once they `exec`, not the second.
pub fn harden() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is read only.
    succeeded(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })?;
    // SAFETY: PR_SET_DUMPABLE takes a number.
    succeeded(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
