// SPDX-License-Identifier: Apache-2.0
//! A PKCS#11 module that stands in front of a real one.
//!
//! Every function is forwarded. On the way calls are counted, and errors,
//! latency and hangs are injected, so that a test can say what a verification
//! costs at the HSM and what happens when the HSM fails. It is a test tool: it
//! looks at no PIN, no data and no key.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `KAGIMORI_SHIM_MODULE` | path of the real module; required |
//! | `KAGIMORI_SHIM_CONTROL` | path of the control file; without it nothing is injected |
//! | `KAGIMORI_SHIM_COUNTS` | path of the table of counts; without it nobody can read them |
//!
//! # The control file
//!
//! Lines of words; `#` begins a comment. It may come, change and go at any time
//! and is looked at again in every millisecond in which there is a call. Replace
//! it by renaming another file over it. A file with a mistake is refused as a
//! whole, with one line on standard error, and what was in force stays.
//!
//! ```text
//! latency_us 1000                      every call first sleeps this long
//! serial 1                             one call at a time, as on a single connection
//! fail C_Sign CKR_DEVICE_ERROR 3       the next three calls of C_Sign answer this
//! fail * CKR_DEVICE_REMOVED forever    so does every call that reaches the device
//! fail C_Login 0x80000001 1            a code without a name
//! hang C_UnwrapKey 5000                each call first waits 5,000 ms, or until
//!                                      this line is taken away
//! hang C_Sign 600000 1                 so does the next call, and no further one
//! ```
//!
//! `*` leaves out `C_Initialize`, `C_Finalize`, `C_GetInfo` and
//! `C_GetFunctionList`, which a library answers without its device. Where two
//! lines fit a call the first one counts, until its number is used up. Such numbers
//! are shared by all processes with the same table of counts.
//!
//! # The table of counts
//!
//! One file that any number of processes map and add to, and that any process
//! can read while they run. Its layout stands in `src/table.rs`.

mod codes;
mod control;
mod functions;
mod shim;
mod table;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR_PTR, CK_OBJECT_HANDLE, CK_RV,
    CK_SESSION_HANDLE, CK_ULONG, CKA_VALUE, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK,
};
use functions::forwarded;
use shim::shim;

/// The module's entrance: gives the caller our function list.
///
/// Returns `CKR_GENERAL_ERROR`, with a line on standard error, where the real
/// module, the control file or the table of counts cannot be had.
///
/// # Safety
///
/// `list` is null or points to room for one pointer (PKCS#11 v2.40, 5.4).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    match shim() {
        Ok(shim) => {
            // SAFETY: not null, and room for a pointer by the caller's contract.
            unsafe { *list = std::ptr::from_ref(&shim.offered).cast_mut() };
            CKR_OK
        }
        Err(reason) => {
            eprintln!("pkcs11_shim: {reason}");
            CKR_GENERAL_ERROR
        }
    }
}

/// Our function list: every function forwarded, two of them with an addition.
fn offered(real: &CK_FUNCTION_LIST) -> CK_FUNCTION_LIST {
    CK_FUNCTION_LIST {
        C_GetFunctionList: Some(C_GetFunctionList),
        C_GetAttributeValue: Some(get_attribute_value),
        ..functions::forwarding_list(real.version)
    }
}

/// Forwards, and counts by itself the call that asks for a key's value.
unsafe extern "C" fn get_attribute_value(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    length: CK_ULONG,
) -> CK_RV {
    // SAFETY: template and length are the caller's and describe an array.
    if unsafe { asks_for_value(template, length) }
        && let Ok(shim) = shim()
    {
        shim.table.count(table::VALUE_READS);
    }
    // SAFETY: the arguments are passed on as they came.
    unsafe { forwarded::C_GetAttributeValue(session, object, template, length) }
}

/// # Safety
///
/// `template` is null or points to `length` attributes.
unsafe fn asks_for_value(template: *const CK_ATTRIBUTE, length: CK_ULONG) -> bool {
    let Ok(length) = usize::try_from(length) else {
        return false;
    };
    if template.is_null() {
        return false;
    }
    // SAFETY: not null, and as long as the caller says.
    let attributes = unsafe { std::slice::from_raw_parts(template, length) };
    attributes.iter().any(|attribute| attribute.type_ == CKA_VALUE)
}
