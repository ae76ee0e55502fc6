# SPDX-License-Identifier: Apache-2.0
"""A print shop: its certificate, and OpenSSL to open what comes encrypted to it."""

from __future__ import annotations

import csv
import io
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)

HEADER = "number,subscriber,ア,イ,ウ,エ,オ,カ,キ,ク"


@dataclass(frozen=True)
class Shop:
    """Has a key and a certificate in ``directory``."""

    directory: Path
    key: rsa.RSAPrivateKey

    @classmethod
    def open(cls, directory: Path, number: int = 0) -> Shop:
        """Open the shop of that number, whose key is the same throughout a run."""
        directory.mkdir(parents=True, exist_ok=True)
        shop = cls(directory, key_of(number))
        shop.certificate.write_bytes(certificate_of(shop.key))
        pem = shop.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        shop.private_key.write_bytes(pem)
        return shop

    @property
    def certificate(self) -> Path:
        return self.directory / "shop.pem"

    @property
    def private_key(self) -> Path:
        return self.directory / "shop.key"

    def decrypt(self, file: Path) -> subprocess.CompletedProcess[bytes]:
        """Do as docs/printing-grid-cards.md says."""
        words: list[str | Path] = ["openssl", "cms", "-decrypt", "-inform", "DER", "-in", file]
        words += ["-inkey", self.private_key, "-recip", self.certificate]
        return subprocess.run(words, capture_output=True, check=False)

    def read(self, file: Path) -> list[list[str]]:
        """Return the cards of a file, without its header."""
        opened = self.decrypt(file)
        assert opened.returncode == 0, opened.stderr
        header, *cards = csv.reader(io.StringIO(opened.stdout.decode("utf-8"), newline=""))
        assert ",".join(header) == HEADER
        return cards


@cache
def key_of(number: int, bits: int = 3072) -> rsa.RSAPrivateKey:
    """Return a key; another one for each number."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate_of(
    key: CertificateIssuerPrivateKeyTypes,
    *extensions: x509.ExtensionType,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
) -> bytes:
    """Return a certificate in PEM that ``key`` signs for itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "カード印刷所")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    algorithm = SHA256() if hasattr(key, "key_size") else None
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)
