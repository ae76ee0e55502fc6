# SPDX-License-Identifier: Apache-2.0
"""Seeds encrypted in every way that a vendor's file can have them.

Written with ``cryptography`` and the standard library, as a vendor would.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kagimori.application.deliveries.ports import SeedToSeal
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Encryption,
    Head,
    InClear,
    MacMethod,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
    RsaKey,
)
from kagimori.domain.token import CustodyLabel, Hash

AES_KEYS: Final = {octets: secrets.token_bytes(octets) for octets in (16, 24, 32)}
DES3_KEY: Final = bytes.fromhex(
    "0123456789abcdef23456789abcdef01456789abcdef0123"
)  # NIST SP 800-67
ONE_TIME_KEY: Final = secrets.token_bytes(32)
MAC_KEY: Final = secrets.token_bytes(64)
"""As long as the longest hash: SoftHSM takes no shorter HMAC key."""
MACS: Final = tuple(f"hmac-sha{bits}" for bits in (1, 224, 256, 384, 512))

VENDORS: Final[dict[str, tuple[str, bytes | None]]] = {
    **{f"kw{len(key) * 8}": ("transport", key) for key in AES_KEYS.values()},
    **{f"cbc{len(key) * 8}": ("transient", key) for key in AES_KEYS.values()},
    "des3": ("transient_des3", DES3_KEY),
    "rsa": ("delivery", None),
    "offline": ("onetime", None),
}
"""What a ceremony is told: the use of each vendor's key, and the key."""

OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - XML Encryption's

Encrypt = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """A way of encrypting: what the file says at its head, and what it does to a value."""

    algorithm: str
    encryption: Encryption
    encrypt: Encrypt = field(repr=False)
    custody: CustodyLabel
    mac: str | None = None

    @property
    def head(self) -> Head:
        """What the file says of all its seeds."""
        if self.mac is None:
            return Head(self.encryption)
        return Head(self.encryption, MacMethod(self.mac, self.algorithm, self.encrypt(MAC_KEY)))

    def seal(self, seed: bytes, use: Hash = Hash.SHA1) -> SeedToSeal:
        """Return a seed as the file has it."""
        return self.carry(self.encrypt(seed), use)

    def carry(self, ciphertext: bytes, use: Hash = Hash.SHA1) -> SeedToSeal:
        """Return a ciphertext as the file would have it, with the right MAC."""
        mac = None if self.mac is None else mac_of(self.mac, ciphertext)
        return SeedToSeal(EncryptedSeed(self.algorithm, ciphertext, mac), use)

    def with_mac(self, mac: str | None) -> Way:
        """Return the same with another MAC, or with none."""
        return replace(self, mac=mac)


def ways(public: Mapping[str, RSAPublicKey]) -> dict[str, Way]:
    """Return every way, each with a MAC; ``public`` are the halves of delivery and onetime."""
    return {
        **{f"kw-aes{len(key) * 8}": _key_wrap(key) for key in AES_KEYS.values()},
        **{f"aes{len(key) * 8}-cbc": _aes_cbc(key) for key in AES_KEYS.values()},
        "tripledes-cbc": Way(
            "tripledes-cbc", PreSharedKey("des3"), des3_under(DES3_KEY), _HOST, "hmac-sha1"
        ),
        **{f"password {name}": way for name, way in _of_passwords().items()},
        "rsa-1_5": _rsa("rsa-1_5", public["delivery"], padding.PKCS1v15()),
        "rsa-oaep-mgf1p": _rsa("rsa-oaep-mgf1p", public["delivery"], OAEP),
        "one-time": one_time(public["onetime"], ONE_TIME_KEY),
        "clear": Way("clear", InClear(), bytes, CustodyLabel.CLEAR_TEXT),
    }


WAYS: Final = (
    *(f"kw-aes{bits}" for bits in (128, 192, 256)),
    *(f"aes{bits}-cbc" for bits in (128, 192, 256)),
    "tripledes-cbc",
    "password kw-aes128",
    "password kw-aes192",
    "password kw-aes256",
    "password aes128-cbc",
    "password aes256-cbc",
    "password tripledes-cbc",
    "rsa-1_5",
    "rsa-oaep-mgf1p",
    "one-time",
    "clear",
)
"""The names of all `ways`."""

