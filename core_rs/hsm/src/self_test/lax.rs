// SPDX-License-Identifier: Apache-2.0
//! Sealed seeds, opened in every way that the policy forbids.

use super::Report;
use crate::{
    policy::Policy,
    raw::Mechanism,
    session::{Object, Session},
    template::{Attribute, Template},
};

/// A sealed seed, and how it is opened.
pub(super) struct Sealed<'s> {
    /// For people: "the canary".
    pub(super) name: &'s str,
    pub(super) mechanism: Mechanism<'s>,
    pub(super) key: Object,
    pub(super) blob: &'s [u8],
    /// What opens it.
    pub(super) template: &'s Template,
}

impl Sealed<'_> {
    /// The unwrap template is a match: what it holds may be neither changed nor left out.
    pub(super) fn open_laxly(&self, policy: &Policy, session: &Session, report: &mut Report) {
        for attribute in policy.unwrap_template.iter() {
            let flipped = attribute.flipped();
            let template = self.template.clone().with(flipped);
            let opened = session.unwrap(self.mechanism, self.key, self.blob, &template);
            let attempt = format!("open {} with {}", self.name, flipped.display());
            report.must_be_refused(&attempt, opened, session);
            self.open_without(attribute, session, report);
        }
    }

    /// An HSM may also merge: then what it made is as strict as the policy.
    fn open_without(&self, attribute: &Attribute, session: &Session, report: &mut Report) {
        let template = self.template.clone().without(attribute);
        let opened = session.unwrap(self.mechanism, self.key, self.blob, &template);
        let merged = opened.as_ref().is_ok_and(|seed| {
            let wanted = attribute.flag();
            wanted.is_some() && session.flag(*seed, attribute.kind).ok() == wanted
        });
        let attempt = format!("open {} with no {}", self.name, attribute.name);
        if let (true, Ok(seed)) = (merged, &opened) {
            report.add(&attempt, "refused", format!("{} all the same", attribute.display()), true);
            report.must_vanish(&session.destroy(*seed));
        } else {
            report.must_be_refused(&attempt, opened, session);
        }
    }

    /// As the policy wants it, but by another mechanism.
    pub(super) fn open_by(
        &self,
        name: &str,
        mechanism: Mechanism,
        session: &Session,
        report: &mut Report,
    ) {
        let opened = session.unwrap(mechanism, self.key, self.blob, self.template);
        report.must_be_refused(&format!("open {} with {name}", self.name), opened, session);
    }
}
