# SPDX-License-Identifier: Apache-2.0
"""The print shop, known by its certificate: what only it can read (CMS, RFC 5652 §6).

The cells are in clear in this process from the HSM's answer until the sheet is
encrypted, and nowhere else: the sheet never touches a disk. Its octets are wiped;
what Python cannot promise is the same for the text of a single cell and for what
is left behind where the sheet grew. They are gone with the process, which ends at
once, and whose memory nobody reads meanwhile (`harden_process`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from kagimori.domain.grid_card import COLUMNS

HEADINGS: Final = ("number", "subscriber", *COLUMNS)

SHORTEST_RSA: Final = 3072
"""Bits, as the ceremony makes them."""

LONGEST_PEM: Final = 64 * 1024


class CertificateRefused(Exception):
    """Nothing can be encrypted to this certificate; the message says why."""


@dataclass(slots=True)
class CmsSheet:
    """A `Sheet`: CSV in UTF-8 (RFC 4180)."""

    _certificate: x509.Certificate
    _clear: bytearray = field(default_factory=bytearray, repr=False)

    def write(self, text: str) -> None:
        """Take a line as the CSV writer makes it."""
        self._clear += text.encode()

    def add(self, number: str, subscriber_ref: str, cells: Sequence[str]) -> None:
        """See `Sheet.add`."""
        csv.writer(self).writerow((number, subscriber_ref, *cells))

    def seal(self) -> bytes:
        """See `Sheet.seal`. It is DER: EnvelopedData, AES-256-CBC, RSA (RFC 3370 §4.2.1)."""
        return (
            PKCS7EnvelopeBuilder()
            # Its stub knows no buffers; a copy of it in bytes could not be wiped.
            .set_data(self._clear)  # type: ignore[arg-type]
            .add_recipient(self._certificate)
            .set_content_encryption_algorithm(algorithms.AES256)
            .encrypt(Encoding.DER, [PKCS7Options.Binary])
        )

    def wipe(self) -> None:
        """Write zeros over it."""
        self._clear[:] = bytes(len(self._clear))


@dataclass(frozen=True, slots=True)
class CmsPrintShop:
    """A `PrintShop` with a certificate that was looked at; see `from_pem`."""

    certificate: x509.Certificate

    @classmethod
    def from_pem(cls, pem: bytes, now: datetime | None = None) -> CmsPrintShop:
        """Take the only certificate in ``pem``, or raise `CertificateRefused`."""
        try:
            certificate, *others = x509.load_pem_x509_certificates(pem)
        except ValueError:
            raise CertificateRefused("it is not a certificate in PEM") from None
        if others:
            raise CertificateRefused("it holds several certificates; it must be the shop's alone")
        _require_time(certificate, now or datetime.now(UTC))
        _require_use(certificate)
        _require_rsa(certificate)
        return cls(certificate)

    @property
    def name(self) -> str:
        """Return whose it is, for people (RFC 4514). It may hold any character."""
        return self.certificate.subject.rfc4514_string()

    @property
    def fingerprint(self) -> bytes:
        """Return the certificate's SHA-256."""
        return self.certificate.fingerprint(SHA256())

    @contextmanager
    def sheet(self) -> Iterator[CmsSheet]:
        """See `PrintShop.sheet`."""
        sheet = CmsSheet(self.certificate)
        csv.writer(sheet).writerow(HEADINGS)
        try:
            yield sheet
        finally:
            sheet.wipe()


def _require_time(certificate: x509.Certificate, now: datetime) -> None:
    if now < certificate.not_valid_before_utc:
        raise CertificateRefused(f"it is not valid before {certificate.not_valid_before_utc}")
    if now > certificate.not_valid_after_utc:
        raise CertificateRefused(f"it expired at {certificate.not_valid_after_utc}")


def _require_use(certificate: x509.Certificate) -> None:
    """Refuse a certificate that is for something else (RFC 5280 §4.2.1.3, §4.2.1.9)."""
    try:
        extensions = certificate.extensions
    except ValueError:
        raise CertificateRefused("its extensions cannot be read") from None
    for extension in extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise CertificateRefused("it is a certification authority's, not the shop's own")
            case x509.KeyUsage(key_encipherment=False):
                raise CertificateRefused("its key usage does not allow keyEncipherment")


def _require_rsa(certificate: x509.Certificate) -> None:
    # A key that nobody knows how to read is no RSA key either.
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise CertificateRefused("its key is not RSA, which the encryption to the shop needs")
    if key.key_size < SHORTEST_RSA:
        raise CertificateRefused(f"its RSA key has fewer than {SHORTEST_RSA} bits")
