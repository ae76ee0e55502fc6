// SPDX-License-Identifier: Apache-2.0
//! Grid cards, against `SoftHSM`: drawn for printing in one process, asked in another.

use std::sync::Arc;

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use kagimori_hsm::{
    CellsAsked, Custody, DrawnCard, Error, ImportSettings, ImportVault, Recovery, Row, Vault,
};
use kagimori_otp::Cell;

use crate::support::{Bench, PATIENCE, POLICY, TENANT, bench, label, session_of};

/// What RFC 4226's seed shows: the last four digits of Appendix D's codes.
const SHOWN: [&str; 8] = ["5224", "7082", "9152", "9429", "8314", "4676", "7922", "2583"];

#[test]
fn a_card_of_the_rfcs_seed_shows_the_rfcs_digits() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.row(&vault, as_a_card));
    for first in 0..8 {
        for second in first + 1..8 {
            let shown = [first, second].map(|place| SHOWN[usize::try_from(place).unwrap()]);
            assert!(matches(&vault, &row, [first, second], shown));
            assert!(!matches(&vault, &row, [first, second], [shown[0], "0000"]));
            assert!(!matches(&vault, &row, [first, second], ["0000", shown[1]]));
            assert!(!matches(&vault, &row, [first, second], [shown[1], shown[0]]));
        }
    }
}

#[test]
fn what_was_drawn_for_printing_is_what_the_serving_process_expects() {
    let Some((_turn, bench)) = bench() else { return };
    let cards = drawn(bench, 3);
    let vault = bench.vault();
    for card in &cards {
        assert_eq!((card.sealed.custody, card.sealed.key_version), (Custody::CellsPrinted, 1));
        assert_eq!((card.sealed.length, card.sealed.blob.len()), (32, 40));
        let row = Arc::new(bench.row(&vault, |row| {
            as_a_card(row);
            row.blob = &card.sealed.blob;
        }));
        let shown = [1, 6].map(|place: usize| text(&card.cells[place]));
        assert!(matches(&vault, &row, [1, 6], [&shown[0], &shown[1]]));
        // A card may show the same at two of its places.
        assert_eq!(matches(&vault, &row, [1, 6], [&shown[1], &shown[0]]), shown[0] == shown[1]);
    }
    assert_ne!(cards[0].sealed.blob, cards[1].sealed.blob);
    assert_ne!(all_of(&cards[0]), all_of(&cards[1]));
}

#[test]
fn a_card_is_drawn_under_the_newest_key() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = ImportVault::open(bench.rotated_import_settings()).unwrap();
    assert_eq!(vault.draw_cards(TENANT, 1).unwrap()[0].sealed.key_version, 2);
}

#[test]
fn a_card_of_another_row_is_tampered() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = bench.vault();
    let row = Arc::new(bench.changed_row(&vault, as_a_card));
    assert!(matches!(ask(&vault, &row, [0, 1], ["5224", "7082"]), Err(Error::RowTampered)));
    // A token's row is no card's, and the other way round.
    let kind = |row: &mut kagimori_hsm::Identity| row.kind = "GRID_CARD";
    let row = Arc::new(bench.changed_row(&vault, kind));
    assert!(matches!(ask(&vault, &row, [0, 1], ["5224", "7082"]), Err(Error::RowTampered)));
}

#[test]
fn no_card_is_drawn_for_a_tenant_without_keys_nor_more_than_a_run_takes() {
    let Some((_turn, bench)) = bench() else { return };
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    let nobody = vault.draw_cards("99999999", 1).err().unwrap();
    assert!(matches!(nobody, Error::Hsm(error) if error.recovery() == Recovery::Fatal));
    assert!(matches!(vault.draw_cards(TENANT, 10_001), Err(Error::Policy(_))));
    assert!(vault.draw_cards(TENANT, 0).unwrap().is_empty());
}

