// SPDX-License-Identifier: Apache-2.0
//! The HSM is asked, never trusted by name.
//!
//! What the key policy forbids is tried against the real keys; what it promises
//! is used. Everything made here is a session object and is destroyed. A key is
//! never told to destroy itself: that flag is read.

use cryptoki_sys::{CKM_AES_CBC, CKM_AES_KEY_GEN, CKM_AES_KEY_WRAP};

use crate::{
    canary::Canary,
    error::{Error, HsmError},
    keys::{Provider, TenantKeys},
    partition::Partition,
    policy::Policy,
    raw::Mechanism,
    session::{Object, Session},
    template::{Attribute, Template},
};

mod envelope;
mod lax;

use lax::Sealed;

/// Octets of the AES key that an attacker would bring.
const OWN_KEY: usize = 32;

/// One line of the self-test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The label of the key.
    pub subject: String,
    /// What was tried.
    pub attempt: String,
    /// What must come of it: "refused", `CKR_OK`, or the value of a flag.
    pub wanted: String,
    /// What came of it; for an attribute that was left out and came out as the
    /// policy wants it all the same, that attribute.
    pub got: String,
    /// Whether that is as wanted.
    pub passed: bool,
}

/// One tenant's keys, with the canary that was sealed under them.
pub(crate) struct Subject<'h> {
    pub(crate) partition: &'h Partition,
    pub(crate) policy: &'h Policy,
    pub(crate) provider: &'h Provider,
    pub(crate) canary: &'h Canary,
    pub(crate) keys: TenantKeys,
}

impl Subject<'_> {
    /// All attempts, in a session of their own.
    pub(crate) fn examine(&self) -> Result<Vec<Finding>, Error> {
        let session = self.partition.session()?;
        let mut report = Report::about(self.label("wrapping")?);
        self.open_the_canary(&session, &mut report);
        self.open_it_laxly(&session, &mut report);
        self.wrap_the_canary(&session, &mut report);
        self.misuse_the_wrapping_key(&session, &mut report)?;
        self.read_flags("wrapping", self.keys.wrapping, &session, &mut report)?;
        report.subject = self.label("row")?;
        self.read_flags("row", self.keys.row, &session, &mut report)?;
        self.examine_provisioning(&session, &mut report)?;
        Ok(report.findings)
    }

    fn open_the_canary(&self, session: &Session, report: &mut Report) {
        let answer = self.canary.sing(session, self.keys, self.policy, self.provider);
        report.must_work("open the canary as a verification does and compute its HMAC", &answer);
    }

    fn open_it_laxly(&self, session: &Session, report: &mut Report) {
        let canary = Sealed {
            name: "the canary",
            mechanism: self.provider.key_wrap(),
            key: self.keys.wrapping,
            blob: &self.canary.blob,
            template: &self.policy.verify,
        };
        canary.open_laxly(self.policy, session, report);
        canary.open_by("AES_KEY_WRAP", Mechanism::plain(CKM_AES_KEY_WRAP), session, report);
    }

    /// A seed leaves under a TRUSTED key, and under no other.
    fn wrap_the_canary(&self, session: &Session, report: &mut Report) {
        let kwp = self.provider.key_wrap();
        let (wrapping, blob) = (self.keys.wrapping, &self.canary.blob);
        let opened = session.unwrap(kwp, wrapping, blob, &self.policy.reseal);
        let Ok(seed) = opened else {
            report.must_work("open the canary to be wrapped again", &opened.map(drop));
            return;
        };
        let wrapped = session.wrap(kwp, wrapping, seed);
        report.must_work("wrap the canary under the wrapping key", &wrapped.map(drop));
        let wrapped = session.wrap(Mechanism::plain(CKM_AES_KEY_WRAP), wrapping, seed);
        report.must_not_work("wrap the canary with AES_KEY_WRAP", &wrapped.map(drop));
        match own_key(session) {
            Ok(own) => {
                let wrapped = session.wrap(kwp, own, seed);
                report
                    .must_not_work("wrap the canary under a key of one's own", &wrapped.map(drop));
                report.must_vanish(&session.destroy(own));
            }
            Err(error) => report.must_work("make a key of one's own", &Err(error)),
        }
        report.must_vanish(&session.destroy(seed));
    }

    /// An operation that should not have begun cannot be cancelled, so each is
    /// tried in a session that is closed after it.
    fn misuse_the_wrapping_key(
        &self,
        session: &Session,
        report: &mut Report,
    ) -> Result<(), HsmError> {
        let cbc = Mechanism::with_iv(CKM_AES_CBC, &[0; 16]);
        let begun = self.partition.session()?.encrypt_init(cbc, self.keys.wrapping);
        report.must_not_work("encrypt with the wrapping key", &begun);
        let begun = self.partition.session()?.decrypt_init(cbc, self.keys.wrapping);
        report.must_not_work("decrypt with the wrapping key", &begun);
        let template = Template::default().with_flag("TOKEN", false);
        let copied = session.copy(self.keys.wrapping, &template);
        report.must_be_refused("copy the wrapping key", copied, session);
        Ok(())
    }

    fn read_flags(
        &self,
        key: &str,
        object: Object,
        session: &Session,
        report: &mut Report,
    ) -> Result<(), Error> {
        for attribute in self.policy.key_attributes(key)?.iter() {
            report.must_read(attribute, session.flag(object, attribute.kind));
        }
        Ok(())
    }

    fn label(&self, key: &str) -> Result<String, Error> {
        self.policy.label(key, &self.canary.tenant, self.canary.key_version)
    }
}

