// SPDX-License-Identifier: Apache-2.0
//! What PKCS#11 functions return: names, and what can help.

use std::borrow::Cow;

use cryptoki::error::{Rv, RvError};
use cryptoki_sys::{
    CK_RV, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED,
    CKR_FUNCTION_CANCELED, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY,
    CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_ACTIVE,
    CKR_OPERATION_NOT_INITIALIZED, CKR_SESSION_CLOSED, CKR_SESSION_COUNT,
    CKR_SESSION_HANDLE_INVALID, CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT,
    CKR_TOKEN_NOT_RECOGNIZED, CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
    CKR_WRAPPING_KEY_HANDLE_INVALID,
};

use crate::error::Recovery;

/// What can help after `code`. A handle that is "invalid" may also mean that
/// somebody logged out; that is found out by asking the session for its state.
pub(crate) fn recovery(code: CK_RV) -> Recovery {
    match code {
        CKR_SESSION_HANDLE_INVALID
        | CKR_SESSION_CLOSED
        | CKR_OPERATION_ACTIVE
        | CKR_OPERATION_NOT_INITIALIZED => Recovery::Session,
        CKR_USER_NOT_LOGGED_IN => Recovery::Login,
        CKR_KEY_HANDLE_INVALID
        | CKR_OBJECT_HANDLE_INVALID
        | CKR_UNWRAPPING_KEY_HANDLE_INVALID
        | CKR_WRAPPING_KEY_HANDLE_INVALID => Recovery::Object,
        CKR_DEVICE_ERROR
        | CKR_DEVICE_MEMORY
        | CKR_DEVICE_REMOVED
        | CKR_TOKEN_NOT_PRESENT
        | CKR_TOKEN_NOT_RECOGNIZED
        | CKR_SLOT_ID_INVALID
        | CKR_SESSION_COUNT
        | CKR_GENERAL_ERROR
        | CKR_FUNCTION_FAILED
        | CKR_FUNCTION_CANCELED
        | CKR_HOST_MEMORY
        | CKR_CRYPTOKI_NOT_INITIALIZED => Recovery::Device,
        _ => Recovery::Fatal,
    }
}

/// The name of `code`, or its number where it has none (a vendor's own).
pub(crate) fn name(code: CK_RV) -> Cow<'static, str> {
    match NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("{code:#x}")),
    }
}

/// The number behind cryptoki's enumeration of them.
pub(crate) fn code(error: RvError) -> CK_RV {
    if let RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) = error {
        return code;
    }
    let same = |code: &CK_RV| Rv::from(*code) == Rv::Error(error);
    NAMES.iter().map(|(code, _)| *code).find(same).unwrap_or(CKR_GENERAL_ERROR)
}

macro_rules! names {
    ($($name:ident)*) => {
        const NAMES: &[(CK_RV, &str)] = &[$((cryptoki_sys::$name, stringify!($name))),*];
    };
}

names! {
    CKR_OK CKR_CANCEL CKR_HOST_MEMORY CKR_SLOT_ID_INVALID CKR_GENERAL_ERROR CKR_FUNCTION_FAILED
    CKR_ARGUMENTS_BAD CKR_NO_EVENT CKR_NEED_TO_CREATE_THREADS CKR_CANT_LOCK
    CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE CKR_ATTRIBUTE_TYPE_INVALID
    CKR_ATTRIBUTE_VALUE_INVALID CKR_ACTION_PROHIBITED CKR_DATA_INVALID CKR_DATA_LEN_RANGE
    CKR_DEVICE_ERROR CKR_DEVICE_MEMORY CKR_DEVICE_REMOVED CKR_ENCRYPTED_DATA_INVALID
    CKR_ENCRYPTED_DATA_LEN_RANGE CKR_FUNCTION_CANCELED CKR_FUNCTION_NOT_PARALLEL
    CKR_FUNCTION_NOT_SUPPORTED CKR_CURVE_NOT_SUPPORTED CKR_KEY_HANDLE_INVALID CKR_KEY_SIZE_RANGE
    CKR_KEY_TYPE_INCONSISTENT CKR_KEY_NOT_NEEDED CKR_KEY_CHANGED CKR_KEY_NEEDED
    CKR_KEY_INDIGESTIBLE CKR_KEY_FUNCTION_NOT_PERMITTED CKR_KEY_NOT_WRAPPABLE
    CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_INVALID CKR_MECHANISM_PARAM_INVALID
    CKR_OBJECT_HANDLE_INVALID CKR_OPERATION_ACTIVE CKR_OPERATION_NOT_INITIALIZED CKR_PIN_INCORRECT
    CKR_PIN_INVALID CKR_PIN_LEN_RANGE CKR_PIN_EXPIRED CKR_PIN_LOCKED CKR_SESSION_CLOSED
    CKR_SESSION_COUNT CKR_SESSION_HANDLE_INVALID CKR_SESSION_PARALLEL_NOT_SUPPORTED
    CKR_SESSION_READ_ONLY CKR_SESSION_EXISTS CKR_SESSION_READ_ONLY_EXISTS
    CKR_SESSION_READ_WRITE_SO_EXISTS CKR_SIGNATURE_INVALID CKR_SIGNATURE_LEN_RANGE
    CKR_TEMPLATE_INCOMPLETE CKR_TEMPLATE_INCONSISTENT CKR_TOKEN_NOT_PRESENT
    CKR_TOKEN_NOT_RECOGNIZED CKR_TOKEN_WRITE_PROTECTED CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_UNWRAPPING_KEY_SIZE_RANGE CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT CKR_USER_ALREADY_LOGGED_IN
    CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED CKR_USER_TYPE_INVALID
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_USER_TOO_MANY_TYPES CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPED_KEY_LEN_RANGE CKR_WRAPPING_KEY_HANDLE_INVALID CKR_WRAPPING_KEY_SIZE_RANGE
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT CKR_RANDOM_SEED_NOT_SUPPORTED CKR_RANDOM_NO_RNG
    CKR_DOMAIN_PARAMS_INVALID CKR_BUFFER_TOO_SMALL CKR_SAVED_STATE_INVALID
    CKR_INFORMATION_SENSITIVE CKR_STATE_UNSAVEABLE CKR_CRYPTOKI_NOT_INITIALIZED
    CKR_CRYPTOKI_ALREADY_INITIALIZED CKR_MUTEX_BAD CKR_MUTEX_NOT_LOCKED CKR_NEW_PIN_MODE
    CKR_NEXT_OTP CKR_EXCEEDED_MAX_ITERATIONS CKR_FIPS_SELF_TEST_FAILED CKR_LIBRARY_LOAD_FAILED
    CKR_PIN_TOO_WEAK CKR_PUBLIC_KEY_INVALID CKR_FUNCTION_REJECTED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_code_survives_the_way_through_cryptoki() {
        for (known, name) in NAMES.iter().skip(1) {
            let Rv::Error(error) = Rv::from(*known) else { panic!("{name} is no error") };
            assert_eq!(code(error), *known, "{name}");
        }
    }

    #[test]
    fn a_vendors_own_code_is_its_number() {
        assert_eq!(code(RvError::VendorDefined(0x8000_0001)), 0x8000_0001);
        assert_eq!(name(0x8000_0001), "0x80000001");
    }

    #[test]
    fn a_wrong_pin_is_never_worth_another_try() {
        for code in [cryptoki_sys::CKR_PIN_INCORRECT, cryptoki_sys::CKR_PIN_LOCKED] {
            assert_eq!(recovery(code), Recovery::Fatal);
        }
    }
}
