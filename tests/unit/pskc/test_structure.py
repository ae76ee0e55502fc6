# SPDX-License-Identifier: Apache-2.0
"""PSKC documents that are XML but not what they should be."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from development.vendor import Device
from kagimori.application.inventory.vendor_file import Fault
from kagimori.domain.token import Hash
from support.pskc_files import (
    FIGURE_6,
    KEYWRAP_KEY,
    NAMES,
    RFC_SEED,
    changed,
    fault_of,
    one,
    parsed,
    refusal_of,
    without,
    written,
)

FIGURE = FIGURE_6.read_bytes()
SERIAL = "987654321"

MISSING_PARTS = [
    ("//pskc:KeyPackage", Fault.MISSING),
    ("//pskc:DeviceInfo", Fault.MISSING),
    ("//pskc:SerialNo", Fault.MISSING),
    ("//pskc:Key", Fault.MISSING),
    ("//pskc:AlgorithmParameters", Fault.MISSING),
    ("//pskc:ResponseFormat", Fault.MISSING),
    ("//pskc:Data", Fault.MISSING),
    ("//pskc:Secret", Fault.MISSING),
    ("//pskc:Counter", Fault.MISSING),
    ("//pskc:Counter/pskc:PlainValue", Fault.MISSING),
    ("//pskc:EncryptedValue", Fault.MISSING),
    ("//pskc:EncryptedValue/xenc:EncryptionMethod", Fault.MISSING),
    ("//pskc:EncryptedValue/xenc:CipherData", Fault.MISSING),
    ("//pskc:EncryptedValue//xenc:CipherValue", Fault.MISSING),
    ("//pskc:MACKey", Fault.MISSING),
    ("//pskc:MACKey/xenc:EncryptionMethod", Fault.MISSING),
    ("//pskc:MACKey//xenc:CipherValue", Fault.MISSING),
    ("//pskc:MACMethod", Fault.MAC_MISSING),
    ("//pskc:ValueMAC", Fault.MAC_MISSING),
]


def test_the_document_that_the_tests_damage_is_whole() -> None:
    assert [token.serial for token in parsed(FIGURE).tokens] == [SERIAL]


@pytest.mark.parametrize(("path", "fault"), MISSING_PARTS)
def test_a_missing_element_is_missed(path: str, fault: Fault) -> None:
    assert fault_of(without(FIGURE, path)) is fault


@pytest.mark.parametrize(
    "path", ["//pskc:CryptoModuleInfo", "//pskc:Issuer", "//pskc:Manufacturer", "//ds:KeyName"]
)
def test_what_the_import_does_not_use_need_not_be_there(path: str) -> None:
    [token], [same] = parsed(without(FIGURE, path)).tokens, parsed(FIGURE).tokens
    # The line is another, for a line is gone.
    assert replace(token, line=0) == replace(same, line=0)


@pytest.mark.parametrize(
    "path",
    [path for path, _ in MISSING_PARTS if path != "//pskc:KeyPackage"]
    + ["//pskc:EncryptionKey", "//ds:KeyName"],
)
def test_nothing_may_stand_there_twice(path: str) -> None:
    def double(root: etree._Element) -> None:
        element = one(root, path)
        element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))

    assert fault_of(changed(FIGURE, double)) is Fault.UNEXPECTED


@pytest.mark.parametrize(
    "path",
    [path for path, _ in MISSING_PARTS if path != "//pskc:SerialNo"]
    + ["/pskc:KeyContainer", "//pskc:EncryptionKey"],
)
def test_a_stranger_among_the_elements_is_refused(path: str) -> None:
    def add(root: etree._Element) -> None:
        etree.SubElement(one(root, path), "{urn:example}extension").text = "?"

    assert fault_of(changed(FIGURE, add)) in {Fault.UNSUPPORTED, Fault.UNEXPECTED}


@pytest.mark.parametrize("path", ["//pskc:KeyPackage", "//pskc:Secret", "//pskc:Key"])
def test_text_between_elements_is_refused(path: str) -> None:
    def add(root: etree._Element) -> None:
        one(root, path).text = "PlainValue"

    assert fault_of(changed(FIGURE, add)) is Fault.UNEXPECTED


@pytest.mark.parametrize("head", ["//pskc:MACMethod", "//pskc:EncryptionKey"])
def test_what_covers_the_keys_cannot_follow_them(head: str) -> None:
    def move(root: etree._Element) -> None:
        root.append(one(root, head))

    # Without its MACMethod in front, the seed is one without a MAC.
    assert fault_of(changed(FIGURE, move)) in {Fault.UNEXPECTED, Fault.MAC_MISSING}


@pytest.mark.parametrize(
    ("path", "attribute", "value", "fault"),
    [
        ("/pskc:KeyContainer", "Version", "1.1", Fault.UNSUPPORTED),
        ("/pskc:KeyContainer", "Version", None, Fault.MISSING),
        ("//pskc:Key", "Algorithm", "urn:ietf:params:xml:ns:keyprov:pskc:pin", Fault.UNSUPPORTED),
        ("//pskc:Key", "Algorithm", "hotp", Fault.UNSUPPORTED),
        ("//pskc:Key", "Algorithm", None, Fault.MISSING),
        ("//pskc:ResponseFormat", "Encoding", "HEXADECIMAL", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "Encoding", None, Fault.MISSING),
        ("//pskc:ResponseFormat", "CheckDigits", "true", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "CheckDigits", "1", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "CheckDigits", "maybe", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "Length", "5", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "Length", "9", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "Length", "٦", Fault.UNSUPPORTED),
        ("//pskc:ResponseFormat", "Length", None, Fault.MISSING),
        ("//pskc:MACMethod", "Algorithm", "urn:example", Fault.UNSUPPORTED),
        ("//pskc:MACMethod", "Algorithm", "", Fault.UNSUPPORTED),
        ("//pskc:MACMethod", "Algorithm", None, Fault.MAC_MISSING),
        ("//pskc:MACKey/xenc:EncryptionMethod", "Algorithm", "urn:example", Fault.UNSUPPORTED),
        (
            "//pskc:EncryptedValue/*",
            "Algorithm",
            f"{NAMES['xenc']}tripledes-cbc",
            Fault.UNSUPPORTED,
        ),
        ("//pskc:EncryptedValue/*", "Algorithm", None, Fault.MISSING),
    ],
)
def test_an_attribute_we_do_not_know_is_refused(
    path: str, attribute: str, value: str | None, fault: Fault
) -> None:
    def change(root: etree._Element) -> None:
        element = one(root, path)
        if value is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, value)

    assert fault_of(changed(FIGURE, change)) is fault


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
    assert fault_of(_with_text("//pskc:SerialNo", serial)) is Fault.BAD_SERIAL


@pytest.mark.parametrize(
    "counter", ["", "-1", "1.0", "0x10", "\uff11", "1e3", str(2**48 + 1), "9" * 5000]
)
def test_a_counter_is_a_whole_number_in_reach(counter: str) -> None:
    assert fault_of(_with_text("//pskc:Counter/pskc:PlainValue", counter)) is Fault.BAD_VALUE


def test_a_counter_tells_the_step_before_the_first_to_come() -> None:
    [token] = parsed(_with_text("//pskc:Counter/pskc:PlainValue", " 42\n")).tokens
    assert token.last_step == 41


@pytest.mark.parametrize(
    "value", ["", "AAEC*", "AAE", "AAECAw==AAECAw==", "\uff21\uff21\uff25\uff23"]
)
@pytest.mark.parametrize(
    "path", ["//pskc:EncryptedValue//xenc:CipherValue", "//pskc:ValueMAC", "//pskc:MACKey//*[2]/*"]
)
def test_base64_is_base64(path: str, value: str) -> None:
    assert fault_of(_with_text(path, value)) is Fault.BAD_VALUE


def test_white_space_within_base64_is_allowed() -> None:
    [token] = parsed(FIGURE).tokens
    spread = "\n\t ".join(base64.b64encode(token.seed.ciphertext).decode())
    [same] = parsed(_with_text("//pskc:EncryptedValue//xenc:CipherValue", spread)).tokens
    assert same.seed == token.seed


def test_a_comment_or_an_element_within_a_value_is_refused() -> None:
    whole = b"AAECAwQFBgcICQoLDA0OD+cI"
    for inside in (b"<!-- -->", b"<b/>"):
        document = FIGURE.replace(whole, whole[:8] + inside + whole[8:])
        assert fault_of(document) is Fault.UNEXPECTED


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
    assert fault_of(FIGURE.replace(b'keyprov:pskc"\n', b'keyprov:pskc:1.0"\n')) is Fault.NOT_PSKC
    bare = FIGURE.replace(b'xmlns="urn:ietf:params:xml:ns:keyprov:pskc"', b"")
    assert fault_of(bare) is Fault.NOT_PSKC


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
    assert fault_of(_with_suite(words)) is Fault.UNSUPPORTED


@pytest.mark.parametrize(
    ("within", "element", "fault"),
    [
        ("//pskc:EncryptionKey", "ds:X509Data", Fault.UNSUPPORTED),
        ("//pskc:EncryptionKey", "xenc:EncryptedKey", Fault.UNSUPPORTED),
        ("//pskc:MACMethod", "pskc:MACKeyReference", Fault.UNSUPPORTED),
        ("//pskc:Key", "pskc:KeyReference", Fault.UNSUPPORTED),
        ("//pskc:Key", "pskc:UserId", Fault.UNSUPPORTED),
        ("//pskc:Key", "pskc:Extensions", Fault.UNSUPPORTED),
        ("//pskc:DeviceInfo", "pskc:ExpiryDate", Fault.UNSUPPORTED),
        ("//pskc:AlgorithmParameters", "pskc:ChallengeFormat", Fault.UNSUPPORTED),
        ("//pskc:Counter", "pskc:EncryptedValue", Fault.UNSUPPORTED),
        ("//pskc:Data", "pskc:TimeInterval", Fault.UNSUPPORTED),
        ("//xenc:CipherData", "xenc:CipherReference", Fault.UNSUPPORTED),
        ("//xenc:EncryptionMethod", "xenc:KeySize", Fault.UNSUPPORTED),
        ("//pskc:Secret", "pskc:PlainValue", Fault.PLAIN_SEED),
        ("/pskc:KeyContainer", "ds:Signature", Fault.UNSUPPORTED),
        ("/pskc:KeyContainer", "pskc:Extensions", Fault.UNSUPPORTED),
    ],
)
def test_what_is_not_supported_is_refused(within: str, element: str, fault: Fault) -> None:
    def add(root: etree._Element) -> None:
        prefix, _, name = element.partition(":")
        etree.SubElement(one(root, within), f"{{{NAMES[prefix]}}}{name}")

    assert fault_of(changed(FIGURE, add)) is fault


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ("<KeyUsage>Encrypt</KeyUsage>", Fault.UNSUPPORTED),
        ("<ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>", Fault.UNSUPPORTED),
        ("<PINPolicy/>", Fault.UNSUPPORTED),
        ("<NumberOfTransactions>1</NumberOfTransactions>", Fault.UNSUPPORTED),
    ],
)
def test_a_restriction_that_nobody_would_enforce_is_refused(policy: str, fault: Fault) -> None:
    assert fault_of(_with_policy(policy)) is fault


def test_a_key_that_is_for_otp_is_taken() -> None:
    assert parsed(_with_policy("<KeyUsage>OTP</KeyUsage>")).tokens


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("TimeInterval", None, Fault.MISSING),
        ("TimeInterval", "0", Fault.BAD_VALUE),
        ("TimeInterval", "-30", Fault.BAD_VALUE),
        ("TimeInterval", "86401", Fault.BAD_VALUE),
        ("Time", "1", Fault.BAD_VALUE),
        ("TimeDrift", "1001", Fault.BAD_VALUE),
        ("Counter", "0", Fault.UNSUPPORTED),
    ],
)
def test_a_time_based_key_has_what_belongs_to_it(
    tmp_path: Path, name: str, value: str | None, fault: Fault
) -> None:
    assert fault_of(_time_based(tmp_path, name, value)) is fault


def test_a_clock_error_is_read_with_its_sign(tmp_path: Path) -> None:
    [token] = parsed(_time_based(tmp_path, "TimeDrift", "-3")).tokens
    assert token.drift == -3


@pytest.mark.parametrize("uri", ["2001/04/xmlenc#kw-aes256", "2009/xmlenc11#kw-aes-256-pad"])
def test_both_key_wraps_have_one_name(tmp_path: Path, uri: str) -> None:
    document = written(tmp_path, [Device("A1", RFC_SEED)], KEYWRAP_KEY, "kw-aes256")
    document = document.replace(b"2001/04/xmlenc#kw-aes256", uri.encode())
    [token] = parsed(document).tokens
    assert (token.seed.algorithm, token.seed.mac) == ("kw-aes256", None)


def test_a_key_wrap_needs_no_mac_but_may_not_have_half_of_one(tmp_path: Path) -> None:
    document = written(tmp_path, [Device("A1", RFC_SEED)], KEYWRAP_KEY, "kw-aes256")
    assert parsed(document).mac is None

    def add(root: etree._Element) -> None:
        mac = etree.SubElement(one(root, "//pskc:Secret"), f"{{{NAMES['pskc']}}}ValueMAC")
        mac.text = "AAECAwQ="

    assert fault_of(changed(document, add)) is Fault.MAC_MISSING


def test_cbc_stripped_of_everything_about_macs_is_refused() -> None:
    stripped = without(without(FIGURE, "//pskc:MACMethod"), "//pskc:ValueMAC")
    assert fault_of(stripped) is Fault.MAC_MISSING


def test_a_refusal_says_where_and_whose_and_quotes_nothing() -> None:
    refused = refusal_of(FIGURE.replace(b"AAECAwQF", b"c2VjcmV0*"))
    assert refused.serial == SERIAL
    assert refused.line == FIGURE[: FIGURE.index(b"AAECAwQF")].count(b"\n")
    assert "c2VjcmV0" not in str(refused)
    assert str(refused).startswith(f"line {refused.line}, serial {SERIAL}: BAD_VALUE: ")


def test_a_token_never_shows_its_seed() -> None:
    file = parsed(FIGURE)
    for part in (file.tokens[0].seed.ciphertext, file.tokens[0].seed.mac or b""):
        assert repr(part) not in repr(file)
        assert part.hex() not in repr(file)


def _with_text(path: str, text: str) -> bytes:
    def change(root: etree._Element) -> None:
        one(root, path).text = text

    return changed(FIGURE, change)


def _with_suite(words: str) -> bytes:
    def change(root: etree._Element) -> None:
        suite = etree.SubElement(
            one(root, "//pskc:AlgorithmParameters"), f"{{{NAMES['pskc']}}}Suite"
        )
        suite.text = words

    return changed(FIGURE, change)


def _with_policy(policy: str) -> bytes:
    return FIGURE.replace(b"</Key>", f"<Policy>{policy}</Policy></Key>".encode())


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
