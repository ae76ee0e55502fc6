# SPDX-License-Identifier: Apache-2.0
"""What is encrypted to a print shop: OpenSSL opens it, with the shop's key alone."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from kagimori.adapters.print_shop import CertificateRefused, CmsPrintShop, CmsSheet
from support.post.print_shop import DAY, HEADER, NOW, Shop, certificate_of, key_of

CELLS = ("0123", "4567", "8901", "2345", "6789", "0000", "9999", "0001")
OWN = x509.BasicConstraints(ca=False, path_length=None)


def usage(*, key_encipherment: bool) -> x509.KeyUsage:
    others = "content_commitment data_encipherment key_agreement key_cert_sign crl_sign"
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=key_encipherment,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(others.split(), False),
    )


def encrypted(shop: Shop, *customers: str) -> Path:
    file = shop.directory / "cards.cms"
    with CmsPrintShop.from_pem(shop.certificate.read_bytes()).sheet() as sheet:
        for number, customer in enumerate(customers):
            sheet.add(f"GC{number:010}", customer, CELLS)
        file.write_bytes(sheet.seal())
    return file


def test_openssl_opens_it_with_the_shops_key(shop: Shop) -> None:
    opened = shop.decrypt(encrypted(shop, "4711"))
    assert opened.returncode == 0, opened.stderr
    assert opened.stdout.decode() == f"{HEADER}\r\nGC0000000000,4711,{','.join(CELLS)}\r\n"


def test_a_customers_name_comes_out_exactly_as_it_went_in(shop: Shop) -> None:
    names = ["あぶくま,様", 'a "quoted" name', "=1+1", " 4711 ", "007"]
    assert [card[1] for card in shop.read(encrypted(shop, *names))] == names


def test_nobody_elses_key_opens_it(shop: Shop, tmp_path: Path) -> None:
    file = encrypted(shop, "4711")
    other = Shop.open(tmp_path / "another shop", 1)
    assert other.decrypt(file).returncode != 0
    # Without a certificate OpenSSL tries the key on every recipient.
    tried = subprocess.run(
        ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", file, "-inkey", other.private_key],
        capture_output=True,
        check=False,
    )
    assert b"number" not in tried.stdout


def test_it_is_aes_256_and_for_one_recipient(shop: Shop) -> None:
    words = ["openssl", "cms", "-cmsout", "-print", "-inform", "DER"]
    shown = subprocess.run(
        [*words, "-in", encrypted(shop, "4711")], capture_output=True, text=True, check=True
    ).stdout
    assert "pkcs7-envelopedData" in shown
    assert "aes-256-cbc" in shown
    assert shown.count("keyEncryptionAlgorithm") == 1


def test_the_clear_sheet_is_wiped_when_it_is_done_with(shop: Shop) -> None:
    with CmsPrintShop.from_pem(shop.certificate.read_bytes()).sheet() as sheet:
        sheet.add("GC0000000000", "4711", CELLS)
        sheet.seal()
        clear = sheet._clear
        assert b"0123,4567" in clear
    assert len(clear) > 100
    assert not any(clear)


def test_the_clear_sheet_is_wiped_when_something_fails(shop: Shop) -> None:
    sheets: list[CmsSheet] = []

    def broken() -> None:
        with CmsPrintShop.from_pem(shop.certificate.read_bytes()).sheet() as sheet:
            sheets.append(sheet)
            sheet.add("GC0000000000", "4711", CELLS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    (sheet,) = sheets
    assert len(sheet._clear) > 100
    assert not any(sheet._clear)


def test_a_repr_shows_no_cell(shop: Shop) -> None:
    with CmsPrintShop.from_pem(shop.certificate.read_bytes()).sheet() as sheet:
        sheet.add("GC0000000000", "4711", CELLS)
        assert "0123" not in repr(sheet)
        assert "4711" not in repr(sheet)


# --- whose certificate it is -------------------------------------------------------------


@pytest.mark.parametrize(
    "extensions",
    [(), (OWN,), (OWN, usage(key_encipherment=True))],
    ids=["none", "no authority", "for key encipherment"],
)
def test_a_shops_own_certificate_is_taken(extensions: tuple[x509.ExtensionType, ...]) -> None:
    taken = CmsPrintShop.from_pem(certificate_of(key_of(0), *extensions))
    assert taken.name == "CN=カード印刷所"


def test_its_fingerprint_is_openssls(shop: Shop) -> None:
    words = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(shop.certificate)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    fingerprint = CmsPrintShop.from_pem(shop.certificate.read_bytes()).fingerprint.hex()
    assert said.strip().rpartition("=")[2].replace(":", "").lower() == fingerprint


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (lambda: certificate_of(key_of(0), ends=NOW - timedelta(hours=1)), "it expired at"),
        (lambda: certificate_of(key_of(0), begins=NOW + DAY / 2), "it is not valid before"),
        (lambda: certificate_of(key_of(0, 2048)), "fewer than 3072 bits"),
        (lambda: certificate_of(ec.generate_private_key(ec.SECP256R1())), "is not RSA"),
        (lambda: certificate_of(ed25519.Ed25519PrivateKey.generate()), "is not RSA"),
        (
            lambda: certificate_of(key_of(0), x509.BasicConstraints(ca=True, path_length=None)),
            "certification authority's",
        ),
        (lambda: certificate_of(key_of(0), usage(key_encipherment=False)), "keyEncipherment"),
        (lambda: certificate_of(key_of(0)) * 2, "several certificates"),
        (lambda: b"", "not a certificate"),
        (lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a cert"),
    ],
    ids=[
        "expired",
        "not yet valid",
        "short key",
        "EC",
        "Ed25519",
        "authority",
        "signing only",
        "two",
        "empty",
        "rubbish",
    ],
)
def test_another_certificate_is_refused_with_the_reason(pem: object, why: str) -> None:
    with pytest.raises(CertificateRefused, match=why):
        CmsPrintShop.from_pem(pem())  # type: ignore[operator]
