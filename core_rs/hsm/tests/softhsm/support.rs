// SPDX-License-Identifier: Apache-2.0
//! A `SoftHSM` of the tests' own, with a wrapping key that is trusted but has no
//! unwrap template: everything works with it, and it must not be relied on.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
};
use kagimori_hsm::{
    AuthPin, Canary, Identity, ImportSettings, Login, Provider, ROW_MAC, Row, Settings, Vault,
};
use kagimori_otp::{Digits, Hash};
use tempfile::TempDir;

use crate::phone::{Phone, make_phone};

pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const TENANT: &str = "10112231";
pub const SEED: &[u8] = b"12345678901234567890"; // RFC 4226 Appendix D
pub const POLICY: &str = include_str!("../../../../server/kagimori/key_policy/policy.toml");

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub const PIN: &str = "2468";
const SO_PIN: &str = "1357";
pub const LABEL: &str = "kagimori-cargo-test";

/// What the tests share: the module can be initialised once in a process, so
/// they go one after the other.
pub struct Bench {
    _directory: TempDir,
    canary: Canary,
    newer_canary: Canary,
    blob: Vec<u8>,
    pub file: VendorFile,
    pub phone: Phone,
}

/// What a vendor would send: the tests' seed, its MAC key, encrypted both ways.
pub struct VendorFile {
    pub mac_key: Vec<u8>,
    pub wrapped_seed: Vec<u8>,
    pub wrapped_mac_key: Vec<u8>,
    pub cbc_seed: Vec<u8>,
    pub cbc_mac_key: Vec<u8>,
}

/// The bench, for one test at a time; `None`, with a line, where there is no `SoftHSM`.
pub fn bench() -> Option<(MutexGuard<'static, ()>, &'static Bench)> {
    static TURN: Mutex<()> = Mutex::new(());
    static BENCH: OnceLock<Bench> = OnceLock::new();
    if !Path::new(MODULE).exists() {
        eprintln!("skipped: SoftHSM's module is not installed ({MODULE})");
        return None;
    }
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Some((turn, BENCH.get_or_init(Bench::new)))
}

impl Bench {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        make_partition(directory.path());
        let context = Pkcs11::new(MODULE).unwrap();
        context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let session = logged_in(&context);
        let (canary, blob) = make_keys(&session, 1);
        let (newer_canary, _) = make_keys(&session, 2);
        let file = make_vendor_file(&session);
        let phone = make_phone(&session);
        drop(session);
        context.finalize().unwrap();
        Self { _directory: directory, canary, newer_canary, blob, file, phone }
    }

    pub fn import_settings(&self, allow_host_transient: bool) -> ImportSettings {
        let Settings { module, login, policy, provider, canaries, .. } = self.settings();
        let importing = Some(login.clone());
        ImportSettings {
            module,
            serving: login,
            importing,
            policy,
            provider,
            canaries,
            allow_host_transient,
            allow_clear_text: allow_host_transient,
        }
    }

    /// After the keys' rotation, as [`Bench::rotated_vault`].
    pub fn rotated_import_settings(&self) -> ImportSettings {
        let canaries = vec![self.newer_canary.clone(), self.canary.clone()];
        ImportSettings { canaries, ..self.import_settings(false) }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            module: MODULE.to_owned(),
            login: Login { label: LABEL.to_owned(), pin: AuthPin::from(PIN) },
            policy: POLICY.to_owned(),
            provider: Provider {
                kwp: 0x210A,
                wrap_format: "RFC5649".to_owned(),
                oaep_hash: Hash::Sha1,
                hmac_min_is_hash_length: true,
            },
            canaries: vec![self.canary.clone()],
            sessions: 2,
            cache_entries: 8,
            cache_lifetime: Duration::from_mins(1),
        }
    }

    /// A vault after the keys' rotation: it has two versions of each.
    pub fn rotated_vault(&self) -> Vault {
        let canaries = vec![self.newer_canary.clone(), self.canary.clone()];
        Vault::open(Settings { canaries, ..self.settings() }).unwrap()
    }

    pub fn vault(&self) -> Vault {
        Vault::open(self.settings()).unwrap()
    }

    /// A row of the tests' seed, as the database would hold it.
    pub fn row<'b>(&'b self, vault: &Vault, change: impl Fn(&mut Identity<'b>)) -> Row {
        let mut identity = self.identity();
        change(&mut identity);
        let mac = mac(vault, &identity);
        Row::new(&identity, &mac)
    }

    /// The row with the MAC of the unchanged one.
    pub fn changed_row(&self, vault: &Vault, change: impl Fn(&mut Identity)) -> Row {
        let mac = mac(vault, &self.identity());
        let mut identity = self.identity();
        change(&mut identity);
        Row::new(&identity, &mac)
    }

    fn identity(&self) -> Identity<'_> {
        Identity {
            tenant: TENANT,
            token_id: "7",
            serial: "2V0716016FK2",
            subscriber: "",
            kind: "HARDWARE",
            purpose: "AUTHENTICATION",
            factor: "EVENT",
            hash: Hash::Sha1,
            digits: Digits::new(6).unwrap(),
            period: 0,
            t0: 0,
            custody: "UNWRAPPED_IN_HSM",
            seed_length: 24,
            key_version: 1,
            wrap_format: "RFC5649",
            blob: &self.blob,
        }
    }
}

