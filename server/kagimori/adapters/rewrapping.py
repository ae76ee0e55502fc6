# SPDX-License-Identifier: Apache-2.0
"""Opens a vendor's seeds with the vendor's key and wraps them under a one-time key.

For a machine without HSM and network, and for it alone: seeds are in this
process's memory here. What is written can be opened inside the HSM only, for
the one-time key is encrypted to an RSA key of the HSM's.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kagimori.application.deliveries.ports import SeedRefused
from kagimori.application.deliveries.rewrap import RewrapRefused
from kagimori.application.deliveries.vendor_file import (
    SHORTEST_SEED,
    EncryptedSeed,
    Head,
    MacMethod,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
)
from kagimori.domain.token import Hash

ONE_TIME_OCTETS: Final = 32
_MAC_KEY_OCTETS: Final = 32
_WRAP_UNIT: Final = 8
_KEY_OCTETS: Final = {
    "aes128-cbc": 16,
    "aes192-cbc": 24,
    "aes256-cbc": 32,
    "tripledes-cbc": 24,
    "kw-aes128": 16,
    "kw-aes192": 24,
    "kw-aes256": 32,
}
_MACS: Final = {f"hmac-sha{bits}": f"sha{bits}" for bits in (1, 224, 256, 384, 512)}
_USES: Final = {Hash.SHA1: (20, 64), Hash.SHA256: (32, 64), Hash.SHA512: (64, 128)}
"""Octets of a hash, and of its block."""
# What XML Encryption calls rsa-oaep-mgf1p, and what the HSM's profile takes. OAEP
# needs no more of its hash than SHA-1 has.
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303


class VendorSeeds:
    """Opens the seeds of one file: the MAC first, and then the seed."""

    def __init__(self, head: Head, key: bytes | None) -> None:
        """Take the vendor's pre-shared ``key``, or None where a password makes it.

        Raises `RewrapRefused` where the file is not one that a key opens, or
        where its MAC key does not open.
        """
        self._key = _key_of(head, key)
        self._mac = None if head.mac is None else self._opened_mac(head.mac)

    def open(self, seed: EncryptedSeed) -> bytes:
        """Return the seed; raise `SeedRefused`."""
        self._check_mac(seed)
        return _opened(self._key, seed.algorithm, seed.ciphertext)

    def _opened_mac(self, method: MacMethod) -> tuple[str, bytes]:
        if method.algorithm not in _MACS:
            raise RewrapRefused("UNSUPPORTED_ALGORITHM", f"MAC algorithm {method.algorithm}")
        try:
            key = _opened(self._key, method.key_algorithm, method.key_ciphertext)
        except SeedRefused as refusal:
            if refusal.reason != "UNWRAP_FAILED":
                raise RewrapRefused(refusal.reason, refusal.detail) from None
            detail = "the vendor's key or the password does not open the file's MAC key"
            raise RewrapRefused("WRONG_KEY", f"{detail} ({refusal.detail})") from None
        return _MACS[method.algorithm], key

    def _check_mac(self, seed: EncryptedSeed) -> None:
        # Also where key wrap would notice a change: a MAC that is gone was taken.
        if seed.mac is None:
            if self._mac is not None or seed.algorithm.endswith("-cbc"):
                raise SeedRefused("MAC_MISSING", "the seed has no MAC: it is not opened")
            return
        if self._mac is None:
            raise SeedRefused("MAC_MISMATCH", "the seed has a MAC, and the file has no key for it")
        algorithm, key = self._mac
        if not hmac.compare_digest(hmac.digest(key, seed.ciphertext, algorithm), seed.mac):
            raise SeedRefused("MAC_MISMATCH", "the MAC does not fit the seed: it is not opened")


@dataclass(frozen=True, slots=True)
class OneTimeWrapping:
    """A `SeedRewrapper` under a key that is drawn for one file.

    ``head`` is what the new file says of its seeds.
    """

    head: Head
    _vendor: VendorSeeds = field(repr=False)
    _key: bytes = field(repr=False)
    _mac_key: bytes = field(repr=False)

    @classmethod
    def to(cls, recipient: RSAPublicKey, vendor: str, seeds: VendorSeeds) -> OneTimeWrapping:
        """Draw the keys; the one-time key is encrypted to ``recipient``."""
        key, mac_key = secrets.token_bytes(ONE_TIME_OCTETS), secrets.token_bytes(_MAC_KEY_OCTETS)
        encrypted = OneTimeKey(vendor, "rsa-oaep-mgf1p", recipient.encrypt(key, _OAEP))
        mac = MacMethod("hmac-sha256", "kw-aes256", keywrap.aes_key_wrap(key, mac_key))
        return cls(Head(encrypted, mac), seeds, key, mac_key)

    def rewrap(self, seed: EncryptedSeed, use: Hash) -> EncryptedSeed:
        """See `SeedRewrapper.rewrap`."""
        opened = _fitted(self._vendor.open(seed), use)
        if len(opened) % _WRAP_UNIT:
            algorithm = "kw-aes256-pad"
            wrapped = keywrap.aes_key_wrap_with_padding(self._key, opened)
        else:
            algorithm, wrapped = "kw-aes256", keywrap.aes_key_wrap(self._key, opened)
        return EncryptedSeed(algorithm, wrapped, hmac.digest(self._mac_key, wrapped, "sha256"))


def _key_of(head: Head, key: bytes | None) -> bytes:
    match head.encryption:
        case PasswordKey() as derived:
            return hashlib.pbkdf2_hmac(
                derived.prf.lower(),
                derived.password.encode(),
                derived.salt,
                derived.iterations,
                derived.length,
            )
        case PreSharedKey() if key is not None:
            return key
    detail = "only files under a pre-shared key or a password are rewrapped"
    raise RewrapRefused("UNSUPPORTED", detail)


def _opened(key: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    octets = _KEY_OCTETS.get(algorithm)
    if octets is None:
        raise SeedRefused("UNSUPPORTED_ALGORITHM", f"encryption algorithm {algorithm}")
    if len(key) != octets:
        detail = f"the key has {len(key)} octets, and {algorithm} takes {octets}"
        raise SeedRefused("UNWRAP_FAILED", detail)
    try:
        if algorithm.endswith("-cbc"):
            cipher = TripleDES(key) if algorithm == "tripledes-cbc" else AES(key)
            return _decrypted(cipher, ciphertext)
        return _unwrapped(key, ciphertext)
    except (ValueError, keywrap.InvalidUnwrap):
        # Without a word of how far it came: that would be a padding oracle.
        raise SeedRefused("UNWRAP_FAILED", "the key does not open it") from None


def _decrypted(cipher: AES | TripleDES, ciphertext: bytes) -> bytes:
    block = cipher.block_size // 8
    decryptor = Cipher(cipher, CBC(ciphertext[:block])).decryptor()
    plain = decryptor.update(ciphertext[block:]) + decryptor.finalize()
    unpadder = PKCS7(cipher.block_size).unpadder()
    return unpadder.update(plain) + unpadder.finalize()


def _unwrapped(key: bytes, ciphertext: bytes) -> bytes:
    """Unwrap by RFC 3394, or else by RFC 5649: writers name one and mean the other."""
    try:
        return keywrap.aes_key_unwrap(key, ciphertext)
    except keywrap.InvalidUnwrap:
        return keywrap.aes_key_unwrap_with_padding(key, ciphertext)


def _fitted(seed: bytes, use: Hash) -> bytes:
    """Return the seed as an HSM takes it for HMAC by ``use``.

    HSMs want an HMAC key no shorter than the hash. HMAC fills its key with zeros
    up to the block (RFC 2104 section 2), so zeros at its end change no code.
    """
    octets, block = _USES[use]
    if len(seed) < SHORTEST_SEED:
        detail = f"the seed has fewer than {SHORTEST_SEED} octets"
        raise SeedRefused("SEED_TOO_SHORT", detail)
    if len(seed) > block:
        raise SeedRefused("UNSUPPORTED_ALGORITHM", f"the seed has more than {block} octets")
    return seed.ljust(octets, b"\0")
