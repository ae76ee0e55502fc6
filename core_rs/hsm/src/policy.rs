// SPDX-License-Identifier: Apache-2.0
//! The key policy: one data file that the ceremony and this crate both read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    error::Error,
    template::{Attribute, Template},
};

/// The version of the file's layout that this crate reads.
const SCHEMA: u32 = 1;

/// What the policy file says, of what is needed here.
pub(crate) struct Policy {
    /// A seed opened to compute codes.
    pub(crate) verify: Template,
    /// A seed opened to be wrapped again.
    pub(crate) reseal: Template,
    /// A delivery's own key that opens its seeds inside the HSM.
    pub(crate) unwrapping: Template,
    /// A delivery's own key that opens them for the host; of what type, the file says.
    pub(crate) decrypting: Template,
    /// What every key that opens seeds insists on.
    pub(crate) unwrap_template: Template,
    /// What a key that opens deliveries' keys insists on.
    onetime_template: Template,
    keys: BTreeMap<String, KeyPolicy>,
}

struct KeyPolicy {
    label: String,
    attributes: Template,
}

impl Policy {
    /// Reads the text of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|error| wrong(error.message()))?;
        if file.schema != SCHEMA {
            return Err(wrong(&format!("schema is {}, not {SCHEMA}", file.schema)));
        }
        let policy = Self {
            verify: file.seed_template("verify")?,
            reseal: file.seed_template("reseal")?,
            unwrapping: file.seed_template("unwrapping")?,
            decrypting: file.seed_template("decrypting")?,
            unwrap_template: template("unwrap_template", &file.unwrap_template)?,
            onetime_template: template("onetime_template", &file.onetime_template)?,
            keys: file.key_policies()?,
        };
        policy.check()?;
        Ok(policy)
    }

    /// The label of a key: `key` as in `[key.…]`, its placeholders filled in.
    pub(crate) fn label(&self, key: &str, owner: &str, version: u32) -> Result<String, Error> {
        let label = &self.key(key)?.label;
        let version = version.to_string();
        let filled = ["{tenant}", "{vendor}"]
            .iter()
            .fold(label.clone(), |text, placeholder| text.replace(placeholder, owner));
        Ok(filled.replace("{version}", &version))
    }

    /// The flags that a key must have been made with.
    pub(crate) fn key_attributes(&self, key: &str) -> Result<&Template, Error> {
        Ok(&self.key(key)?.attributes)
    }

    fn key(&self, key: &str) -> Result<&KeyPolicy, Error> {
        self.keys.get(key).ok_or_else(|| wrong(&format!("there is no [key.{key}]")))
    }

    /// An `UNWRAP_TEMPLATE` is a match, not a default: what a seed is opened with
    /// must hold all of it, and so must the key of a delivery.
    fn check(&self) -> Result<(), Error> {
        for (name, seed, insisted_on) in [
            ("verify", &self.verify, &self.unwrap_template),
            ("reseal", &self.reseal, &self.unwrap_template),
            ("unwrapping", &self.unwrapping, &self.onetime_template),
        ] {
            for attribute in insisted_on.iter() {
                if !seed.contains(attribute) {
                    let wanted = attribute.display();
                    return Err(wrong(&format!("[seed.{name}] lacks {wanted}")));
                }
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct File {
    schema: u32,
    seed: BTreeMap<String, toml::Table>,
    unwrap_template: toml::Table,
    onetime_template: toml::Table,
    key: BTreeMap<String, KeyEntry>,
}

#[derive(Deserialize)]
struct KeyEntry {
    label: String,
    attributes: toml::Table,
}

impl File {
    fn seed_template(&self, name: &str) -> Result<Template, Error> {
        let place = format!("seed.{name}");
        let missing = || wrong(&format!("there is no [{place}]"));
        let mut table = self.seed.get(name).ok_or_else(missing)?.clone();
        let Some(toml::Value::String(parent)) = table.remove("inherits") else {
            return template(&place, &table);
        };
        let mut inherited = self.seed.get(&parent).ok_or_else(missing)?.clone();
        inherited.extend(table);
        template(&place, &inherited)
    }

    fn key_policies(&self) -> Result<BTreeMap<String, KeyPolicy>, Error> {
        let policy = |(name, entry): (&String, &KeyEntry)| {
            let attributes = template(&format!("key.{name}.attributes"), &entry.attributes)?;
            Ok((name.clone(), KeyPolicy { label: entry.label.clone(), attributes }))
        };
        self.key.iter().map(policy).collect()
    }
}

fn template(place: &str, table: &toml::Table) -> Result<Template, Error> {
    let mut template = Template::default();
    for (name, value) in table {
        let unknown = || wrong(&format!("[{place}] has an attribute not understood: {name}"));
        template = template.with(Attribute::parse(name, value).ok_or_else(unknown)?);
    }
    Ok(template)
}

fn wrong(what: &str) -> Error {
    Error::Policy(format!("key policy: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../server/kagimori/key_policy/policy.toml");

    #[test]
    fn the_shipped_policy_is_understood() {
        let policy = Policy::parse(SHIPPED).unwrap();
        assert_eq!(policy.label("wrapping", "10112231", 3).unwrap(), "10112231/wrapping/3");
        assert_eq!(policy.label("transport", "acme", 1).unwrap(), "vendor/acme/transport/1");
        assert_eq!(policy.unwrap_template.iter().count(), 11);
        assert_eq!(policy.verify.iter().count(), policy.reseal.iter().count());
    }

    #[test]
    fn a_seed_that_would_not_open_is_found_on_paper() {
        let lax = SHIPPED.replacen("WRAP_WITH_TRUSTED = true", "WRAP_WITH_TRUSTED = false", 1);
        assert_eq!(complaint(&lax), "key policy: [seed.verify] lacks WRAP_WITH_TRUSTED=true");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let typo = SHIPPED.replacen("COPYABLE = false", "COPIABLE = false", 1);
        let wanted = "key policy: [key.wrapping.attributes] has an attribute not understood";
        assert!(complaint(&typo).starts_with(wanted));
        let newer = SHIPPED.replacen("schema = 1", "schema = 2", 1);
        assert_eq!(complaint(&newer), "key policy: schema is 2, not 1");
    }

    fn complaint(text: &str) -> String {
        Policy::parse(text).err().unwrap().to_string()
    }
}
