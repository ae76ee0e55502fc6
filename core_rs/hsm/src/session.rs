// SPDX-License-Identifier: Apache-2.0
//! One session with the HSM, and what is done in it.

use std::{ptr, sync::Arc};

use cryptoki::{
    object::{Attribute as Search, ObjectClass},
    session::{Session as Inner, SessionState},
};
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_OBJECT_HANDLE, CK_SESSION_HANDLE,
    CKA_VALUE, CKA_VALUE_LEN, CKR_ATTRIBUTE_SENSITIVE,
};
use kagimori_otp::MAX_MAC;

use crate::{
    error::HsmError,
    raw::{Mechanism, Raw, checked, required, ulong},
    template::Template,
};

/// Octets of the longest wrapped key that is expected.
const MAX_WRAPPED: usize = 512;

/// An object's handle: valid in the process that got it, until a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Object(CK_OBJECT_HANDLE);

/// A session. It is `Send` and not `Sync`: one worker at a time. Dropping it
/// closes it and destroys its session objects.
pub(crate) struct Session {
    inner: Inner,
    raw: Arc<Raw>,
}

impl Session {
    pub(crate) fn new(inner: Inner, raw: Arc<Raw>) -> Self {
        Self { inner, raw }
    }

    /// `C_SignInit` and exactly one `C_Sign`: returns how many octets of `out` are the MAC.
    pub(crate) fn sign(
        &self,
        mechanism: Mechanism,
        key: Object,
        data: &[u8],
        out: &mut [u8; MAX_MAC],
    ) -> Result<usize, HsmError> {
        let init = required("C_SignInit", self.raw.list.C_SignInit)?;
        let sign = required("C_Sign", self.raw.list.C_Sign)?;
        let mut mechanism = mechanism.as_raw();
        // SAFETY: the mechanism and its parameter live through the call.
        let code = unsafe { init(self.handle(), &raw mut mechanism, key.0) };
        checked("C_SignInit", code)?;
        let (data, length) = (data.as_ptr().cast_mut(), ulong(data.len()));
        let mut written = ulong(out.len());
        // SAFETY: `data` is read only, `written` tells the room there is in `out`.
        let code = unsafe { sign(self.handle(), data, length, out.as_mut_ptr(), &raw mut written) };
        checked("C_Sign", code)?;
        room("C_Sign", written, out.len())
    }

    /// `C_UnwrapKey`, with a template that holds what it holds and nothing more.
    pub(crate) fn unwrap(
        &self,
        mechanism: Mechanism,
        key: Object,
        blob: &[u8],
        template: &Template,
    ) -> Result<Object, HsmError> {
        let unwrap = required("C_UnwrapKey", self.raw.list.C_UnwrapKey)?;
        let (mut mechanism, mut attributes) = (mechanism.as_raw(), template.as_raw());
        let (blob, length) = (blob.as_ptr().cast_mut(), ulong(blob.len()));
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut handle = 0;
        // SAFETY: all that is pointed to lives through the call; only `handle` is written.
        let code = unsafe {
            unwrap(
                self.handle(),
                &raw mut mechanism,
                key.0,
                blob,
                length,
                list,
                count,
                &raw mut handle,
            )
        };
        checked("C_UnwrapKey", code)?;
        Ok(Object(handle))
    }

    /// One `C_WrapKey`, without asking for the length first: some modules do
    /// the whole work to answer that.
    pub(crate) fn wrap(
        &self,
        mechanism: Mechanism,
        wrapping: Object,
        key: Object,
    ) -> Result<Vec<u8>, HsmError> {
        let wrap = required("C_WrapKey", self.raw.list.C_WrapKey)?;
        let mut mechanism = mechanism.as_raw();
        let mut out = [0; MAX_WRAPPED];
        let mut written = ulong(out.len());
        // SAFETY: `written` tells the room there is in `out`.
        let code = unsafe {
            wrap(
                self.handle(),
                &raw mut mechanism,
                wrapping.0,
                key.0,
                out.as_mut_ptr(),
                &raw mut written,
            )
        };
        checked("C_WrapKey", code)?;
        Ok(out[..room("C_WrapKey", written, out.len())?].to_vec())
    }

