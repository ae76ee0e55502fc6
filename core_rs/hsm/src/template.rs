// SPDX-License-Identifier: Apache-2.0
//! Attribute templates, from the names in the policy file to PKCS#11's arrays.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_TRUE, CK_ULONG, CKA_CLASS,
    CKA_KEY_TYPE, CKA_MODIFIABLE, CKK_AES, CKK_GENERIC_SECRET, CKO_SECRET_KEY,
};

/// One attribute with the value wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// The name without `CKA_`.
    pub(crate) name: &'static str,
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Flag(CK_BBOOL),
    Number(CK_ULONG),
}

impl Attribute {
    /// Reads an attribute as the policy file writes it; `None` for a name or
    /// word that is not known here.
    pub(crate) fn parse(name: &str, value: &toml::Value) -> Option<Self> {
        let (name, kind) = *NAMES.iter().find(|(known, _)| *known == name)?;
        let value = match (kind, value) {
            (CKA_CLASS, toml::Value::String(word)) => Value::Number(class(word)?),
            (CKA_KEY_TYPE, toml::Value::String(word)) => Value::Number(key_type(word)?),
            (CKA_CLASS | CKA_KEY_TYPE, _) => return None,
            (_, toml::Value::Boolean(flag)) => Value::Flag(bbool(*flag)),
            _ => return None,
        };
        Some(Self { name, kind, value })
    }

    /// The value if it is a flag.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            Value::Flag(flag) => Some(flag != CK_FALSE),
            Value::Number(_) => None,
        }
    }

    /// The same attribute with the value that the policy forbids.
    pub(crate) fn flipped(mut self) -> Self {
        self.value = match self.value {
            Value::Flag(flag) => Value::Flag(bbool(flag == CK_FALSE)),
            Value::Number(_) => Value::Number(CKK_AES),
        };
        self
    }

    /// How the self-test writes it.
    pub(crate) fn display(&self) -> String {
        match self.value {
            Value::Flag(flag) => format!("{}={}", self.name, flag != CK_FALSE),
            Value::Number(CKK_AES) => format!("{}=AES", self.name),
            Value::Number(_) => format!("{}=GENERIC_SECRET", self.name),
        }
    }

    fn as_raw(&self) -> CK_ATTRIBUTE {
        let (value, length) = match &self.value {
            Value::Flag(flag) => ((&raw const *flag).cast(), size_of::<CK_BBOOL>()),
            Value::Number(number) => ((&raw const *number).cast(), size_of::<CK_ULONG>()),
        };
        // PKCS#11 declares the pointer mutable and reads from it only.
        let value: *const std::ffi::c_void = value;
        CK_ATTRIBUTE { type_: self.kind, pValue: value.cast_mut(), ulValueLen: length as CK_ULONG }
    }
}

/// A set of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Attribute>);

impl Template {
    /// Adds an attribute, or changes the value it has.
    #[must_use]
    pub(crate) fn with(mut self, attribute: Attribute) -> Self {
        self.0.retain(|held| held.kind != attribute.kind);
        self.0.push(attribute);
        self
    }

    /// Adds or changes a flag, by its name in [`NAMES`].
    #[must_use]
    pub(crate) fn with_flag(self, name: &'static str, flag: bool) -> Self {
        let attribute = Attribute::parse(name, &toml::Value::Boolean(flag));
        self.with(attribute.expect("the name is one of ours"))
    }

    /// Adds or changes the type of key, for templates that leave it open.
    #[must_use]
    pub(crate) fn with_key_type(self, key_type: CK_ULONG) -> Self {
        self.with(Attribute {
            name: "KEY_TYPE",
            kind: CKA_KEY_TYPE,
            value: Value::Number(key_type),
        })
    }

    /// Leaves an attribute out.
    #[must_use]
    pub(crate) fn without(mut self, attribute: &Attribute) -> Self {
        self.0.retain(|held| held.kind != attribute.kind);
        self
    }

    pub(crate) fn contains(&self, attribute: &Attribute) -> bool {
        self.0.contains(attribute)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    /// PKCS#11's form. The pointers are into `self`: use it while `self` lives.
    ///
    /// `MODIFIABLE` comes last: `SoftHSM` takes a template attribute by attribute, and
    /// nothing of an object that is not modifiable any more.
    pub(crate) fn as_raw(&self) -> Vec<CK_ATTRIBUTE> {
        let mut raw: Vec<_> = self.0.iter().map(Attribute::as_raw).collect();
        raw.sort_by_key(|attribute| attribute.type_ == CKA_MODIFIABLE);
        raw
    }
}

fn class(word: &str) -> Option<CK_ULONG> {
    (word == "SECRET_KEY").then_some(CKO_SECRET_KEY)
}

fn key_type(word: &str) -> Option<CK_ULONG> {
    match word {
        "GENERIC_SECRET" => Some(CKK_GENERIC_SECRET),
        "AES" => Some(CKK_AES),
        _ => None,
    }
}

fn bbool(flag: bool) -> CK_BBOOL {
    if flag { CK_TRUE } else { CK_FALSE }
}

macro_rules! names {
    ($($name:literal = $kind:ident),* $(,)?) => {
        const NAMES: &[(&str, CK_ATTRIBUTE_TYPE)] = &[$(($name, cryptoki_sys::$kind)),*];
    };
}

names! {
    "CLASS" = CKA_CLASS,
    "KEY_TYPE" = CKA_KEY_TYPE,
    "TOKEN" = CKA_TOKEN,
    "PRIVATE" = CKA_PRIVATE,
    "SENSITIVE" = CKA_SENSITIVE,
    "EXTRACTABLE" = CKA_EXTRACTABLE,
    "TRUSTED" = CKA_TRUSTED,
    "WRAP_WITH_TRUSTED" = CKA_WRAP_WITH_TRUSTED,
    "MODIFIABLE" = CKA_MODIFIABLE,
    "COPYABLE" = CKA_COPYABLE,
    "DESTROYABLE" = CKA_DESTROYABLE,
    "SIGN" = CKA_SIGN,
    "SIGN_RECOVER" = CKA_SIGN_RECOVER,
    "VERIFY" = CKA_VERIFY,
    "ENCRYPT" = CKA_ENCRYPT,
    "DECRYPT" = CKA_DECRYPT,
    "DERIVE" = CKA_DERIVE,
    "WRAP" = CKA_WRAP,
    "UNWRAP" = CKA_UNWRAP,
}
