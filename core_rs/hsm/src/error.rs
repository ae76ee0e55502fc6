// SPDX-License-Identifier: Apache-2.0
//! One family of errors.

use std::{borrow::Cow, fmt};

use cryptoki_sys::{
    CK_RV, CKR_ARGUMENTS_BAD, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
    CKR_GENERAL_ERROR, CKR_KEY_SIZE_RANGE, CKR_OK, CKR_WRAPPED_KEY_INVALID,
    CKR_WRAPPED_KEY_LEN_RANGE,
};

use crate::rv;

/// What can help after a PKCS#11 call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// A new session.
    Session,
    /// A new login, which a logout elsewhere made necessary.
    Login,
    /// Finding the keys again.
    Object,
    /// Waiting for the HSM to come back.
    Device,
    /// Nothing: a person must look.
    Fatal,
    /// Asking again: no session came free in time.
    Busy,
    /// Asking another process: a call of this one does not return.
    Hung,
}

impl Recovery {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Login => "login",
            Self::Object => "object",
            Self::Device => "device",
            Self::Fatal => "fatal",
            Self::Busy => "busy",
            Self::Hung => "hung",
        }
    }
}

/// A PKCS#11 function that failed, or gave an answer that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsmError {
    message: String,
    function: Cow<'static, str>,
    code: Option<CK_RV>,
    recovery: Recovery,
}

impl HsmError {
    /// `function` returned `code`.
    pub(crate) fn returned(function: impl Into<Cow<'static, str>>, code: CK_RV) -> Self {
        let function = function.into();
        let message = format!("{function} returned {}", rv::name(code));
        Self { message, function, code: Some(code), recovery: rv::recovery(code) }
    }

    /// `function` returned `CKR_OK`, but what it answered cannot be worked with.
    pub(crate) fn unusable(function: &'static str, message: String) -> Self {
        let function = Cow::Borrowed(function);
        Self { message, function, code: Some(CKR_OK), recovery: Recovery::Fatal }
    }

    /// No function was called.
    pub(crate) fn without_call(message: impl Into<String>, recovery: Recovery) -> Self {
        Self { message: message.into(), function: Cow::Borrowed(""), code: None, recovery }
    }

    /// The module could not be loaded at all.
    pub(crate) fn not_loaded(message: String) -> Self {
        let function = Cow::Borrowed("dlopen");
        Self { message, function, code: None, recovery: Recovery::Fatal }
    }

    /// Says what was being done.
    #[must_use]
    pub(crate) fn during(mut self, context: &str) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Says that something else can help than the code alone suggests.
    #[must_use]
    pub(crate) fn calls_for(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    /// The function, such as `C_Sign`; empty where none was called.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The name of what it returned, such as `CKR_DEVICE_ERROR`; empty where none was called.
    #[must_use]
    pub fn rv(&self) -> Cow<'static, str> {
        self.code.map_or(Cow::Borrowed(""), rv::name)
    }

    /// What can help.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Whether a call failed, as opposed to an answer being of no use.
    pub(crate) fn is_of_the_module(&self) -> bool {
        self.code.is_some_and(|code| code != CKR_OK)
    }

    pub(crate) fn is(&self, code: CK_RV) -> bool {
        self.code == Some(code)
    }

    /// Whether the HSM says that what was to be unwrapped is no wrapped key.
    /// Some say it as `CKR_GENERAL_ERROR`, which can also mean that they are dead.
    pub(crate) fn is_about_the_blob(&self) -> bool {
        self.is(CKR_WRAPPED_KEY_INVALID)
            || self.is(CKR_WRAPPED_KEY_LEN_RANGE)
            || self.is(CKR_ENCRYPTED_DATA_INVALID)
            || self.is(CKR_ENCRYPTED_DATA_LEN_RANGE)
    }

    pub(crate) fn may_be_about_the_blob(&self) -> bool {
        self.function == "C_UnwrapKey" && (self.is_about_the_blob() || self.is(CKR_GENERAL_ERROR))
    }

    /// Whether the HSM said no: not that it is unable to answer, and not that
    /// it tried and the data were no good, which says that it would have done it.
    pub(crate) fn is_refusal(&self) -> bool {
        let tried = self.is_about_the_blob() || self.is(CKR_KEY_SIZE_RANGE);
        let misunderstood = self.is(CKR_ARGUMENTS_BAD);
        self.is_of_the_module() && self.recovery == Recovery::Fatal && !(tried || misunderstood)
    }
}

impl fmt::Display for HsmError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for HsmError {}

impl From<cryptoki::error::Error> for HsmError {
    fn from(error: cryptoki::error::Error) -> Self {
        match error {
            cryptoki::error::Error::Pkcs11(rv, function) => {
                Self::returned(format!("C_{function:?}"), rv::code(rv))
            }
            other => Self::without_call(other.to_string(), Recovery::Fatal),
        }
    }
}

/// Why a vendor's seed cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedTrouble {
    /// The file says that it is authenticated, but this value is not.
    MacMissing,
    /// The value is not what the vendor wrote.
    MacMismatch,
    /// The vendor's key does not open it.
    UnwrapFailed,
    /// Too short for its hash or for RFC 4226 §4, R6.
    SeedTooShort,
    /// Only the host could open it, and that was not asked for.
    HostTransientNotAllowed,
    /// It is in clear, and that was not asked for.
    ClearTextNotAllowed,
    /// Neither the HSM nor this code opens it.
    UnsupportedAlgorithm,
    /// There is no key of this vendor.
    UnknownVendor,
}

impl SeedTrouble {
    /// The word for the import report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MacMissing => "MAC_MISSING",
            Self::MacMismatch => "MAC_MISMATCH",
            Self::UnwrapFailed => "UNWRAP_FAILED",
            Self::SeedTooShort => "SEED_TOO_SHORT",
            Self::HostTransientNotAllowed => "HOST_TRANSIENT_NOT_ALLOWED",
            Self::ClearTextNotAllowed => "CLEAR_TEXT_NOT_ALLOWED",
            Self::UnsupportedAlgorithm => "UNSUPPORTED_ALGORITHM",
            Self::UnknownVendor => "UNKNOWN_VENDOR",
        }
    }
}

/// Anything that goes wrong here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A PKCS#11 call failed.
    Hsm(HsmError),
    /// A token's row fails its MAC or names a key that is none of ours, or its
    /// blob is none of this HSM's.
    RowTampered,
    /// A vendor's seed cannot be taken over; the text never quotes key material.
    Seed(SeedTrouble, String),
    /// The phone's envelope with this index does not hold what it must, and why.
    Envelope(usize, &'static str),
    /// The key policy or the ceremony record is not what it must be.
    Policy(String),
}

impl Error {
    pub(crate) fn seed(trouble: SeedTrouble, detail: impl Into<String>) -> Self {
        Self::Seed(trouble, detail.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hsm(error) => error.fmt(out),
            Self::RowTampered => out.write_str("the token's row fails its MAC"),
            Self::Seed(trouble, detail) => write!(out, "{}: {detail}", trouble.word()),
            Self::Envelope(index, why) => write!(out, "envelope {index}: {why}"),
            Self::Policy(message) => out.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<HsmError> for Error {
    fn from(error: HsmError) -> Self {
        Self::Hsm(error)
    }
}
