// SPDX-License-Identifier: Apache-2.0
//! The 68 functions of PKCS#11 v2.40, written down once.

use std::ffi::c_void;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BBOOL, CK_FLAGS, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR_PTR, CK_INFO,
    CK_MECHANISM, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV,
    CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG,
    CK_USER_TYPE, CK_VERSION, CKR_FUNCTION_NOT_SUPPORTED,
};

type Length = CK_ULONG;
type Mechanism = *mut CK_MECHANISM;
type Object = CK_OBJECT_HANDLE;
type Session = CK_SESSION_HANDLE;
type Slot = CK_SLOT_ID;
type Template = *mut CK_ATTRIBUTE;

/// From one list: the names, an index for each, and a function that forwards.
macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        /// The functions in the order of the function list.
        pub const NAMES: [&str; 68] = [$(stringify!($name)),*];

        /// A function; as a number, its place in [`NAMES`].
        #[expect(non_camel_case_types, clippy::enum_variant_names, reason = "PKCS#11's own names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function { $($name),* }

        impl Function {
            /// Finds a function by its name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        /// Each function: counted, interfered with, and passed on.
        #[expect(non_snake_case, reason = "PKCS#11's own names")]
        pub mod forwarded {
            use super::*;
            $(
                pub unsafe extern "C" fn $name($($argument: $type),*) -> CK_RV {
                    crate::shim::forward(Function::$name, |real| match real.$name {
                        // SAFETY: the arguments are passed on as they came, to
                        // the function that the caller meant.
                        Some(function) => unsafe { function($($argument),*) },
                        None => CKR_FUNCTION_NOT_SUPPORTED,
                    })
                }
            )*
        }

        /// A function list in which every function forwards.
        pub fn forwarding_list(version: CK_VERSION) -> CK_FUNCTION_LIST {
            CK_FUNCTION_LIST { version, $($name: Some(forwarded::$name)),* }
        }
    };
}

functions! {
    C_Initialize(args: *mut c_void);
    C_Finalize(reserved: *mut c_void);
    C_GetInfo(info: *mut CK_INFO);
    C_GetFunctionList(list: CK_FUNCTION_LIST_PTR_PTR);
    C_GetSlotList(present: CK_BBOOL, slots: *mut Slot, count: *mut Length);
    C_GetSlotInfo(slot: Slot, info: *mut CK_SLOT_INFO);
    C_GetTokenInfo(slot: Slot, info: *mut CK_TOKEN_INFO);
    C_GetMechanismList(slot: Slot, list: *mut CK_MECHANISM_TYPE, count: *mut Length);
    C_GetMechanismInfo(slot: Slot, mechanism: CK_MECHANISM_TYPE, info: *mut CK_MECHANISM_INFO);
    C_InitToken(slot: Slot, pin: *mut u8, pin_length: Length, label: *mut u8);
    C_InitPIN(session: Session, pin: *mut u8, pin_length: Length);
    C_SetPIN(session: Session, old: *mut u8, old_length: Length, new: *mut u8, new_length: Length);
    C_OpenSession(
        slot: Slot,
        flags: CK_FLAGS,
        application: *mut c_void,
        notify: CK_NOTIFY,
        session: *mut Session
    );
    C_CloseSession(session: Session);
    C_CloseAllSessions(slot: Slot);
    C_GetSessionInfo(session: Session, info: *mut CK_SESSION_INFO);
    C_GetOperationState(session: Session, state: *mut u8, state_length: *mut Length);
    C_SetOperationState(
        session: Session,
        state: *mut u8,
        state_length: Length,
        encryption_key: Object,
        authentication_key: Object
    );
    C_Login(session: Session, user: CK_USER_TYPE, pin: *mut u8, pin_length: Length);
    C_Logout(session: Session);
    C_CreateObject(session: Session, template: Template, length: Length, object: *mut Object);
    C_CopyObject(
        session: Session,
        object: Object,
        template: Template,
        length: Length,
        copy: *mut Object
    );
    C_DestroyObject(session: Session, object: Object);
    C_GetObjectSize(session: Session, object: Object, size: *mut Length);
    C_GetAttributeValue(session: Session, object: Object, template: Template, length: Length);
    C_SetAttributeValue(session: Session, object: Object, template: Template, length: Length);
    C_FindObjectsInit(session: Session, template: Template, length: Length);
    C_FindObjects(session: Session, objects: *mut Object, room: Length, count: *mut Length);
    C_FindObjectsFinal(session: Session);
    C_EncryptInit(session: Session, mechanism: Mechanism, key: Object);
    C_Encrypt(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_EncryptUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_EncryptFinal(session: Session, output: *mut u8, output_length: *mut Length);
    C_DecryptInit(session: Session, mechanism: Mechanism, key: Object);
    C_Decrypt(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DecryptUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DecryptFinal(session: Session, output: *mut u8, output_length: *mut Length);
    C_DigestInit(session: Session, mechanism: Mechanism);
    C_Digest(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DigestUpdate(session: Session, data: *mut u8, data_length: Length);
    C_DigestKey(session: Session, key: Object);
    C_DigestFinal(session: Session, output: *mut u8, output_length: *mut Length);
    C_SignInit(session: Session, mechanism: Mechanism, key: Object);
    C_Sign(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_SignUpdate(session: Session, data: *mut u8, data_length: Length);
    C_SignFinal(session: Session, output: *mut u8, output_length: *mut Length);
    C_SignRecoverInit(session: Session, mechanism: Mechanism, key: Object);
    C_SignRecover(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_VerifyInit(session: Session, mechanism: Mechanism, key: Object);
    C_Verify(
        session: Session,
        data: *mut u8,
        data_length: Length,
        signature: *mut u8,
        signature_length: Length
    );
    C_VerifyUpdate(session: Session, data: *mut u8, data_length: Length);
    C_VerifyFinal(session: Session, signature: *mut u8, signature_length: Length);
    C_VerifyRecoverInit(session: Session, mechanism: Mechanism, key: Object);
    C_VerifyRecover(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DigestEncryptUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DecryptDigestUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_SignEncryptUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_DecryptVerifyUpdate(
        session: Session,
        data: *mut u8,
        data_length: Length,
        output: *mut u8,
        output_length: *mut Length
    );
    C_GenerateKey(
        session: Session,
        mechanism: Mechanism,
        template: Template,
        length: Length,
        key: *mut Object
    );
    C_GenerateKeyPair(
        session: Session,
        mechanism: Mechanism,
        public_template: Template,
        public_length: Length,
        private_template: Template,
        private_length: Length,
        public: *mut Object,
        private: *mut Object
    );
    C_WrapKey(
        session: Session,
        mechanism: Mechanism,
        wrapping_key: Object,
        key: Object,
        output: *mut u8,
        output_length: *mut Length
    );
    C_UnwrapKey(
        session: Session,
        mechanism: Mechanism,
        unwrapping_key: Object,
        wrapped: *mut u8,
        wrapped_length: Length,
        template: Template,
        length: Length,
        key: *mut Object
    );
    C_DeriveKey(
        session: Session,
        mechanism: Mechanism,
        base: Object,
        template: Template,
        length: Length,
        key: *mut Object
    );
    C_SeedRandom(session: Session, seed: *mut u8, seed_length: Length);
    C_GenerateRandom(session: Session, output: *mut u8, output_length: Length);
    C_GetFunctionStatus(session: Session);
    C_CancelFunction(session: Session);
    C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut Slot, reserved: *mut c_void);
}
