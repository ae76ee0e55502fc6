# SPDX-License-Identifier: Apache-2.0
"""PSKC documents that are XML but not what they should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from kagimori.application.deliveries.vendor_file import Fault
from support.vendors.pskc_files import (
    FIGURE_6,
    NAMES,
    changed,
    file_fault,
    one,
    parsed,
    refusal_of,
    token_fault,
    with_attribute,
    with_text,
    without,
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
    assert token_fault(with_text(FIGURE, path, "PlainValue")) is Fault.UNEXPECTED


@pytest.mark.parametrize("path", ["/pskc:KeyContainer", "//pskc:EncryptionKey", "//pskc:MACKey"])
def test_text_between_the_heads_elements_refuses_the_file(path: str) -> None:
    assert file_fault(with_text(FIGURE, path, "PlainValue")) is Fault.UNEXPECTED


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
    assert token_fault(with_attribute(FIGURE, path, attribute, value)) is fault


@pytest.mark.parametrize(("path", "attribute", "value", "fault"), HEADS_ATTRIBUTES)
def test_an_attribute_we_do_not_know_in_the_head_refuses_the_file(
    path: str, attribute: str, value: str | None, fault: Fault
) -> None:
    assert file_fault(with_attribute(FIGURE, path, attribute, value)) is fault


def test_a_mac_without_its_key_is_refused_with_the_reason() -> None:
    refused = refusal_of(without(FIGURE, "//pskc:MACKey"))
    assert refused.fault is Fault.UNSUPPORTED
    assert "MACKey" in refused.detail


def _doubled(path: str) -> bytes:
    def double(root: etree._Element) -> None:
        element = one(root, path)
        element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))

    return changed(FIGURE, double)


def _with_stranger(path: str) -> bytes:
    def add(root: etree._Element) -> None:
        etree.SubElement(one(root, path), "{urn:example}extension").text = "?"

    return changed(FIGURE, add)
