// SPDX-License-Identifier: Apache-2.0
//! The error codes that a control file can name.

use cryptoki_sys::CK_RV;

/// Finds a code by its name, or reads it as a number (`0x30`).
pub fn parse(word: &str) -> Option<CK_RV> {
    named(word).or_else(|| {
        let digits = word.strip_prefix("0x")?;
        CK_RV::from_str_radix(digits, 16).ok()
    })
}

/// Names are taken from the header, so that none can have the wrong number.
macro_rules! codes {
    ($($name:ident)*) => {
        fn named(word: &str) -> Option<CK_RV> {
            match word {
                $(stringify!($name) => Some(cryptoki_sys::$name),)*
                _ => None,
            }
        }
    };
}

// Those that a module answers when it, its device, a session, a login or a key
// has gone wrong; not those by which a caller is told of his own mistake.
codes! {
    CKR_HOST_MEMORY
    CKR_SLOT_ID_INVALID
    CKR_GENERAL_ERROR
    CKR_FUNCTION_FAILED
    CKR_ARGUMENTS_BAD
    CKR_CANT_LOCK
    CKR_DEVICE_ERROR
    CKR_DEVICE_MEMORY
    CKR_DEVICE_REMOVED
    CKR_ENCRYPTED_DATA_INVALID
    CKR_FUNCTION_CANCELED
    CKR_FUNCTION_NOT_SUPPORTED
    CKR_FUNCTION_REJECTED
    CKR_KEY_HANDLE_INVALID
    CKR_KEY_SIZE_RANGE
    CKR_KEY_FUNCTION_NOT_PERMITTED
    CKR_KEY_NOT_WRAPPABLE
    CKR_KEY_UNEXTRACTABLE
    CKR_MECHANISM_INVALID
    CKR_MECHANISM_PARAM_INVALID
    CKR_OBJECT_HANDLE_INVALID
    CKR_OPERATION_ACTIVE
    CKR_OPERATION_NOT_INITIALIZED
    CKR_PIN_INCORRECT
    CKR_PIN_EXPIRED
    CKR_PIN_LOCKED
    CKR_SESSION_CLOSED
    CKR_SESSION_COUNT
    CKR_SESSION_HANDLE_INVALID
    CKR_SESSION_READ_ONLY
    CKR_SIGNATURE_INVALID
    CKR_TEMPLATE_INCONSISTENT
    CKR_TOKEN_NOT_PRESENT
    CKR_TOKEN_NOT_RECOGNIZED
    CKR_TOKEN_WRITE_PROTECTED
    CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_USER_ALREADY_LOGGED_IN
    CKR_USER_NOT_LOGGED_IN
    CKR_USER_PIN_NOT_INITIALIZED
    CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPING_KEY_HANDLE_INVALID
    CKR_RANDOM_NO_RNG
    CKR_BUFFER_TOO_SMALL
    CKR_CRYPTOKI_NOT_INITIALIZED
    CKR_CRYPTOKI_ALREADY_INITIALIZED
    CKR_VENDOR_DEFINED
}
