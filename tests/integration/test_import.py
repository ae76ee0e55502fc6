# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` against the real HSM: vendors' files good, bad and hostile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from development.environment import Environment, kagimori
from development.vendor import Device, make_device
from support.pskc_files import all_of, changed, without

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not Path("/usr/lib/softhsm/libsofthsm2.so").exists(), reason="no SoftHSM"),
]

FLEET = [make_device(f"2V071601{number:04}") for number in range(3)]
IMPORTED, NOTHING_IMPORTED, DUPLICATES_LEFT_ALONE = 0, 1, 3


class Desk:
    """The administrator's: runs the command and looks at what it left behind."""

    def __init__(self, place: Environment) -> None:
        self.place = place

    def deliver(self, devices: list[Device], vendor: str = "kagi-cbc") -> Path:
        return self.place.write_vendor_file(vendor, devices)

    def run(self, file: Path, *options: str, vendor: str = "kagi-cbc") -> tuple[int, str]:
        common = ("--config", self.place.config, "--tenant", "abukuma", "--vendor", vendor)
        done = kagimori("import-tokens", file, *common, *options)
        return done.returncode, done.stdout + done.stderr

    def import_(self, file: Path, *options: str) -> tuple[int, str]:
        return self.run(file, "--allow-host-transient", *options)

    def rows(self) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.place.database) as database:
            return database.execute("SELECT * FROM tokens ORDER BY serial").fetchall()

    def column(self, name: str) -> list[object]:
        with sqlite3.connect(self.place.database) as database:
            # The names are this file's own.
            query = f"SELECT {name} FROM tokens ORDER BY serial"  # noqa: S608
            return [row[0] for row in database.execute(query)]


@pytest.fixture
def desk(place: Environment) -> Desk:
    return Desk(place)


def test_cbc_comes_in_through_locked_memory(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET))
    assert code == IMPORTED, said
    assert said.rstrip().endswith("import: 3 imported, 0 duplicates, 0 refused")
    assert desk.column("serial") == [device.serial for device in FLEET]
    assert set(desk.column("custody")) == {"HOST_TRANSIENT"}
    assert set(desk.column("state")) == {"IN_STOCK"}


def test_a_key_wrap_stays_in_the_hsm(desk: Desk) -> None:
    file = desk.deliver(FLEET, "kagi-keywrap")
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert code == IMPORTED, said
    assert set(desk.column("custody")) == {"UNWRAPPED_IN_HSM"}
    assert said.count("UNWRAPPED_IN_HSM") == len(FLEET)


def test_no_seed_is_in_the_database_or_the_report(desk: Desk) -> None:
    _, said = desk.import_(desk.deliver(FLEET))
    stored = b"".join(path.read_bytes() for path in desk.place.database.parent.glob("kagimori.db*"))
    for device in FLEET:
        assert device.seed not in stored
        assert device.seed.hex() not in said


def test_cbc_must_be_asked_for(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET))
    assert (code, desk.rows()) == (NOTHING_IMPORTED, [])
    assert "HOST_TRANSIENT_NOT_ALLOWED" in said


def test_assigned_tokens_can_be_in_use_at_once(desk: Desk) -> None:
    serial = FLEET[1].serial
    code, said = desk.import_(desk.deliver(FLEET), "--assign", f"{serial}=customer-1", "--activate")
    assert code == IMPORTED, said
    assert desk.column("state") == ["IN_STOCK", "ACTIVE", "IN_STOCK"]
    assert desk.column("subscriber") == [None, "customer-1", None]
    assert "customer-1" not in said


def test_a_duplicate_is_reported_and_not_overwritten(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    code, said = desk.import_(desk.deliver([make_device(FLEET[0].serial), FLEET[1]]))
    assert code == DUPLICATES_LEFT_ALONE
    assert said.rstrip().endswith("import: 1 imported, 1 duplicates, 0 refused")
    assert desk.rows()[0] == before[0]


def swap(document: bytes) -> bytes:
    def exchange(root: etree._Element) -> None:
        first, second = all_of(root, "//pskc:EncryptedValue//xenc:CipherValue")[:2]
        first.text, second.text = second.text, first.text

    return changed(document, exchange)


def spoil_mac(document: bytes) -> bytes:
    def spoil(root: etree._Element) -> None:
        all_of(root, "//pskc:ValueMAC")[2].text = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

    return changed(document, spoil)


def in_clear(document: bytes) -> bytes:
    secret = b"<pskc:Secret><pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>"
    return document.replace(b"<pskc:Secret>", secret, 1)


def with_doctype(document: bytes) -> bytes:
    doctype = b"<!DOCTYPE k [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><pskc:KeyContainer"
    return document.replace(b"<pskc:KeyContainer", doctype, 1)


BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda document: document[: len(document) * 2 // 3], "TRUNCATED"),
    "empty": (lambda _: b"", "NOT_XML"),
    "wrong MAC": (spoil_mac, "MAC_MISMATCH"),
    "swapped ciphertexts": (swap, "MAC_MISMATCH"),
    "no MACMethod": (lambda document: without(document, "//pskc:MACMethod"), "MAC_MISSING"),
    "no ValueMAC": (lambda document: without(document, "//pskc:ValueMAC"), "MAC_MISSING"),
    "a seed in clear": (in_clear, "PLAIN_SEED"),
    "a document type": (with_doctype, "DOCTYPE"),
}


def test_a_bad_file_changes_nothing(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    good = desk.deliver([make_device(f"NEW{number}") for number in range(3)])
    for name, (damage, reason) in BAD_FILES.items():
        file = good.with_name("damaged.xml")
        file.write_bytes(damage(good.read_bytes()))
        code, said = desk.import_(file)
        assert (code, desk.rows()) == (NOTHING_IMPORTED, before), name
        assert reason in said, name
        assert "Traceback" not in said, name
    # The tests' own witness: undamaged, the same file comes in.
    assert desk.import_(good)[0] == IMPORTED


def test_another_vendor_s_file_is_refused(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET, "kagi-keywrap"), vendor="nobody")
    assert (code, desk.rows()) == (NOTHING_IMPORTED, [])
    assert "UNKNOWN_VENDOR" in said


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--assign", "2V0716019999=customer-1"), "2V0716019999"),
        (("--assign", "customer-1"), "SERIAL=SUBSCRIBER"),
        (("--assign", "2V0716010000=c1", "--assign", "2V0716010001=c1"), "one subscriber"),
    ],
)
def test_an_assignment_that_cannot_be_imports_nothing(
    desk: Desk, options: tuple[str, ...], word: str
) -> None:
    code, said = desk.import_(desk.deliver(FLEET), *options)
    assert (code != IMPORTED, desk.rows()) == (True, [])
    assert word in said


def test_a_customer_who_has_a_token_gets_no_second_one(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]), "--assign", f"{FLEET[0].serial}=customer-1")
    before = desk.rows()
    code, said = desk.import_(desk.deliver(FLEET[1:]), "--assign", f"{FLEET[1].serial}=customer-1")
    assert (code, desk.rows()) == (NOTHING_IMPORTED, before)
    assert "has a token already" in said
    assert "customer-1" not in said


def test_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    link = tmp_path / "link.xml"
    link.symlink_to(desk.deliver(FLEET))
    code, said = desk.import_(link)
    assert (code, desk.rows()) == (NOTHING_IMPORTED, [])
    assert "NOT_A_REGULAR_FILE" in said
