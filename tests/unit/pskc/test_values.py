# SPDX-License-Identifier: Apache-2.0
"""Values in PSKC documents: what each may be, in which spellings, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from development.vendor import Device
from kagimori.application.deliveries.vendor_file import Fault
from kagimori.domain.token import Hash
from support.vendors.pskc_files import (
    FIGURE_6,
    KEYWRAP_KEY,
    NAMES,
    RFC_SEED,
    changed,
    fault_of,
    file_fault,
    one,
    parsed,
    token_fault,
    with_attribute,
    with_text,
    without,
    written,
)

FIGURE = FIGURE_6.read_bytes()
SERIAL = "987654321"


@pytest.mark.parametrize("length", range(6, 11))
def test_codes_have_six_to_ten_digits(length: int) -> None:
    [token] = parsed(with_attribute(FIGURE, "//pskc:ResponseFormat", "Length", str(length))).tokens
    assert token.profile.digits == length


@pytest.mark.parametrize(
    "serial",
    [
        "",
        " 987654321",
        "987654321\n",
        "98765-4321",
        "abc",
        "A" * 33,
        "\uff19\uff18\uff17\uff16",
        "A\u200bB",
        "'--",
    ],
)
def test_a_serial_is_taken_as_it_stands_or_not_at_all(serial: str) -> None:
    fault = fault_of(with_text(FIGURE, "//pskc:SerialNo", serial))
    assert (fault.serial, fault.fault) == ("", Fault.BAD_SERIAL)


@pytest.mark.parametrize(
    "counter", ["", "-1", "1.0", "0x10", "\uff11", "1e3", str(2**48 + 1), "9" * 5000]
)
def test_a_counter_is_a_whole_number_in_reach(counter: str) -> None:
    assert (
        token_fault(with_text(FIGURE, "//pskc:Counter/pskc:PlainValue", counter)) is Fault.BAD_VALUE
    )


def test_a_counter_tells_the_step_before_the_first_to_come() -> None:
    [token] = parsed(with_text(FIGURE, "//pskc:Counter/pskc:PlainValue", " 42\n")).tokens
    assert token.last_step == 41


@pytest.mark.parametrize(
    "value", ["", "AAEC*", "AAE", "AAECAw==AAECAw==", "\uff21\uff21\uff25\uff23"]
)
@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("//pskc:EncryptedValue//xenc:CipherValue", token_fault),
        ("//pskc:ValueMAC", token_fault),
        ("//pskc:MACKey//*[2]/*", file_fault),
    ],
)
def test_base64_is_base64(path: str, value: str, fault: Callable[[bytes], Fault]) -> None:
    assert fault(with_text(FIGURE, path, value)) is Fault.BAD_VALUE


def test_white_space_within_base64_is_allowed() -> None:
    [token] = parsed(FIGURE).tokens
    spread = "\n\t ".join(base64.b64encode(token.seed.ciphertext).decode())
    [same] = parsed(with_text(FIGURE, "//pskc:EncryptedValue//xenc:CipherValue", spread)).tokens
    assert same.seed == token.seed


def test_a_comment_or_an_element_within_a_value_is_refused() -> None:
    whole = b"AAECAwQFBgcICQoLDA0OD+cI"
    for inside in (b"<!-- -->", b"<b/>"):
        document = FIGURE.replace(whole, whole[:8] + inside + whole[8:])
        assert token_fault(document) is Fault.UNEXPECTED


def test_a_cdata_section_is_text_and_a_comment_between_elements_is_nothing() -> None:
    whole = b"AAECAwQFBgcICQoLDA0OD+cI"
    document = FIGURE.replace(whole, whole[:8] + b"<![CDATA[" + whole[8:] + b"]]>")
    document = document.replace(b"<Secret>", b"<Secret><!-- the seed -->")
    assert parsed(document) == parsed(FIGURE)


def test_prefixes_are_a_matter_of_taste() -> None:
    renamed = FIGURE.replace(b"xmlns:xenc=", b"xmlns:e=").replace(b"<xenc:", b"<e:")
    renamed = renamed.replace(b"</xenc:", b"</e:")
    assert parsed(renamed) == parsed(FIGURE)


def test_another_namespace_is_another_element() -> None:
    assert file_fault(FIGURE.replace(b'keyprov:pskc"\n', b'keyprov:pskc:1.0"\n')) is Fault.NOT_PSKC
    bare = FIGURE.replace(b'xmlns="urn:ietf:params:xml:ns:keyprov:pskc"', b"")
    assert file_fault(bare) is Fault.NOT_PSKC


@pytest.mark.parametrize(
    ("words", "hash_"),
    [
        ("HMAC-SHA256", Hash.SHA256),
        ("SHA256", Hash.SHA256),
        ("HMAC-SHA-256", Hash.SHA256),
        ("HmacSHA512", Hash.SHA512),
        ("SHA-512", Hash.SHA512),
        ("hmac-sha1", Hash.SHA1),
    ],
)
def test_a_suite_in_the_spellings_of_the_wild(words: str, hash_: Hash) -> None:
    [token] = parsed(_with_suite(words)).tokens
    assert token.profile.hash is hash_


@pytest.mark.parametrize("words", ["", "SHA224", "HMAC-MD5", "SHA256 ", "OCRA-1:HOTP-SHA1-6"])
def test_any_other_suite_is_refused(words: str) -> None:
    assert token_fault(_with_suite(words)) is Fault.UNSUPPORTED


NOT_SUPPORTED = [
    ("//pskc:Key", "pskc:KeyReference", token_fault),
    ("//pskc:Key", "pskc:UserId", token_fault),
    ("//pskc:Key", "pskc:Extensions", token_fault),
    ("//pskc:KeyPackage", "pskc:Extensions", token_fault),
    ("//pskc:DeviceInfo", "pskc:UserId", token_fault),
    ("//pskc:DeviceInfo", "pskc:DeviceBinding", token_fault),
    ("//pskc:AlgorithmParameters", "pskc:ChallengeFormat", token_fault),
    ("//pskc:Counter", "pskc:EncryptedValue", token_fault),
    ("//pskc:Data", "pskc:TimeInterval", token_fault),
    ("//pskc:EncryptedValue/xenc:CipherData", "xenc:CipherReference", token_fault),
    ("//pskc:EncryptedValue/xenc:EncryptionMethod", "xenc:KeySize", token_fault),
    ("//pskc:MACMethod", "pskc:MACKeyReference", file_fault),
    ("//pskc:MACKey/xenc:CipherData", "xenc:CipherReference", file_fault),
    ("//pskc:EncryptionKey", "ds:KeyValue", file_fault),
    ("/pskc:KeyContainer", "pskc:Extensions", file_fault),
]


@pytest.mark.parametrize(("within", "element", "fault"), NOT_SUPPORTED)
def test_what_is_not_supported_is_refused(
    within: str, element: str, fault: Callable[[bytes], Fault]
) -> None:
    def add(root: etree._Element) -> None:
        prefix, _, name = element.partition(":")
        etree.SubElement(one(root, within), f"{{{NAMES[prefix]}}}{name}")

    assert fault(changed(FIGURE, add)) is Fault.UNSUPPORTED


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("TimeInterval", None, Fault.MISSING),
        ("TimeInterval", "0", Fault.BAD_VALUE),
        ("TimeInterval", "-30", Fault.BAD_VALUE),
        ("TimeInterval", "121", Fault.BAD_VALUE),
        ("Time", "1", Fault.BAD_VALUE),
        ("TimeDrift", "1001", Fault.BAD_VALUE),
        ("Counter", "0", Fault.UNSUPPORTED),
    ],
)
def test_a_time_based_key_has_what_belongs_to_it(
    tmp_path: Path, name: str, value: str | None, fault: Fault
) -> None:
    assert token_fault(_time_based(tmp_path, name, value)) is fault


def test_a_clock_error_is_read_with_its_sign(tmp_path: Path) -> None:
    [token] = parsed(_time_based(tmp_path, "TimeDrift", "-3")).tokens
    assert token.drift == -3


def test_a_step_of_two_minutes_is_the_longest(tmp_path: Path) -> None:
    [token] = parsed(_time_based(tmp_path, "TimeInterval", "120")).tokens
    assert token.profile.period == 120


@pytest.mark.parametrize("uri", ["2001/04/xmlenc#kw-aes256", "2009/xmlenc11#kw-aes-256-pad"])
def test_both_key_wraps_have_one_name(tmp_path: Path, uri: str) -> None:
    document = written(tmp_path, [Device("A1", RFC_SEED)], KEYWRAP_KEY, "kw-aes256")
    document = document.replace(b"2001/04/xmlenc#kw-aes256", uri.encode())
    [token] = parsed(document).tokens
    assert (token.seed.algorithm, token.seed.mac) == ("kw-aes256", None)


def test_a_key_wrap_needs_no_mac_but_may_not_have_half_of_one(tmp_path: Path) -> None:
    document = written(tmp_path, [Device("A1", RFC_SEED)], KEYWRAP_KEY, "kw-aes256")
    assert parsed(document).head.mac is None

    def add(root: etree._Element) -> None:
        mac = etree.SubElement(one(root, "//pskc:Secret"), f"{{{NAMES['pskc']}}}ValueMAC")
        mac.text = "AAECAwQ="

    assert token_fault(changed(document, add)) is Fault.MAC_MISSING


def test_cbc_stripped_of_everything_about_macs_is_refused() -> None:
    stripped = without(without(FIGURE, "//pskc:MACMethod"), "//pskc:ValueMAC")
    assert token_fault(stripped) is Fault.MAC_MISSING


def test_a_fault_says_where_and_whose_and_quotes_nothing() -> None:
    fault = fault_of(FIGURE.replace(b"AAECAwQF", b"c2VjcmV0*"))
    assert (fault.serial, fault.fault) == (SERIAL, Fault.BAD_VALUE)
    assert fault.line == FIGURE[: FIGURE.index(b"AAECAwQF")].count(b"\n")
    assert "c2VjcmV0" not in repr(fault)


def test_a_token_never_shows_its_seed() -> None:
    read = parsed(FIGURE)
    for part in (read.tokens[0].seed.ciphertext, read.tokens[0].seed.mac or b""):
        assert repr(part) not in repr(read)
        assert part.hex() not in repr(read)


def _with_suite(words: str) -> bytes:
    def change(root: etree._Element) -> None:
        suite = etree.SubElement(
            one(root, "//pskc:AlgorithmParameters"), f"{{{NAMES['pskc']}}}Suite"
        )
        suite.text = words

    return changed(FIGURE, change)


def _time_based(directory: Path, name: str, value: str | None) -> bytes:
    """Return a time-based token's file with one of its data set, or removed."""

    def change(root: etree._Element) -> None:
        data = one(root, "//pskc:Data")
        for old in data.findall(f"pskc:{name}", NAMES):
            data.remove(old)
        if value is not None:
            element = etree.SubElement(data, f"{{{NAMES['pskc']}}}{name}")
            etree.SubElement(element, f"{{{NAMES['pskc']}}}PlainValue").text = value

    return changed(written(directory, [Device("A1", RFC_SEED)]), change)