fn mac(vault: &Vault, identity: &Identity) -> [u8; ROW_MAC] {
    vault.row_mac(&Arc::new(Row::new(identity, &[])), PATIENCE).unwrap()
}

/// Pings until the workers have closed what is expired or outdated.
pub fn until_no_seed_is_open(vault: &Vault) {
    for _ in 0..1000 {
        vault.ping(PATIENCE).unwrap();
        if vault.cache_counts().unwrap().2 == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("seeds stay open");
}

fn make_partition(directory: &Path) {
    let tokens = directory.join("tokens");
    fs::create_dir(&tokens).unwrap();
    let configuration = directory.join("softhsm2.conf");
    fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    // SAFETY: this runs once, behind the tests' turn, before the module reads the variable.
    unsafe { std::env::set_var("SOFTHSM2_CONF", &configuration) };
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", SO_PIN])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

fn logged_in(context: &Pkcs11) -> Session {
    let session = opened(context);
    make_wrapping_keys(&session);
    session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
    session
}

/// A session of the user's, for a test that has initialised the module itself.
pub fn session_of(context: &Pkcs11) -> Session {
    let session = opened(context);
    session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
    session
}

fn opened(context: &Pkcs11) -> Session {
    let slots = context.get_slots_with_token().unwrap();
    let labelled = |slot: &_| context.get_token_info(*slot).unwrap().label() == LABEL;
    context.open_rw_session(slots.into_iter().find(labelled).unwrap()).unwrap()
}

/// Only the security officer can mark a key as trusted.
fn make_wrapping_keys(session: &Session) {
    session.login(UserType::So, Some(&AuthPin::from(SO_PIN))).unwrap();
    let uses = [
        Attribute::Private(false),
        Attribute::Trusted(true),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
    ];
    for version in [1, 2] {
        make_key(session, &Mechanism::AesKeyGen, &label("wrapping", version), &uses);
    }
    session.logout().unwrap();
}

fn make_keys(session: &Session, version: u32) -> (Canary, Vec<u8>) {
    let wanted = [Attribute::Label(label("wrapping", version).into())];
    let wrapping = session.find_objects(&wanted).unwrap()[0];
    let row = [
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Private(true),
        Attribute::Sign(true),
    ];
    make_key(session, &Mechanism::GenericSecretKeyGen, &label("row", version), &row);
    let seal = |value: &[u8]| {
        let seed = session.create_object(&seed_template(value)).unwrap();
        let blob = session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping, seed).unwrap();
        (seed, blob)
    };
    let (seed, blob) = seal(&[7; 32]);
    let response = session.sign(&Mechanism::Sha256Hmac, seed, b"who sings?").unwrap();
    let challenge = b"who sings?".to_vec();
    let tenant = TENANT.to_owned();
    let canary = Canary { tenant, key_version: version, blob, challenge, response };
    (canary, seal(SEED).1)
}

fn make_vendor_file(session: &Session) -> VendorFile {
    let uses = [Attribute::Private(true), Attribute::Wrap(true), Attribute::Unwrap(true)];
    let transport = make_key(session, &Mechanism::AesKeyGen, "vendor/acme/transport/1", &uses);
    let uses = [Attribute::Private(true), Attribute::Encrypt(true), Attribute::Decrypt(true)];
    let transient = make_key(session, &Mechanism::AesKeyGen, "vendor/acme/transient/1", &uses);
    let mac_key = b"a MAC key of 32 octets, no fewer".to_vec();
    let wrap = |value: &[u8]| {
        let object = session.create_object(&seed_template(value)).unwrap();
        session.wrap_key(&Mechanism::AesKeyWrapPad, transport, object).unwrap()
    };
    let cbc = |value: &[u8]| {
        let iv = [9; 16];
        let data = session.encrypt(&Mechanism::AesCbcPad(iv), transient, value).unwrap();
        [&iv[..], &data].concat()
    };
    VendorFile {
        wrapped_seed: wrap(SEED),
        wrapped_mac_key: wrap(&mac_key),
        cbc_seed: cbc(SEED),
        cbc_mac_key: cbc(&mac_key),
        mac_key,
    }
}

pub fn label(name: &str, version: u32) -> String {
    format!("{TENANT}/{name}/{version}")
}

fn make_key(
    session: &Session,
    mechanism: &Mechanism,
    label: &str,
    uses: &[Attribute],
) -> ObjectHandle {
    let mut template = vec![
        Attribute::Token(true),
        Attribute::Sensitive(true),
        Attribute::ValueLen(32.into()),
        Attribute::Label(label.into()),
    ];
    template.extend_from_slice(uses);
    session.generate_key(mechanism, &template).unwrap()
}

fn seed_template(value: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::Sign(true),
        Attribute::Value(value.to_vec()),
    ]
}
