// SPDX-License-Identifier: Apache-2.0
//! A disk that fails on demand, for a process that has this library preloaded.
//!
//! Stands in front of the two calls by which SQLite makes a commit: `pwrite64`
//! puts it into the write-ahead log, `fdatasync` makes it last. While the file
//! that `KAGIMORI_DISK_CONTROL` names holds the name of one of them, that call
//! answers an error instead: after a failed `fdatasync` nobody knows whether
//! the commit will be found, after a failed `pwrite64` it is not there.
//!
//! Or the file holds `kill`, a number and names: the process ends itself, as a
//! power cut would, when so many more of these calls have been carried out. The
//! number is counted down in the file, which is gone with the last one.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::{LazyLock, Mutex};

const ENOSPC: c_int = 28;
const EIO: c_int = 5;
const SIGKILL: c_int = 9;
/// The next library in the order of loading: libc.
const RTLD_NEXT: *mut c_void = usize::MAX as *mut c_void;

unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
}

type Syncs = unsafe extern "C" fn(c_int) -> c_int;
type Writes = unsafe extern "C" fn(c_int, *const c_void, usize, c_long) -> isize;

static CONTROL: LazyLock<Option<String>> =
    LazyLock::new(|| std::env::var("KAGIMORI_DISK_CONTROL").ok());

// SAFETY: the symbols are libc's own, with these signatures.
static SYNC: LazyLock<Syncs> = LazyLock::new(|| unsafe {
    std::mem::transmute::<*mut c_void, Syncs>(dlsym(RTLD_NEXT, c"fdatasync".as_ptr()))
});
// SAFETY: as above.
static WRITE: LazyLock<Writes> = LazyLock::new(|| unsafe {
    std::mem::transmute::<*mut c_void, Writes>(dlsym(RTLD_NEXT, c"pwrite64".as_ptr()))
});

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    if broken("fdatasync") {
        set_errno(EIO);
        return -1;
    }
    // SAFETY: passed on as it came.
    let done = unsafe { SYNC(file) };
    count_down("fdatasync");
    done
}

/// # Safety
/// As libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    file: c_int,
    data: *const c_void,
    length: usize,
    offset: c_long,
) -> isize {
    if broken("pwrite64") {
        set_errno(ENOSPC);
        return -1;
    }
    // SAFETY: passed on as it came.
    let written = unsafe { WRITE(file, data, length, offset) };
    count_down("pwrite64");
    written
}

fn broken(function: &str) -> bool {
    let text = CONTROL.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
    text.is_some_and(|text| text.trim() == function)
}

/// Ends the process if this was the last call that it was to make.
fn count_down(function: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let Some(path) = CONTROL.as_ref() else { return };
    let _turn = ONE_AT_A_TIME.lock();
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let ["kill", number, counted @ ..] = words.as_slice() else { return };
    let Ok(left) = number.parse::<u64>() else { return };
    if !counted.contains(&function) {
        return;
    }
    if left > 1 {
        // One that was taken away meanwhile must not come back.
        if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(path) {
            let _ = write!(file, "kill {} {}", left - 1, counted.join(" "));
        }
        return;
    }
    let _ = std::fs::remove_file(path);
    // SAFETY: nothing of this process is left to be unsound.
    unsafe { kill(std::process::id().cast_signed(), SIGKILL) };
}

fn set_errno(error: c_int) {
    // SAFETY: libc's errno of this thread.
    unsafe { *__errno_location() = error };
}