/// What an attacker with the PIN would bring to carry a seed out.
fn own_key(session: &Session) -> Result<Object, HsmError> {
    let template = Template::default()
        .with_flag("TOKEN", false)
        .with_flag("PRIVATE", true)
        .with_flag("SENSITIVE", true)
        .with_flag("WRAP", true)
        .with_flag("DECRYPT", true);
    session.generate(Mechanism::plain(CKM_AES_KEY_GEN), &template, OWN_KEY)
}

struct Report {
    subject: String,
    findings: Vec<Finding>,
}

impl Report {
    fn about(subject: String) -> Self {
        Self { subject, findings: Vec::new() }
    }

    fn must_work(&mut self, attempt: &str, outcome: &Result<(), HsmError>) {
        let passed = outcome.is_ok();
        self.add(attempt, "CKR_OK", got(outcome), passed);
    }

    fn must_not_work(&mut self, attempt: &str, outcome: &Result<(), HsmError>) {
        // A dead HSM refuses nothing: only a plain no counts.
        let passed = outcome.as_ref().is_err_and(HsmError::is_refusal);
        self.add(attempt, "refused", got(outcome), passed);
    }

    /// As `must_not_work`; what came of it nevertheless is destroyed at once.
    fn must_be_refused(
        &mut self,
        attempt: &str,
        outcome: Result<Object, HsmError>,
        session: &Session,
    ) {
        let made = outcome.as_ref().ok().copied();
        self.must_not_work(attempt, &outcome.map(drop));
        if let Some(object) = made {
            self.must_vanish(&session.destroy(object));
        }
    }

    /// Worth a line only where it fails: the trace is then still there.
    fn must_vanish(&mut self, destroyed: &Result<(), HsmError>) {
        if destroyed.is_err() {
            self.must_work("destroy what the attempt made", destroyed);
        }
    }

    fn must_read(&mut self, attribute: &Attribute, outcome: Result<bool, HsmError>) {
        let Some(wanted) = attribute.flag() else { return };
        let passed = outcome.as_ref().is_ok_and(|flag| *flag == wanted);
        let got = outcome.map_or_else(|error| error.rv().into_owned(), |flag| flag.to_string());
        self.add(&format!("read {}", attribute.name), &wanted.to_string(), got, passed);
    }

    fn add(&mut self, attempt: &str, wanted: &str, got: String, passed: bool) {
        self.findings.push(Finding {
            subject: self.subject.clone(),
            attempt: attempt.to_owned(),
            wanted: wanted.to_owned(),
            got,
            passed,
        });
    }
}

fn got(outcome: &Result<(), HsmError>) -> String {
    match outcome {
        Ok(()) => "CKR_OK".to_owned(),
        Err(error) if error.is_of_the_module() => error.rv().into_owned(),
        Err(error) => error.to_string(),
    }
}
