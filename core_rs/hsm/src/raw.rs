// SPDX-License-Identifier: Apache-2.0
//! The module's function list, for what `cryptoki` lacks: signing into a buffer
//! of ours with one call, mechanisms by number, templates with attributes left out.

use std::ptr;

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_MECHANISM, CK_MECHANISM_TYPE, CK_RV, CK_ULONG,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_OK, Pkcs11,
};

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
    parameter: &'p [u8],
}

impl<'p> Mechanism<'p> {
    pub(crate) const fn plain(kind: CK_MECHANISM_TYPE) -> Self {
        Self { kind, parameter: &[] }
    }

    pub(crate) const fn with_iv(kind: CK_MECHANISM_TYPE, iv: &'p [u8; 16]) -> Self {
        Self { kind, parameter: iv }
    }

    /// PKCS#11's form. The pointer is into the parameter: use it while that lives.
    pub(crate) fn as_raw(self) -> CK_MECHANISM {
        // An empty parameter must be NULL: some modules refuse any other pointer.
        let parameter = match self.parameter {
            [] => ptr::null_mut(),
            octets => octets.as_ptr().cast_mut().cast(),
        };
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: parameter,
            ulParameterLen: ulong(self.parameter.len()),
        }
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
