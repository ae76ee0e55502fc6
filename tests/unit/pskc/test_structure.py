# SPDX-License-Identifier: Apache-2.0
"""PSKC documents that are XML but not what they should be."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
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
    refusal_of,
    token_fault,
    without,
    written,
)

FIGURE = FIGURE_6.read_bytes()
SERIAL = "987654321"

MISSING_PARTS = [
    ("//pskc:DeviceInfo", Fault.MISSING),
    ("//pskc:SerialNo", Fault.MISSING),
    ("//pskc:Key", Fault.MISSING),
    ("//pskc:AlgorithmParameters", Fault.MISSING),
    ("//pskc:ResponseFormat", Fault.MISSING),
    ("//pskc:Data", Fault.MISSING),
    ("//pskc:Secret", Fault.MISSING),
    ("//pskc:Counter/pskc:PlainValue", Fault.MISSING),
    ("//pskc:EncryptedValue", Fault.MISSING),
    ("//pskc:EncryptedValue/xenc:EncryptionMethod", Fault.MISSING),
    ("//pskc:EncryptedValue/xenc:CipherData", Fault.MISSING),
    ("//pskc:EncryptedValue//xenc:CipherValue", Fault.MISSING),
    ("//pskc:ValueMAC", Fault.MAC_MISSING),
]
MISSING_IN_THE_HEAD = [
    ("//pskc:KeyPackage", Fault.MISSING),
    ("//pskc:MACKey", Fault.UNSUPPORTED),
    ("//pskc:MACKey/xenc:EncryptionMethod", Fault.MISSING),
    ("//pskc:MACKey//xenc:CipherValue", Fault.MISSING),
]
TOKENS_PARTS = [path for path, _ in MISSING_PARTS]
HEADS_PARTS = [path for path, _ in MISSING_IN_THE_HEAD if path != "//pskc:KeyPackage"]


def test_the_document_that_the_tests_damage_is_whole() -> None:
    assert [token.serial for token in parsed(FIGURE).tokens] == [SERIAL]


@pytest.mark.parametrize(("path", "fault"), MISSING_PARTS)
def test_a_missing_element_is_missed_in_this_token(path: str, fault: Fault) -> None:
    assert token_fault(without(FIGURE, path)) is fault


@pytest.mark.parametrize(("path", "fault"), MISSING_IN_THE_HEAD)
def test_a_missing_element_of_the_head_refuses_the_file(path: str, fault: Fault) -> None:
    assert file_fault(without(FIGURE, path)) is fault


def test_a_file_whose_method_for_macs_was_taken_out_has_no_token() -> None:
    assert token_fault(without(FIGURE, "//pskc:MACMethod")) is Fault.MAC_MISSING


def test_a_fault_is_one_tokens_and_the_others_are_read() -> None:
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    broken = package.replace(b"987654321", b"987654322").replace(b'Length="8"', b'Length="5"')
    third = package.replace(b"987654321", b"987654323")
    read = parsed(FIGURE.replace(package, package + broken + third))
    assert [token.serial for token in read.tokens] == [SERIAL, "987654323"]
    [fault] = read.faults
    assert (fault.serial, fault.fault) == ("987654322", Fault.UNSUPPORTED)


@pytest.mark.parametrize(
    "path",
    [
        "//pskc:CryptoModuleInfo",
        "//pskc:Issuer",
        "//ds:KeyName",
        "//pskc:EncryptionKey",
        # Figure 7 has none: the token is fresh from the factory.
        "//pskc:Counter",
    ],
)
def test_what_says_nothing_new_need_not_be_there(path: str) -> None:
    read, whole = parsed(without(FIGURE, path)), parsed(FIGURE)
    [token], [same] = read.tokens, whole.tokens
    # The line is another, for a line is gone.
    assert replace(token, line=0) == replace(same, line=0)
    assert read.head == whole.head


@pytest.mark.parametrize(
    "path",
    [*TOKENS_PARTS, "//pskc:Counter"],
)
def test_nothing_of_a_token_may_stand_there_twice(path: str) -> None:
    assert token_fault(_doubled(path)) is Fault.UNEXPECTED


@pytest.mark.parametrize(
    "path", [*HEADS_PARTS, "//pskc:EncryptionKey", "//pskc:MACMethod", "//ds:KeyName"]
)
def test_nothing_of_the_head_may_stand_there_twice(path: str) -> None:
    assert file_fault(_doubled(path)) is Fault.UNEXPECTED


@pytest.mark.parametrize(
    "path",
    [*TOKENS_PARTS, "//pskc:Issuer", "//pskc:CryptoModuleInfo", "//pskc:Manufacturer"],
)
def test_a_stranger_among_a_tokens_elements_is_a_fault(path: str) -> None:
    assert token_fault(_with_stranger(path)) in {Fault.UNSUPPORTED, Fault.UNEXPECTED}


@pytest.mark.parametrize(
    "path", [*HEADS_PARTS, "/pskc:KeyContainer", "//pskc:EncryptionKey", "//ds:KeyName"]
)
def test_a_stranger_in_the_head_or_behind_the_tokens_refuses_the_file(path: str) -> None:
    assert file_fault(_with_stranger(path)) in {Fault.UNSUPPORTED, Fault.UNEXPECTED}


@pytest.mark.parametrize("path", ["//pskc:KeyPackage", "//pskc:Secret", "//pskc:Key"])
def test_text_between_a_tokens_elements_is_a_fault(path: str) -> None:
    assert token_fault(_with_text(path, "PlainValue")) is Fault.UNEXPECTED


@pytest.mark.parametrize("path", ["/pskc:KeyContainer", "//pskc:EncryptionKey", "//pskc:MACKey"])
def test_text_between_the_heads_elements_refuses_the_file(path: str) -> None:
    assert file_fault(_with_text(path, "PlainValue")) is Fault.UNEXPECTED


def test_text_between_packages_refuses_the_file() -> None:
    end = b"</KeyPackage>"
    assert file_fault(FIGURE.replace(end, end + b"PlainValue")) is Fault.UNEXPECTED
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    twice = FIGURE.replace(package, package + b"PlainValue" + package)
    assert file_fault(twice) is Fault.UNEXPECTED


def test_a_package_within_a_package_is_none() -> None:
    package = FIGURE[FIGURE.index(b"  <KeyPackage>") : FIGURE.index(b"</KeyContainer>")]
    nested = FIGURE.replace(b"<DeviceInfo>", package + b"<DeviceInfo>")
    assert token_fault(nested) is Fault.UNSUPPORTED


@pytest.mark.parametrize("head", ["//pskc:MACMethod", "//pskc:EncryptionKey"])
def test_what_covers_the_keys_cannot_follow_them(head: str) -> None:
    def move(root: etree._Element) -> None:
        root.append(one(root, head))

    assert file_fault(changed(FIGURE, move)) is Fault.UNSUPPORTED


HEADS_ATTRIBUTES = [
    ("/pskc:KeyContainer", "Version", "1.1", Fault.UNSUPPORTED),
    ("/pskc:KeyContainer", "Version", None, Fault.MISSING),
    ("//pskc:MACMethod", "Algorithm", "urn:example", Fault.UNSUPPORTED),
    ("//pskc:MACMethod", "Algorithm", "", Fault.UNSUPPORTED),
    ("//pskc:MACKey/xenc:EncryptionMethod", "Algorithm", "urn:example", Fault.UNSUPPORTED),
]
TOKENS_ATTRIBUTES = [
    ("//pskc:Key", "Algorithm", "urn:ietf:params:xml:ns:keyprov:pskc:pin", Fault.UNSUPPORTED),
    ("//pskc:Key", "Algorithm", "hotp", Fault.UNSUPPORTED),
    ("//pskc:Key", "Algorithm", None, Fault.MISSING),
    ("//pskc:ResponseFormat", "Encoding", "HEXADECIMAL", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "Encoding", None, Fault.MISSING),
    ("//pskc:ResponseFormat", "CheckDigits", "true", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "CheckDigits", "1", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "CheckDigits", "maybe", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "Length", "5", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "Length", "11", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "Length", "٦", Fault.UNSUPPORTED),
    ("//pskc:ResponseFormat", "Length", None, Fault.MISSING),
    ("//pskc:MACMethod", "Algorithm", None, Fault.MAC_MISSING),
    ("//pskc:EncryptedValue/*", "Algorithm", f"{NAMES['xenc']}kw-tripledes", Fault.UNSUPPORTED),
    ("//pskc:EncryptedValue/*", "Algorithm", None, Fault.MISSING),
]


@pytest.mark.parametrize(("path", "attribute", "value", "fault"), TOKENS_ATTRIBUTES)
def test_an_attribute_we_do_not_know_is_a_fault(
    path: str, attribute: str, value: str | None, fault: Fault
) -> None:
    assert token_fault(_with_attribute(path, attribute, value)) is fault


@pytest.mark.parametrize(("path", "attribute", "value", "fault"), HEADS_ATTRIBUTES)
def test_an_attribute_we_do_not_know_in_the_head_refuses_the_file(
    path: str, attribute: str, value: str | None, fault: Fault
) -> None:
    assert file_fault(_with_attribute(path, attribute, value)) is fault


def test_a_mac_without_its_key_is_refused_with_the_reason() -> None:
    refused = refusal_of(without(FIGURE, "//pskc:MACKey"))
    assert refused.fault is Fault.UNSUPPORTED
    assert "MACKey" in refused.detail


@pytest.mark.parametrize("length", range(6, 11))
def test_codes_have_six_to_ten_digits(length: int) -> None:
    [token] = parsed(_with_attribute("//pskc:ResponseFormat", "Length", str(length))).tokens
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
    fault = fault_of(_with_text("//pskc:SerialNo", serial))
    assert (fault.serial, fault.fault) == ("", Fault.BAD_SERIAL)


@pytest.mark.parametrize(
    "counter", ["", "-1", "1.0", "0x10", "\uff11", "1e3", str(2**48 + 1), "9" * 5000]
)
def test_a_counter_is_a_whole_number_in_reach(counter: str) -> None:
    assert token_fault(_with_text("//pskc:Counter/pskc:PlainValue", counter)) is Fault.BAD_VALUE


def test_a_counter_tells_the_step_before_the_first_to_come() -> None:
    [token] = parsed(_with_text("//pskc:Counter/pskc:PlainValue", " 42\n")).tokens
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
    assert fault(_with_text(path, value)) is Fault.BAD_VALUE


def test_white_space_within_base64_is_allowed() -> None:
    [token] = parsed(FIGURE).tokens
    spread = "\n\t ".join(base64.b64encode(token.seed.ciphertext).decode())
    [same] = parsed(_with_text("//pskc:EncryptedValue//xenc:CipherValue", spread)).tokens
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


def _doubled(path: str) -> bytes:
    def double(root: etree._Element) -> None:
        element = one(root, path)
        element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))

    return changed(FIGURE, double)


def _with_stranger(path: str) -> bytes:
    def add(root: etree._Element) -> None:
        etree.SubElement(one(root, path), "{urn:example}extension").text = "?"

    return changed(FIGURE, add)


def _with_attribute(path: str, attribute: str, value: str | None) -> bytes:
    def change(root: etree._Element) -> None:
        element = one(root, path)
        if value is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, value)

    return changed(FIGURE, change)


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
