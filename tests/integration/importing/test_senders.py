# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` and who sent the file: its signature, or its digest said before."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, FLEET, NOTHING, SERIALS, Desk
from support.vendors.pskc_signers import Signer

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

VENDOR = "kagi-keywrap"
USAGE = 2


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.make("KagiTech")


def signed(desk: Desk, signer: Signer) -> Path:
    file = desk.deliver(FLEET, VENDOR)
    file.write_bytes(signer.sign(file.read_bytes()))
    return file


def certificate_of(desk: Desk, signer: Signer) -> Path:
    path = desk.place.directory / "signer.pem"
    path.write_bytes(signer.pem)
    return path


def refusal(desk: Desk, file: Path, *options: str | Path) -> str:
    """Return what was said of a file of which nothing came in."""
    code, said = desk.run(file, *options, vendor=VENDOR)
    assert (code, desk.rows(), desk.deliveries()) == (NOTHING, [], [])
    assert "nothing was imported" in said
    return said


# --- the signature -----------------------------------------------------------------------


def test_a_file_that_the_right_vendor_signed_comes_in(desk: Desk, signer: Signer) -> None:
    file = signed(desk, signer)
    code, said = desk.run(file, "--signer", certificate_of(desk, signer), vendor=VENDOR)
    assert (code, desk.column("serial")) == (ALL, SERIALS), said
    assert set(desk.column("custody")) == {"UNWRAPPED_IN_HSM"}


def test_so_does_one_whose_signer_was_issued_his_certificate_by_whom_is_trusted(
    desk: Desk, signer: Signer
) -> None:
    file = signed(desk, Signer.make("KagiTech Tokyo", issuer=signer))
    code, said = desk.run(file, "--signer", certificate_of(desk, signer), vendor=VENDOR)
    assert (code, desk.column("serial")) == (ALL, SERIALS), said


def test_somebody_else_s_signature_is_not_trusted(desk: Desk, signer: Signer) -> None:
    file = signed(desk, Signer.make("KagiTech"))
    assert "SIGNATURE_UNTRUSTED" in refusal(desk, file, "--signer", certificate_of(desk, signer))


def test_a_file_that_was_changed_after_it_was_signed_is_refused(desk: Desk, signer: Signer) -> None:
    file = signed(desk, signer)
    document = file.read_bytes()
    assert document.count(SERIALS[0].encode()) > 0
    file.write_bytes(document.replace(SERIALS[0].encode(), b"2V0716019999"))
    assert "SIGNATURE_INVALID" in refusal(desk, file, "--signer", certificate_of(desk, signer))


def test_a_file_without_a_signature_is_refused_where_one_is_asked_for(
    desk: Desk, signer: Signer
) -> None:
    file = desk.deliver(FLEET, VENDOR)
    assert "NOT_SIGNED" in refusal(desk, file, "--signer", certificate_of(desk, signer))


def test_a_signature_by_nobody_who_was_named_is_refused_and_says_whose_it_is(
    desk: Desk, signer: Signer
) -> None:
    said = refusal(desk, signed(desk, signer))
    assert "SIGNATURE_UNTRUSTED" in said
    assert signer.fingerprint in said


def test_a_certificate_that_is_none_is_refused(desk: Desk, signer: Signer) -> None:
    no_certificate = desk.place.directory / "signer.pem"
    no_certificate.write_bytes(signer.key_pem)
    said = refusal(desk, signed(desk, signer), "--signer", no_certificate)
    assert "SIGNATURE_UNTRUSTED" in said
    assert "PRIVATE KEY" not in said


# --- the digest --------------------------------------------------------------------------


def test_a_digest_that_the_vendor_did_not_say_refuses_the_file(desk: Desk) -> None:
    file = desk.deliver(FLEET, VENDOR)
    said = refusal(desk, file, "--sha256", "0" * 64)
    assert "DIGEST_DIFFERS" in said
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest in said
    code, said = desk.run(file, "--sha256", digest.upper(), vendor=VENDOR)
    assert (code, desk.column("serial")) == (ALL, SERIALS), said


@pytest.mark.parametrize("digits", ["0" * 63, "0" * 65, "g" * 64, ""])
def test_what_is_no_digest_is_a_usage_error(desk: Desk, digits: str) -> None:
    code, said = desk.run(desk.deliver(FLEET, VENDOR), "--sha256", digits, vendor=VENDOR)
    assert (code, desk.rows()) == (USAGE, [])
    assert "--sha256" in said
