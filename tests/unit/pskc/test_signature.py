# SPDX-License-Identifier: Apache-2.0
"""Signed files: whose signature counts, and that only what was signed is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree
from pskc import PSKC
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from kagimori.adapters.pskc import file as pskc_file
from kagimori.adapters.pskc import source
from kagimori.adapters.pskc.file import ReadOptions, open_file
from kagimori.application.deliveries.vendor_file import Fault
from support.vendors.pskc_files import (
    FIGURE_6,
    NAMES,
    VECTORS,
    VENDOR,
    changed,
    file_fault,
    one,
    parsed,
    refusal_of,
)
from support.vendors.pskc_signers import Signer

FIGURE = FIGURE_6.read_bytes()
SERIAL = "987654321"

AUTHORITY = Signer.make("Acme's authority")
ACME = Signer.make("Acme", AUTHORITY)
STRANGER = Signer.make("Stranger", Signer.make("Stranger's authority"))
SIGNED = ACME.sign(FIGURE)


def trusting(*signers: Signer) -> ReadOptions:
    return ReadOptions(VENDOR, signer=b"".join(signer.pem for signer in signers))


@pytest.mark.parametrize("trusted", [(ACME,), (STRANGER, ACME), (AUTHORITY,)])
@pytest.mark.parametrize("reference", [None, "#all"])
def test_a_file_signed_by_one_who_is_trusted_or_whose_issuer_is_is_read(
    trusted: tuple[Signer, ...], reference: str | None
) -> None:
    document = FIGURE.replace(b"<KeyContainer", b'<KeyContainer Id="all"')
    read = parsed(ACME.sign(document, reference=reference), trusting(*trusted))
    assert read.head.signer == ACME.fingerprint
    [token] = read.tokens
    [plain] = parsed(FIGURE).tokens
    assert (token.serial, token.seed, token.profile) == (SERIAL, plain.seed, plain.profile)
    # Its lines are those of what was signed, not of the file.
    assert token.line == 0


def test_a_signature_that_carries_no_certificate_is_tried_with_those_that_are_trusted() -> None:
    document = ACME.sign(FIGURE, carry=False)
    assert parsed(document, trusting(STRANGER, ACME)).head.signer == ACME.fingerprint
    assert file_fault(document, trusting(STRANGER)) is Fault.SIGNATURE_INVALID
    assert file_fault(document) is Fault.SIGNATURE_UNTRUSTED


def test_what_python_pskc_signs_is_read(tmp_path: Path) -> None:
    signer = Signer.make("Acme")
    container = PSKC()
    container.add_key(
        serial="A1",
        secret=b"12345678901234567890",
        algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp",
        response_length=6,
        response_encoding="DECIMAL",
        counter=7,
    )
    container.encryption.setup_preshared_key(key=bytes(16), algorithm="aes128-cbc")
    container.signature.algorithm = "ecdsa-sha256"
    container.signature.sign(signer.key_pem, signer.pem.decode())
    path = tmp_path / "signed.xml"
    container.write(str(path))
    read = parsed(path.read_bytes(), trusting(signer))
    assert [(token.serial, token.last_step) for token in read.tokens] == [("A1", 6)]
    assert read.head.signer == signer.fingerprint


def test_a_file_that_must_be_signed_and_is_not_is_refused() -> None:
    assert file_fault(FIGURE, trusting(ACME)) is Fault.NOT_SIGNED


def test_a_signature_that_nobody_vouches_for_names_its_certificate() -> None:
    refused = refusal_of(SIGNED)
    assert refused.fault is Fault.SIGNATURE_UNTRUSTED
    assert ACME.fingerprint in refused.detail


def test_a_strangers_signature_is_refused() -> None:
    assert file_fault(STRANGER.sign(FIGURE), trusting(ACME)) is Fault.SIGNATURE_UNTRUSTED
    assert file_fault(STRANGER.sign(FIGURE), trusting(AUTHORITY)) is Fault.SIGNATURE_UNTRUSTED


def test_a_certificate_whose_time_is_over_is_refused() -> None:
    old = Signer.make("Acme", AUTHORITY, over=True)
    for trusted in (old, AUTHORITY):
        assert file_fault(old.sign(FIGURE), trusting(trusted)) is Fault.SIGNATURE_UNTRUSTED


def test_what_is_to_tell_the_signer_must_be_a_certificate() -> None:
    options = ReadOptions(VENDOR, signer=b"not PEM")
    assert file_fault(SIGNED, options) is Fault.SIGNATURE_UNTRUSTED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (SERIAL.encode(), b"987654322"),
        (b'Length="8"', b'Length="6"'),
        (b"AAECAwQF", b"AAECAwQG"),
        (b"<PlainValue>0</PlainValue>", b"<PlainValue>9</PlainValue>"),
        (b"hmac-sha1", b"hmac-sha256"),
        (b"<Issuer>", b"<Issuer>x"),
    ],
)
def test_a_change_of_anything_breaks_the_signature(old: bytes, new: bytes) -> None:
    assert old in SIGNED
    for trusted in (ACME, AUTHORITY):
        fault = file_fault(SIGNED.replace(old, new), trusting(trusted))
        assert fault is Fault.SIGNATURE_INVALID


def test_a_signature_with_sha_1_is_refused() -> None:
    for document in (
        ACME.sign(FIGURE, digest=DigestAlgorithm.SHA1),
        ACME.sign(FIGURE, method=SignatureMethod.ECDSA_SHA1),
    ):
        assert file_fault(document, trusting(ACME)) is Fault.SIGNATURE_INVALID


def test_figure_9s_placeholder_is_no_signature() -> None:
    document = (VECTORS / "rfc6030-figure9.xml").read_bytes()
    assert file_fault(document, trusting(ACME)) is Fault.SIGNATURE_INVALID


def test_a_signature_over_a_part_is_refused() -> None:
    document = FIGURE.replace(b"<Key ", b'<Key ID="part" ')
    part = ACME.sign(document, reference="#part")
    assert file_fault(part, trusting(ACME)) is Fault.SIGNATURE_INVALID


def test_a_token_beside_what_was_signed_is_not_read() -> None:
    """A signed container inside another one, whose Signature was moved up."""
    document = FIGURE.replace(b"<KeyContainer", b'<KeyContainer Id="all"')
    inner = etree.fromstring(ACME.sign(document, reference="#all"))

    def wrap(root: etree._Element) -> None:
        signature = inner.find(f"{{{NAMES['ds']}}}Signature")
        assert signature is not None
        package = one(root, "//pskc:KeyPackage")
        package.append(inner)
        root.append(signature)

    evil = changed(FIGURE.replace(SERIAL.encode(), b"666"), wrap)
    assert file_fault(evil, trusting(ACME)) is Fault.SIGNATURE_INVALID


def test_two_signatures_are_refused() -> None:
    def double(root: etree._Element) -> None:
        signature = one(root, "/pskc:KeyContainer/ds:Signature")
        root.append(etree.fromstring(etree.tostring(signature)))

    assert file_fault(changed(SIGNED, double), trusting(ACME)) is Fault.SIGNATURE_INVALID


def test_a_comment_that_the_signature_does_not_cover_is_not_read() -> None:
    commented = SIGNED.replace(b"<SerialNo>987", b"<SerialNo>98<!-- -->7")
    assert [token.serial for token in parsed(commented, trusting(ACME)).tokens] == [SERIAL]


def test_a_signature_elsewhere_is_none() -> None:
    def move(root: etree._Element) -> None:
        one(root, "//pskc:KeyPackage").append(one(root, "//ds:Signature"))

    moved = changed(SIGNED, move)
    assert file_fault(moved, trusting(ACME)) is Fault.NOT_SIGNED
    assert [fault.fault for fault in parsed(moved).faults] == [Fault.UNSUPPORTED]


def test_a_prefix_does_not_hide_a_signature() -> None:
    for prefix in (b"s" * 100, b"s" * 1000):
        hidden = SIGNED.replace(b"ds:Signature", prefix + b":Signature").replace(
            b"xmlns:ds=", b"xmlns:%s='http://www.w3.org/2000/09/xmldsig#' xmlns:ds=" % prefix
        )
        fault = file_fault(hidden)
        assert fault in {Fault.SIGNATURE_UNTRUSTED, Fault.UNSUPPORTED}


def test_a_signed_file_has_a_limit_that_an_unsigned_one_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pskc_file, "LARGEST_SIGNED", 1000)
    refused = refusal_of(SIGNED, trusting(ACME))
    assert refused.fault is Fault.TOO_LARGE
    assert "a signed file" in refused.detail
    assert parsed(FIGURE).tokens


def test_a_signature_is_seen_wherever_the_file_is_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "signed.xml"
    path.write_bytes(SIGNED)
    at = SIGNED.index(b":Signature")
    for size in range(at - 5, at + 20):
        monkeypatch.setattr(source, "_CHUNK_OF_DIGEST", size)
        with open_file(path, trusting(ACME)) as file:
            assert file.head.signer == ACME.fingerprint
