// SPDX-License-Identifier: Apache-2.0
//! The module's function list, for what `cryptoki` lacks: signing into a buffer
//! of ours with one call, mechanisms by number, templates with attributes left out.

use std::{ffi::c_void, marker::PhantomData, ptr};

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_MECHANISM, CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE,
    CK_RSA_PKCS_OAEP_PARAMS, CK_RV, CK_ULONG, CKG_MGF1_SHA1, CKG_MGF1_SHA256, CKG_MGF1_SHA512,
    CKM_RSA_PKCS_OAEP, CKM_SHA_1, CKM_SHA256, CKM_SHA512, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
    CKZ_DATA_SPECIFIED, Pkcs11,
};
use kagimori_otp::Hash;

use crate::error::HsmError;

/// The functions, and the library that they live in.
pub(crate) struct Raw {
    pub(crate) list: CK_FUNCTION_LIST,
    // The list points into it.
    _library: Pkcs11,
}

impl Raw {
    /// Loads `path`. `cryptoki` loads the same path: it is one module, counted twice.
    pub(crate) fn load(path: &str) -> Result<Self, HsmError> {
        let trouble = |why: String| HsmError::not_loaded(format!("PKCS#11 module {path}: {why}"));
        // SAFETY: the operator names a PKCS#11 module; loading it runs its initialisers.
        let library = unsafe { Pkcs11::new(path) }.map_err(|error| trouble(error.to_string()))?;
        let get_list = library.C_GetFunctionList.as_ref().map_err(|e| trouble(e.to_string()))?;
        let mut list: CK_FUNCTION_LIST_PTR = ptr::null_mut();
        // SAFETY: the function writes one pointer to where it is told.
        checked("C_GetFunctionList", unsafe { get_list(&raw mut list) })?;
        // SAFETY: PKCS#11 §5.4: the list is the library's own and lives as long as that.
        let list = unsafe { list.as_ref() }
            .copied()
            .ok_or_else(|| trouble("C_GetFunctionList gave no list".to_owned()))?;
        Ok(Self { list, _library: library })
    }
}

/// A mechanism by its number, with or without a parameter.
#[derive(Clone, Copy)]
pub(crate) struct Mechanism<'p> {
    kind: CK_MECHANISM_TYPE,
    parameter: *const c_void,
    length: usize,
    borrowed: PhantomData<&'p ()>,
}

impl<'p> Mechanism<'p> {
    pub(crate) const fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        // No parameter must be NULL: some modules refuse any other pointer.
        Self { kind, parameter: ptr::null(), length: 0, borrowed: PhantomData }
    }

    pub(crate) const fn with_iv(kind: CK_MECHANISM_TYPE, iv: &'p [u8]) -> Self {
        Self { kind, parameter: iv.as_ptr().cast(), length: iv.len(), borrowed: PhantomData }
    }

    const fn with<P>(parameter: &'p P) -> Self {
        let (parameter, length) = ((&raw const *parameter).cast(), size_of::<P>());
        Self { kind: 0, parameter, length, borrowed: PhantomData }
    }

    /// PKCS#11's form. The pointer is to the parameter: use it while that lives.
    pub(crate) fn as_raw(self) -> CK_MECHANISM {
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: self.parameter.cast_mut(),
            ulParameterLen: ulong(self.length),
        }
    }
}

/// What RSAES-OAEP is told (RFC 8017 §7.1): one hash for both uses, no label.
pub(crate) struct Oaep(CK_RSA_PKCS_OAEP_PARAMS);

impl Oaep {
    pub(crate) const fn new(hash: Hash) -> Self {
        let (hash, mgf) = oaep_names(hash);
        Self(CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: 0,
        })
    }

    pub(crate) const fn mechanism(&self) -> Mechanism<'_> {
        Mechanism { kind: CKM_RSA_PKCS_OAEP, ..Mechanism::with(&self.0) }
    }
}

const fn oaep_names(hash: Hash) -> (CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE) {
    match hash {
        Hash::Sha1 => (CKM_SHA_1, CKG_MGF1_SHA1),
        Hash::Sha256 => (CKM_SHA256, CKG_MGF1_SHA256),
        Hash::Sha512 => (CKM_SHA512, CKG_MGF1_SHA512),
    }
}

/// The function, if the module has it.
pub(crate) fn required<F>(name: &'static str, function: Option<F>) -> Result<F, HsmError> {
    function.ok_or_else(|| HsmError::returned(name, CKR_FUNCTION_NOT_SUPPORTED))
}

pub(crate) fn checked(function: &'static str, code: CK_RV) -> Result<(), HsmError> {
    if code == CKR_OK { Ok(()) } else { Err(HsmError::returned(function, code)) }
}

/// A length in PKCS#11's type, which is as wide as `usize` on every Unix.
pub(crate) const fn ulong(length: usize) -> CK_ULONG {
    length as CK_ULONG
}