    /// `C_DecryptInit` and one `C_Decrypt` straight into `out`, which is at least
    /// as long as `data`; returns how many octets of it are the plaintext.
    pub(crate) fn decrypt(
        &self,
        mechanism: Mechanism,
        key: Object,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, HsmError> {
        self.decrypt_init(mechanism, key)?;
        let decrypt = required("C_Decrypt", self.raw.list.C_Decrypt)?;
        let (data, length) = (data.as_ptr().cast_mut(), ulong(data.len()));
        let mut written = ulong(out.len());
        // SAFETY: `data` is read only, `written` tells the room there is in `out`.
        let code =
            unsafe { decrypt(self.handle(), data, length, out.as_mut_ptr(), &raw mut written) };
        checked("C_Decrypt", code)?;
        room("C_Decrypt", written, out.len())
    }

    pub(crate) fn decrypt_init(&self, mechanism: Mechanism, key: Object) -> Result<(), HsmError> {
        let init = required("C_DecryptInit", self.raw.list.C_DecryptInit)?;
        let mut mechanism = mechanism.as_raw();
        // SAFETY: the mechanism and its parameter live through the call.
        checked("C_DecryptInit", unsafe { init(self.handle(), &raw mut mechanism, key.0) })
    }

    pub(crate) fn encrypt_init(&self, mechanism: Mechanism, key: Object) -> Result<(), HsmError> {
        let init = required("C_EncryptInit", self.raw.list.C_EncryptInit)?;
        let mut mechanism = mechanism.as_raw();
        // SAFETY: the mechanism and its parameter live through the call.
        checked("C_EncryptInit", unsafe { init(self.handle(), &raw mut mechanism, key.0) })
    }

    /// `C_CreateObject` with `value` as its `CKA_VALUE`; no copy of it is made here.
    pub(crate) fn create(&self, template: &Template, value: &[u8]) -> Result<Object, HsmError> {
        let create = required("C_CreateObject", self.raw.list.C_CreateObject)?;
        let mut attributes = template.as_raw();
        attributes.push(CK_ATTRIBUTE {
            type_: CKA_VALUE,
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: ulong(value.len()),
        });
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut handle = 0;
        // SAFETY: the attributes and `value` live through the call and are read only.
        let code = unsafe { create(self.handle(), list, count, &raw mut handle) };
        checked("C_CreateObject", code)?;
        Ok(Object(handle))
    }

    /// `C_GenerateKey` of a key with `length` octets.
    pub(crate) fn generate(
        &self,
        mechanism: Mechanism,
        template: &Template,
        length: usize,
    ) -> Result<Object, HsmError> {
        let generate = required("C_GenerateKey", self.raw.list.C_GenerateKey)?;
        let (mut mechanism, mut attributes) = (mechanism.as_raw(), template.as_raw());
        let mut length = ulong(length);
        attributes.push(CK_ATTRIBUTE {
            type_: CKA_VALUE_LEN,
            pValue: (&raw mut length).cast(),
            ulValueLen: ulong(size_of_val(&length)),
        });
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut handle = 0;
        // SAFETY: all that is pointed to lives through the call; only `handle` is written.
        let code =
            unsafe { generate(self.handle(), &raw mut mechanism, list, count, &raw mut handle) };
        checked("C_GenerateKey", code)?;
        Ok(Object(handle))
    }

    /// `C_CopyObject`, changing what `template` holds.
    pub(crate) fn copy(&self, object: Object, template: &Template) -> Result<Object, HsmError> {
        let copy = required("C_CopyObject", self.raw.list.C_CopyObject)?;
        let mut attributes = template.as_raw();
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut handle = 0;
        // SAFETY: all that is pointed to lives through the call; only `handle` is written.
        let code = unsafe { copy(self.handle(), object.0, list, count, &raw mut handle) };
        checked("C_CopyObject", code)?;
        Ok(Object(handle))
    }

    /// `C_DestroyObject`: only ever for objects that this session made.
    pub(crate) fn destroy(&self, object: Object) -> Result<(), HsmError> {
        let destroy = required("C_DestroyObject", self.raw.list.C_DestroyObject)?;
        // SAFETY: two numbers.
        checked("C_DestroyObject", unsafe { destroy(self.handle(), object.0) })
    }

    /// Uses an object that this session made and destroys it, whatever comes of it.
    pub(crate) fn consume<T, E: From<HsmError>>(
        &self,
        object: Object,
        using: impl FnOnce(Object) -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = using(object);
        let destroyed = self.destroy(object);
        let value = outcome?;
        destroyed?;
        Ok(value)
    }

    /// Reads one flag of an object. No value of a key is ever asked for.
    pub(crate) fn flag(&self, object: Object, kind: CK_ATTRIBUTE_TYPE) -> Result<bool, HsmError> {
        let read = required("C_GetAttributeValue", self.raw.list.C_GetAttributeValue)?;
        let mut flag: CK_BBOOL = CK_FALSE;
        let mut attribute = CK_ATTRIBUTE {
            type_: kind,
            pValue: (&raw mut flag).cast(),
            ulValueLen: ulong(size_of_val(&flag)),
        };
        // SAFETY: the attribute tells where the flag goes and how much room there is.
        let code = unsafe { read(self.handle(), object.0, &raw mut attribute, 1) };
        checked("C_GetAttributeValue", code)?;
        Ok(flag != CK_FALSE)
    }

    /// Whether the HSM would give the value of a key out. There is no room for it in the
    /// question: what comes back is its length, or a refusal.
    pub(crate) fn gives_out(&self, object: Object) -> Result<bool, HsmError> {
        let read = required("C_GetAttributeValue", self.raw.list.C_GetAttributeValue)?;
        let mut attribute =
            CK_ATTRIBUTE { type_: CKA_VALUE, pValue: ptr::null_mut(), ulValueLen: 0 };
        // SAFETY: nothing is written where there is no pointer but the length.
        let code = unsafe { read(self.handle(), object.0, &raw mut attribute, 1) };
        match checked("C_GetAttributeValue", code) {
            Ok(()) => Ok(true),
            Err(error) if error.is(CKR_ATTRIBUTE_SENSITIVE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The secret key of the partition with this label; `None` if there is none.
    pub(crate) fn find(&self, label: &str) -> Result<Option<Object>, HsmError> {
        self.find_of(ObjectClass::SECRET_KEY, label)
    }

    /// The private half of a key pair with this label.
    pub(crate) fn find_private(&self, label: &str) -> Result<Option<Object>, HsmError> {
        self.find_of(ObjectClass::PRIVATE_KEY, label)
    }

    fn find_of(&self, class: ObjectClass, label: &str) -> Result<Option<Object>, HsmError> {
        let wanted = [Search::Class(class), Search::Token(true), Search::Label(label.into())];
        match self.inner.find_objects(&wanted)?.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(Object(only.handle()))),
            several => {
                let message = format!("{} keys are labelled '{label}'", several.len());
                Err(HsmError::unusable("C_FindObjects", message))
            }
        }
    }

    /// Whether the user is logged in, as this session sees it.
    pub(crate) fn is_logged_in(&self) -> Result<bool, HsmError> {
        Ok(self.inner.get_session_info()?.session_state() == SessionState::RwUser)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    fn handle(&self) -> CK_SESSION_HANDLE {
        self.inner.handle()
    }
}

/// A module that claims to have written more than there was room for is broken.
fn room(function: &'static str, written: u64, room: usize) -> Result<usize, HsmError> {
    usize::try_from(written).ok().filter(|length| *length <= room).ok_or_else(|| {
        HsmError::unusable(function, format!("{function} claims {written} octets of {room}"))
    })
}
