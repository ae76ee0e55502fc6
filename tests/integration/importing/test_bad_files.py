# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` and files that are bad, or hostile, in a part or as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from development.vendor import make_device
from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, BROKE_OFF, FLEET, NOTHING, SERIALS, SOME_LEFT_OUT, Desk
from support.vendors.pskc_bulk import write_pskc as write_bulk
from support.vendors.pskc_files import all_of, changed, with_mac_spoilt, without

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


def swap(document: bytes) -> bytes:
    def exchange(root: etree._Element) -> None:
        first, second = all_of(root, "//pskc:EncryptedValue//xenc:CipherValue")[:2]
        first.text, second.text = second.text, first.text

    return changed(document, exchange)


def set_step(seconds: str) -> Callable[[bytes], bytes]:
    def step(root: etree._Element) -> None:
        all_of(root, "//pskc:TimeInterval/pskc:PlainValue")[2].text = seconds

    return lambda document: changed(document, step)


def set_digits(digits: str) -> Callable[[bytes], bytes]:
    def count(root: etree._Element) -> None:
        all_of(root, "//pskc:ResponseFormat")[2].set("Length", digits)

    return lambda document: changed(document, count)


def unknown_algorithm(document: bytes) -> bytes:
    def rename(root: etree._Element) -> None:
        method = all_of(root, "//pskc:EncryptedValue/xenc:EncryptionMethod")[2]
        method.set("Algorithm", "http://www.w3.org/2001/04/xmlenc#rot13")

    return changed(document, rename)


def in_clear(document: bytes) -> bytes:
    secret = b"<pskc:Secret><pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>"
    return document.replace(b"<pskc:Secret>", secret, 1)


def with_doctype(document: bytes) -> bytes:
    doctype = b"<!DOCTYPE k [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><pskc:KeyContainer"
    return document.replace(b"<pskc:KeyContainer", doctype, 1)


BAD_TOKENS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "wrong MAC": (with_mac_spoilt, "MAC_MISMATCH"),
    "unknown algorithm": (unknown_algorithm, "UNSUPPORTED"),
    "a step of 121 s": (set_step("121"), "BAD_VALUE"),
    "five digits": (set_digits("5"), "UNSUPPORTED"),
    "eleven digits": (set_digits("11"), "UNSUPPORTED"),
}
BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "NOT_XML"),
    "every MAC wrong": (lambda document: without(document, "//pskc:MACMethod"), "MAC_MISSING"),
    "a document type": (with_doctype, "DOCTYPE"),
}


def test_a_bad_token_keeps_no_other_out_but_with_all_or_nothing(desk: Desk) -> None:
    for number, (name, (damage, reason)) in enumerate(BAD_TOKENS.items()):
        fleet = [make_device(f"BAD{number}A{place}") for place in range(3)]
        file = desk.deliver(fleet)
        file.write_bytes(damage(file.read_bytes()))
        before = desk.column("serial")
        code, said = desk.import_(file, "--all-or-nothing")
        assert (code, desk.column("serial")) == (NOTHING, before), name
        assert reason in said, name
        code, said = desk.import_(file)
        assert (code, len(desk.column("serial"))) == (SOME_LEFT_OUT, len(before) + 2), name
        assert reason in said, name
        assert fleet[2].serial not in desk.column("serial"), name


def test_swapped_seeds_are_both_refused(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    file.write_bytes(swap(file.read_bytes()))
    code, said = desk.import_(file)
    assert (code, desk.column("serial")) == (SOME_LEFT_OUT, SERIALS[2:])
    assert said.count("MAC_MISMATCH") == 2


def test_a_bad_file_changes_nothing(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    good = desk.deliver([make_device(f"NEW{number}") for number in range(3)])
    for name, (damage, reason) in BAD_FILES.items():
        file = good.with_name("damaged.xml")
        file.write_bytes(damage(good.read_bytes()))
        code, said = desk.import_(file)
        assert (code, desk.rows()) == (NOTHING, before), name
        assert reason in said, name
        assert "Traceback" not in said, name
    # The tests' own witness: undamaged, the same file comes in.
    assert desk.import_(good)[0] == ALL


def test_a_seed_in_clear_is_refused_and_known_for_what_it_is(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    file.write_bytes(in_clear(file.read_bytes()))
    code, said = desk.import_(file)
    assert code in {NOTHING, SOME_LEFT_OUT}
    assert "PLAIN_SEED" in said
    assert SERIALS[0] not in desk.column("serial")


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_half_a_file_is_half_an_import_or_nothing(desk: Desk, *, all_or_nothing: bool) -> None:
    file = desk.bulk(600)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    options = ["--all-or-nothing"] if all_or_nothing else []
    code, said = desk.run(file, *options, vendor="kagi-keywrap")
    assert "TRUNCATED" in said
    assert "line " in said
    if all_or_nothing:
        assert (code, desk.rows()) == (NOTHING, [])
    else:
        assert code == BROKE_OFF
        assert 256 < len(desk.rows()) < 310


def test_a_file_under_another_key_is_refused_in_one_sentence(desk: Desk) -> None:
    file = desk.place.directory / "other.xml"
    write_bulk(file, 300, algorithm="kw-aes256", vendor_key=bytes(32), mac=False)
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "WRONG_KEY" in said
    assert "KAGI0000" not in said


def test_another_vendor_s_file_is_refused(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET, "kagi-keywrap"), vendor="nobody")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "UNKNOWN_VENDOR" in said


def test_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    link = tmp_path / "link.xml"
    link.symlink_to(desk.deliver(FLEET))
    code, said = desk.import_(link)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "NOT_A_REGULAR_FILE" in said