#[test]
fn where_a_seed_could_be_read_none_is_drawn() {
    let Some((_turn, bench)) = bench() else { return };
    let policy = POLICY.replace("\nSENSITIVE = true", "\nSENSITIVE = false");
    let settings = ImportSettings { policy, ..bench.import_settings(false) };
    let vault = ImportVault::open(settings).unwrap();
    let error = vault.draw_cards(TENANT, 1).err().unwrap();
    let wanted = "the HSM does not enforce the key policy: a seed that was drawn can be read";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn a_seed_that_is_drawn_as_the_policy_says_leaves_under_the_wrapping_key_only() {
    let Some((_turn, _bench)) = bench() else { return };
    let context = Pkcs11::new(crate::support::MODULE).unwrap();
    context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    {
        let session = session_of(&context);
        let mut template = as_policy_says("reseal");
        template.push(Attribute::ValueLen(32.into()));
        let seed = session.generate_key(&Mechanism::GenericSecretKeyGen, &template).unwrap();
        assert!(session.sign(&Mechanism::Sha1Hmac, seed, &[0; 8]).is_ok());
        assert!(value(&session, seed).is_empty());
        let own = own_key(&session);
        for mechanism in [Mechanism::AesKeyWrapPad, Mechanism::AesKeyWrap] {
            assert!(session.wrap_key(&mechanism, own, seed).is_err());
        }
        for lax in [Attribute::Sensitive(false), Attribute::Token(true), Attribute::Wrap(true)] {
            assert!(session.update_attributes(seed, &[lax]).is_err());
        }
        assert!(session.copy_object(seed, &[Attribute::Sensitive(false)]).is_err());
        let wanted = [Attribute::Label(label("wrapping", 1).into())];
        let wrapping = session.find_objects(&wanted).unwrap()[0];
        assert!(session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping, seed).is_ok());
        // What is made to be read can be: the question is put rightly.
        let lax = [
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::ValueLen(32.into()),
        ];
        let open = session.generate_key(&Mechanism::GenericSecretKeyGen, &lax).unwrap();
        assert_eq!(value(&session, open).len(), 32);
    }
    context.finalize().unwrap();
}

fn as_a_card(row: &mut kagimori_hsm::Identity) {
    (row.kind, row.purpose, row.custody) = ("GRID_CARD", "LOOK_UP", "CELLS_PRINTED");
}

fn drawn(bench: &Bench, count: usize) -> Vec<DrawnCard> {
    let vault = ImportVault::open(bench.import_settings(false)).unwrap();
    vault.draw_cards(TENANT, count).unwrap()
}

fn text(cell: &Cell) -> String {
    String::from_utf8(cell.as_bytes().to_vec()).unwrap()
}

fn all_of(card: &DrawnCard) -> Vec<String> {
    card.cells.iter().map(text).collect()
}

fn ask(vault: &Vault, row: &Arc<Row>, places: [u64; 2], cells: [&str; 2]) -> Result<bool, Error> {
    let cells = cells.map(|cell| Cell::parse(cell).unwrap());
    vault.cells_match(Arc::clone(row), CellsAsked { places, cells }, PATIENCE)
}

fn matches(vault: &Vault, row: &Arc<Row>, places: [u64; 2], cells: [&str; 2]) -> bool {
    ask(vault, row, places, cells).unwrap()
}

fn value(session: &Session, object: ObjectHandle) -> Vec<u8> {
    let told = session.get_attributes(object, &[AttributeType::Value]).unwrap();
    told.into_iter()
        .find_map(|one| if let Attribute::Value(value) = one { Some(value) } else { None })
        .unwrap_or_default()
}

fn own_key(session: &Session) -> ObjectHandle {
    let template = [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Wrap(true),
        Attribute::Decrypt(true),
        Attribute::ValueLen(32.into()),
    ];
    session.generate_key(&Mechanism::AesKeyGen, &template).unwrap()
}

/// The template of `[seed.…]`, with what it inherits; `MODIFIABLE` last, as it must be.
fn as_policy_says(name: &str) -> Vec<Attribute> {
    let policy: toml::Table = toml::from_str(POLICY).unwrap();
    let mut table = policy["seed"][name].as_table().unwrap().clone();
    if let Some(parent) = table.remove("inherits") {
        let mut inherited = policy["seed"][parent.as_str().unwrap()].as_table().unwrap().clone();
        inherited.extend(table);
        table = inherited;
    }
    let mut template: Vec<_> = table.iter().map(|(name, value)| attribute(name, value)).collect();
    template.sort_by_key(|attribute| matches!(attribute, Attribute::Modifiable(_)));
    template
}

fn attribute(name: &str, value: &toml::Value) -> Attribute {
    let flag = value.as_bool().unwrap_or_default();
    match name {
        "CLASS" => Attribute::Class(ObjectClass::SECRET_KEY),
        "KEY_TYPE" => Attribute::KeyType(KeyType::GENERIC_SECRET),
        "TOKEN" => Attribute::Token(flag),
        "PRIVATE" => Attribute::Private(flag),
        "SENSITIVE" => Attribute::Sensitive(flag),
        "EXTRACTABLE" => Attribute::Extractable(flag),
        "WRAP_WITH_TRUSTED" => Attribute::WrapWithTrusted(flag),
        "SIGN" => Attribute::Sign(flag),
        "VERIFY" => Attribute::Verify(flag),
        "ENCRYPT" => Attribute::Encrypt(flag),
        "DECRYPT" => Attribute::Decrypt(flag),
        "DERIVE" => Attribute::Derive(flag),
        "WRAP" => Attribute::Wrap(flag),
        "UNWRAP" => Attribute::Unwrap(flag),
        "MODIFIABLE" => Attribute::Modifiable(flag),
        other => panic!("no such attribute here: {other}"),
    }
}