INSIDE: Final = tuple(name for name in WAYS if name.startswith(("kw-", "rsa-", "one-time")))
"""Those that open inside the HSM."""
ON_HOST: Final = tuple(name for name in WAYS if name not in INSIDE)

_HOST: Final = CustodyLabel.HOST_TRANSIENT
_INSIDE: Final = CustodyLabel.UNWRAPPED_IN_HSM


def one_time(public: RSAPublicKey, key: bytes) -> Way:
    """Return a file under an AES key of its own, which comes under ``public``."""
    encryption = OneTimeKey("offline", "rsa-oaep-mgf1p", public.encrypt(key, OAEP))
    return Way("kw-aes256", encryption, wrapped_under(key), _INSIDE, "hmac-sha256")


def password(
    algorithm: str, octets: int, *, prf: Hash = Hash.SHA1, word: str = "qwerty", iterations: int = 7
) -> Way:
    """Return a file under a password's key (RFC 6030 section 6.2)."""
    said = PasswordKey(word, os.urandom(8), iterations, octets, prf)
    under = {"kw": wrapped_under, "ae": cbc_under, "tr": des3_under}[algorithm[:2]]
    return Way(algorithm, said, under(derived(said)), _HOST, "hmac-sha1")


def derived(said: PasswordKey) -> bytes:
    """Return a password's key."""
    word = said.password.encode()
    return hashlib.pbkdf2_hmac(said.prf.lower(), word, said.salt, said.iterations, said.length)


def wrapped_under(key: bytes) -> Encrypt:
    """AES key wrap: RFC 3394, or RFC 5649 for lengths that the other cannot take."""

    def wrap(value: bytes) -> bytes:
        if len(value) % 8 or len(value) < 16:
            return keywrap.aes_key_wrap_with_padding(key, value)
        return keywrap.aes_key_wrap(key, value)

    return wrap


def cbc_under(key: bytes) -> Encrypt:
    """AES-CBC with PKCS#7 padding, behind its IV."""
    return lambda value: _cbc(AES(key), value)


def des3_under(key: bytes) -> Encrypt:
    """3DES-CBC, likewise."""
    return lambda value: _cbc(TripleDES(key), value)


def mac_of(algorithm: str, ciphertext: bytes, key: bytes = MAC_KEY) -> bytes:
    """Return the file's MAC of a value."""
    return hmac.digest(key, ciphertext, algorithm.removeprefix("hmac-"))


def code_of(seed: bytes, counter: int, use: Hash = Hash.SHA1) -> str:
    """RFC 4226 section 5.3, six digits."""
    mac = hmac.digest(seed, counter.to_bytes(8, "big"), use.lower())
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def _key_wrap(key: bytes) -> Way:
    bits = len(key) * 8
    vendor = PreSharedKey(f"kw{bits}")
    return Way(f"kw-aes{bits}", vendor, wrapped_under(key), _INSIDE, "hmac-sha256")


def _aes_cbc(key: bytes) -> Way:
    bits = len(key) * 8
    return Way(f"aes{bits}-cbc", PreSharedKey(f"cbc{bits}"), cbc_under(key), _HOST, "hmac-sha1")


def _rsa(algorithm: str, public: RSAPublicKey, how: padding.AsymmetricPadding) -> Way:
    return Way(
        algorithm,
        RsaKey("rsa"),
        lambda value: public.encrypt(value, how),
        _INSIDE,
        "hmac-sha512",
    )


def _of_passwords() -> dict[str, Way]:
    return {
        "kw-aes128": password("kw-aes128", 16),
        "kw-aes192": password("kw-aes192", 24, prf=Hash.SHA512),
        "kw-aes256": password("kw-aes256", 32, prf=Hash.SHA256),
        "aes128-cbc": password("aes128-cbc", 16),
        "aes256-cbc": password("aes256-cbc", 32, prf=Hash.SHA256),
        "tripledes-cbc": password("tripledes-cbc", 24),
    }


def _cbc(cipher: AES | TripleDES, value: bytes) -> bytes:
    padder = PKCS7(cipher.block_size).padder()
    iv = os.urandom(cipher.block_size // 8)
    encryptor = Cipher(cipher, CBC(iv)).encryptor()
    padded = padder.update(value) + padder.finalize()
    return iv + encryptor.update(padded) + encryptor.finalize()
