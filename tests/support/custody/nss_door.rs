// SPDX-License-Identifier: Apache-2.0
//! A door to NSS's softoken for callers that pass it no library parameters.
//!
//! softoken wants to be told where its database is when it is initialised, in a
//! field that other modules do without. This module forwards everything and
//! fills that field in from the environment.

use std::env;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::OnceLock;

type Rv = std::ffi::c_ulong;
type Function = *mut c_void;

const MODULE: &CStr = c"libsoftokn3.so";
const OS_LOCKING_OK: Rv = 2;
const GENERAL_ERROR: Rv = 5;
const NOW: c_int = 2;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// CK_FUNCTION_LIST of version 2.40: C_Initialize comes first.
#[repr(C)]
#[derive(Clone, Copy)]
struct FunctionList {
    version: [u8; 2],
    functions: [Function; 68],
}

// SAFETY: addresses of code, which do not change.
unsafe impl Send for FunctionList {}
// SAFETY: as above.
unsafe impl Sync for FunctionList {}

/// CK_C_INITIALIZE_ARGS with NSS's own field before the last.
#[repr(C)]
struct InitializeArguments {
    mutexes: [Function; 4],
    flags: Rv,
    library_parameters: *const c_char,
    reserved: *mut c_void,
}

static REAL: OnceLock<Option<FunctionList>> = OnceLock::new();
static OFFERED: OnceLock<FunctionList> = OnceLock::new();

fn real() -> Option<FunctionList> {
    *REAL.get_or_init(|| {
        // SAFETY: NSS's own module, and the type PKCS#11 gives that function.
        unsafe {
            let library = dlopen(MODULE.as_ptr(), NOW);
            let entrance = (!library.is_null())
                .then(|| dlsym(library, c"C_GetFunctionList".as_ptr()))
                .filter(|entrance| !entrance.is_null())?;
            let entrance: extern "C" fn(*mut *const FunctionList) -> Rv = transmute(entrance);
            let mut list = std::ptr::null();
            (entrance(&raw mut list) == 0).then(|| *list)
        }
    })
}

extern "C" fn initialize(_arguments: *mut c_void) -> Rv {
    let (Some(real), Ok(text)) = (real(), env::var("KAGIMORI_NSS_PARAMETERS")) else {
        return GENERAL_ERROR;
    };
    let Ok(text) = CString::new(text) else {
        return GENERAL_ERROR;
    };
    let mut arguments = InitializeArguments {
        mutexes: [null_mut(); 4],
        flags: OS_LOCKING_OK,
        library_parameters: text.as_ptr(),
        reserved: null_mut(),
    };
    // SAFETY: C_Initialize's place and type in every function list.
    let call: extern "C" fn(*mut InitializeArguments) -> Rv =
        unsafe { transmute(real.functions[0]) };
    call(&raw mut arguments)
}

/// The module's entrance.
///
/// # Safety
///
/// `list` points to room for one pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *const c_void) -> Rv {
    let Some(mut offered) = real() else {
        return GENERAL_ERROR;
    };
    offered.functions[0] = initialize as *mut c_void;
    // SAFETY: by the caller's contract; OFFERED lives as long as the process.
    unsafe { *list = std::ptr::from_ref(OFFERED.get_or_init(|| offered)).cast() };
    0
}
