# SPDX-License-Identifier: Apache-2.0
"""Files to rewrap, written by python-pskc, and an opening that knows nothing of ours.

What the product wrote is opened here with lxml, ``hmac`` and ``cryptography``
alone, from the private key, as RFC 6030 and XML Encryption say.
"""

from __future__ import annotations

import hmac
import re
import subprocess
import warnings
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from pskc import PSKC

from development.environment import command, kagimori
from support.vendors.pskc_files import NAMES

VENDOR = "acme"
AES128 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
AES192 = bytes.fromhex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b")
AES256 = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
DES3 = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
PASSWORD = "qwerty-Straße"

STARTS = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = datetime(2039, 12, 31, 23, 59, 59, tzinfo=UTC)
KEYS: tuple[dict[str, Any], ...] = (
    {
        "serial": "KAGI00000001",
        "secret": b"12345678901234567890",
        "algorithm": "urn:ietf:params:xml:ns:keyprov:pskc:hotp",
        "counter": 41,
        "manufacturer": "oath.KagiTech & Söhne <1>",
        "model": "K1",
        "device.start_date": STARTS,
        "policy.expiry_date": ENDS,
    },
    {
        "serial": "KAGI00000002",
        "secret": bytes(range(1, 33)),
        "algorithm": "urn:ietf:params:xml:ns:keyprov:pskc:totp",
        "algorithm_suite": "HMAC-SHA256",
        "response_length": 8,
        "time_interval": 60,
        "time_drift": -3,
        "policy.start_date": STARTS,
    },
    {
        "serial": "KAGI00000003",
        "secret": bytes(range(64, 128)),
        "algorithm": "urn:ietf:params:xml:ns:keyprov:pskc:totp",
        "algorithm_suite": "HMAC-SHA512",
        "time_interval": 30,
    },
)
"""Three tokens, everything that can be known of them."""

SEEDS = {str(key["serial"]): bytes(key["secret"]) for key in KEYS}


def container(keys: tuple[dict[str, Any], ...] = KEYS) -> PSKC:
    """Return a document of ``keys``, to be encrypted yet."""
    document = PSKC()
    for key in keys:
        document.add_key(**{"response_length": 6, "response_encoding": "DECIMAL", **key})
    return document


def delivered(
    path: Path,
    algorithm: str,
    key: bytes,
    mac: str = "hmac-sha256",
    keys: tuple[dict[str, Any], ...] = KEYS,
) -> Path:
    """Write a vendor's file whose seeds are under ``key``, with MACs."""
    document = container(keys)
    document.encryption.setup_preshared_key(key=key, algorithm=algorithm, key_name="k")
    document.mac.setup(algorithm=mac)
    with warnings.catch_warnings():
        # It takes 3DES from where ``cryptography`` does not keep it any more.
        warnings.simplefilter("ignore")
        document.write(str(path))
    return path


def delivered_under_password(path: Path, prf: str = "hmac-sha256") -> Path:
    """Write a vendor's file whose seeds are under a key from `PASSWORD`."""
    document = container()
    document.encryption.setup_pbkdf2(PASSWORD, iterations=2000, algorithm="aes256-cbc", prf=prf)
    document.write(str(path))
    return path


@dataclass(frozen=True)
class Place:
    """A directory with an HSM's key pair, the private half at hand."""

    directory: Path
    private: rsa.RSAPrivateKey = field(repr=False)

    @property
    def recipient(self) -> Path:
        return self.directory / "vendor-acme-onetime.pem"

    @property
    def target(self) -> Path:
        return self.directory / "out.xml"

    def key_file(self, key: bytes) -> Path:
        path = self.directory / "vendor.hex"
        path.write_text(key.hex())
        return path

    def password_file(self, password: str = PASSWORD) -> Path:
        path = self.directory / "password"
        path.write_text(password + "\n", encoding="utf-8")
        return path

    def left_behind(self) -> list[str]:
        """What is there of a new file."""
        return sorted(path.name for path in self.directory.glob("out.xml*"))

    def rewrap(
        self, source: Path, *options: str | Path, **more: object
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, without a terminal."""
        return kagimori(*self._arguments(source, *options), stdin=subprocess.DEVNULL, **more)

    def command(self, source: Path, *options: str | Path) -> list[str]:
        """Return the command's line, to be run otherwise."""
        return command(*self._arguments(source, *options))

    def _arguments(self, source: Path, *options: str | Path) -> tuple[str | Path, ...]:
        named = ("--vendor", VENDOR, "--to", self.recipient)
        return ("rewrap-pskc", source, self.target, *named, *options)


def place(directory: Path, private: rsa.RSAPrivateKey) -> Place:
    """Write the public half as the ceremony does."""
    made = Place(directory, private)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    made.recipient.write_bytes(pem)
    return made


_XMLENC = "http://www.w3.org/2001/04/xmlenc#"
_UNWRAPS = {
    f"{_XMLENC}kw-aes256": keywrap.aes_key_unwrap,
    "http://www.w3.org/2009/xmlenc11#kw-aes-256-pad": keywrap.aes_key_unwrap_with_padding,
}


def independently_opened(path: Path, private: rsa.RSAPrivateKey) -> dict[str, bytes]:
    """Return the seeds of a rewrapped file by serial; every MAC must be right."""
    root = etree.parse(path).getroot()
    encrypted = root.find("pskc:EncryptionKey/xenc:EncryptedKey", NAMES)
    assert encrypted is not None
    assert _method(encrypted) == f"{_XMLENC}rsa-oaep-mgf1p"
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - XML Encryption's
    key = private.decrypt(_value(encrypted), oaep)
    assert len(key) == 32
    method = root.find("pskc:MACMethod", NAMES)
    assert method is not None
    assert method.get("Algorithm") == "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    mac_key = _unwrapped(key, method.find("pskc:MACKey", NAMES))
    seeds: dict[str, bytes] = {}
    for package in root.iterfind("pskc:KeyPackage", NAMES):
        secret = package.find("pskc:Key/pskc:Data/pskc:Secret", NAMES)
        assert secret is not None
        value = secret.find("pskc:EncryptedValue", NAMES)
        assert value is not None
        stated = b64decode(secret.findtext("pskc:ValueMAC", "", NAMES))
        assert stated == hmac.digest(mac_key, _value(value), "sha256")
        serial = package.findtext("pskc:DeviceInfo/pskc:SerialNo", "", NAMES)
        assert serial not in seeds
        seeds[serial] = _unwrapped(key, value)
    return seeds


def _unwrapped(key: bytes, element: etree._Element | None) -> bytes:
    assert element is not None
    return _UNWRAPS[_method(element)](key, _value(element))


def _method(element: etree._Element) -> str:
    method = element.find("xenc:EncryptionMethod", NAMES)
    assert method is not None
    return str(method.get("Algorithm"))


def _value(element: etree._Element) -> bytes:
    return b64decode(element.findtext("xenc:CipherData/xenc:CipherValue", "", NAMES))


def nothing_was_written(at: Place, done: subprocess.CompletedProcess[str], reason: str) -> None:
    """See that the command gave the reason, and left nothing behind."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"^kagimori: .*{reason}", done.stderr, re.MULTILINE), done.stderr
    assert done.stderr.endswith("kagimori: nothing was written\n")
    assert at.left_behind() == []
    assert "Traceback" not in done.stderr
