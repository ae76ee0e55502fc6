# SPDX-License-Identifier: Apache-2.0
"""A `DeliveryVault` without an HSM that does the same work with ``cryptography``.

Seeds are really checked, opened and sealed, so that a test can judge an import
by the codes that the sealed seed gives.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Encryption,
    Head,
    InClear,
    OneTimeKey,
    PasswordKey,
    RsaKey,
)
from kagimori.domain.token import CustodyLabel, Hash, SealedSeed, TokenIdentity

WRAPPING_KEY = bytes(range(32))
ROW_KEY = bytes(range(32, 64))

_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - XML Encryption's
_RSA: Final[dict[str, padding.AsymmetricPadding]] = {
    "rsa-1_5": padding.PKCS1v15(),
    "rsa-oaep-mgf1p": _OAEP,
}
_KEY_OCTETS: Final = {
    "kw-aes128": 16,
    "kw-aes192": 24,
    "kw-aes256": 32,
    "aes128-cbc": 16,
    "aes192-cbc": 24,
    "aes256-cbc": 32,
    "tripledes-cbc": 24,
}
_MACS: Final = {f"hmac-sha{bits}" for bits in (1, 224, 256, 384, 512)}
_LENGTHS: Final = {Hash.SHA1: (20, 64), Hash.SHA256: (32, 64), Hash.SHA512: (64, 128)}
"""Octets of a hash, and of its block."""
_MOST_ITERATIONS: Final = 10_000_000
_SHORTEST: Final = 16
_OVERHEAD: Final = 8
"""Octets that key wrap adds."""

Opening = Callable[[str, bytes], bytes]
"""Opens a ciphertext of an algorithm, or raises `SeedRefused`."""


@dataclass
class FakeDeliveryVault:
    """What every `DeliveryVault` does.

    ``vendors`` are AES keys by vendor, for key wrap and for CBC; ``des3`` are
    3DES keys; ``delivery`` and ``one_time`` are the HSM's RSA keys. With
    ``opens_on_host`` false it is the serving process's vault.
    """

    vendors: dict[str, bytes] = field(repr=False, default_factory=dict)
    allow_host_transient: bool = True
    allow_clear_text: bool = False
    des3: dict[str, bytes] = field(repr=False, default_factory=dict)
    delivery: dict[str, RSAPrivateKey] = field(repr=False, default_factory=dict)
    one_time: dict[str, RSAPrivateKey] = field(repr=False, default_factory=dict)
    opens_on_host: bool = True

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        """See `DeliveryVault.seal`."""
        del tenant
        self._check_allowed(head.encryption)
        opening = self._opening(head.encryption)
        mac_key = _mac_key(head, opening)
        answers = [self._answer(head, opening, mac_key, seed) for seed in seeds]
        if answers and all(_is_unknown_vendor(answer) for answer in answers):
            raise _refused("UNKNOWN_VENDOR", "there is no key of this vendor")
        return answers

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """See `DeliveryVault.row_macs`."""
        rows = [repr(astuple(identity)).encode() for identity in identities]
        return [hmac.digest(ROW_KEY, row, "sha256") for row in rows]

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `DeliveryVault.fingerprint`."""
        return hmac.digest(ROW_KEY + tenant.encode(), message, "sha256")

    # --- a delivery ---------------------------------------------------------------

    def _check_allowed(self, encryption: Encryption) -> None:
        if isinstance(encryption, PasswordKey):
            self._check_host()
        if isinstance(encryption, InClear) and not (self.allow_clear_text and self.opens_on_host):
            raise _refused("CLEAR_TEXT_NOT_ALLOWED", "seeds in clear were not asked for")

    def _check_host(self) -> None:
        if not (self.allow_host_transient and self.opens_on_host):
            raise _refused("HOST_TRANSIENT_NOT_ALLOWED", "the HSM cannot open this")

    def _opening(self, encryption: Encryption) -> Opening:
        match encryption:
            case InClear():
                return _nothing_else_in_clear
            case PasswordKey():
                derived = _derived(encryption)
                return lambda algorithm, data: self._open_with(derived, algorithm, data)
            case OneTimeKey():
                key = self._one_time_key(encryption)
                return lambda algorithm, data: _open_wrapped_only(key, algorithm, data)
            case _:
                vendor, rsa = encryption.vendor, isinstance(encryption, RsaKey)
                return lambda algorithm, data: self._open_vendors(vendor, algorithm, data, rsa=rsa)

    def _one_time_key(self, encryption: OneTimeKey) -> bytes:
        if encryption.algorithm != "rsa-oaep-mgf1p":
            raise _unsupported(f"a one-time key under {encryption.algorithm}")
        return _open_rsa(
            self.one_time, encryption.vendor, encryption.algorithm, encryption.ciphertext
        )

    def _open_vendors(self, vendor: str, algorithm: str, data: bytes, *, rsa: bool) -> bytes:
        if algorithm in _RSA and rsa:
            return _open_rsa(self.delivery, vendor, algorithm, data)
        keys = self.des3 if algorithm == "tripledes-cbc" else self.vendors
        if algorithm not in _KEY_OCTETS:
            raise _unsupported(f"encryption algorithm {algorithm}")
        if algorithm.endswith("-cbc"):
            self._check_host()
        return self._open_with(_known(keys, vendor), algorithm, data)

    def _open_with(self, key: bytes, algorithm: str, data: bytes) -> bytes:
        octets = _KEY_OCTETS.get(algorithm)
        if octets is None:
            raise _unsupported(f"encryption algorithm {algorithm}")
        if octets != len(key):
            raise _unsupported(f"{algorithm} with a key of another length")
        if algorithm.endswith("-cbc"):
            self._check_host()
            return _open_cbc(key, algorithm, data)
        return _unwrap(key, data)

    # --- one seed -----------------------------------------------------------------

    def _answer(
        self, head: Head, opening: Opening, mac_key: bytes | None, asked: SeedToSeal
    ) -> SealedSeed | SeedRefused:
        try:
            return self._sealed(head, opening, mac_key, asked)
        except SeedRefused as refused:
            return refused

    def _sealed(
        self, head: Head, opening: Opening, mac_key: bytes | None, asked: SeedToSeal
    ) -> SealedSeed:
        seed = asked.seed
        _check_fits(head.encryption, seed.algorithm)
        if seed.algorithm.endswith("-cbc"):
            self._check_host()
        _check_mac(head, mac_key, seed)
        opened = opening(seed.algorithm, seed.ciphertext)
        stored = _to_store(opened, asked.use, padded=_custody(head, seed) in _ON_HOST)
        return SealedSeed(
            blob=keywrap.aes_key_wrap_with_padding(WRAPPING_KEY, stored),
            wrap_format="RFC5649",
            key_version=1,
            length=len(stored),
            custody=_custody(head, seed),
        )


def seed_of(sealed: SealedSeed) -> bytes:
    """Open what the fake sealed."""
    return keywrap.aes_key_unwrap_with_padding(WRAPPING_KEY, sealed.blob)


_ON_HOST: Final = {CustodyLabel.HOST_TRANSIENT, CustodyLabel.CLEAR_TEXT}


def _custody(head: Head, seed: EncryptedSeed) -> CustodyLabel:
    if isinstance(head.encryption, InClear):
        return CustodyLabel.CLEAR_TEXT
    if isinstance(head.encryption, PasswordKey) or seed.algorithm.endswith("-cbc"):
        return CustodyLabel.HOST_TRANSIENT
    return CustodyLabel.UNWRAPPED_IN_HSM


def _check_fits(encryption: Encryption, algorithm: str) -> None:
    """The seeds are encrypted as the head says."""
    fits = {
        InClear: algorithm == "clear",
        RsaKey: algorithm in _RSA,
        OneTimeKey: algorithm.startswith("kw-aes"),
    }.get(type(encryption), True)
    if not fits:
        raise _unsupported(f"{algorithm} in this file")


def _to_store(opened: bytes, use: Hash, *, padded: bool) -> bytes:
    """As SoftHSM has it: no HMAC key is shorter than its hash; padding takes a host."""
    least, most = _LENGTHS[use]
    if len(opened) < _SHORTEST or (len(opened) < least and not padded):
        raise _refused("SEED_TOO_SHORT", "the seed is too short")
    if len(opened) > most:
        raise _unsupported("a seed longer than its hash's block")
    return opened.ljust(least, b"\0")


def _mac_key(head: Head, opening: Opening) -> bytes | None:
    if head.mac is None:
        return None
    if head.mac.algorithm not in _MACS:
        raise _unsupported(f"MAC algorithm {head.mac.algorithm}")
    key = opening(head.mac.key_algorithm, head.mac.key_ciphertext)
    if len(key) < _SHORTEST:
        raise _refused("MAC_MISMATCH", "the MAC key has fewer than 16 octets")
    return key


def _check_mac(head: Head, mac_key: bytes | None, seed: EncryptedSeed) -> None:
    if (head.mac is None) is not (seed.mac is None):
        raise _refused("MAC_MISSING", "half of a MAC checks nothing")
    if head.mac is None or mac_key is None or seed.mac is None:
        if seed.algorithm.endswith("-cbc"):
            raise _refused("MAC_MISSING", "CBC is taken over only with a MAC")
        return
    digest = hashlib.new(head.mac.algorithm.removeprefix("hmac-")).name
    if not hmac.compare_digest(hmac.digest(mac_key, seed.ciphertext, digest), seed.mac):
        raise _refused("MAC_MISMATCH", "the seed's MAC is wrong")


def _nothing_else_in_clear(algorithm: str, data: bytes) -> bytes:
    if algorithm != "clear":
        raise _unsupported("anything encrypted in a file in clear")
    return data


def _open_wrapped_only(key: bytes, algorithm: str, data: bytes) -> bytes:
    if not algorithm.startswith("kw-aes"):
        raise _unsupported(f"{algorithm} under a one-time key")
    return _unwrap(key, data)


def _derived(of: PasswordKey) -> bytes:
    if of.length not in (16, 24, 32) or not 1 <= of.iterations <= _MOST_ITERATIONS:
        raise _unsupported("this derivation")
    digest = of.prf.value.lower()
    return hashlib.pbkdf2_hmac(digest, of.password.encode(), of.salt, of.iterations, of.length)


def _known(keys: dict[str, bytes], vendor: str) -> bytes:
    if vendor not in keys:
        raise _refused("UNKNOWN_VENDOR", "there is no key of this vendor")
    return keys[vendor]


def _open_rsa(
    keys: dict[str, RSAPrivateKey], vendor: str, algorithm: str, ciphertext: bytes
) -> bytes:
    if vendor not in keys:
        raise _refused("UNKNOWN_VENDOR", "there is no key of this vendor")
    try:
        return keys[vendor].decrypt(ciphertext, _RSA[algorithm])
    except ValueError:
        raise _not_opened() from None


def _open_cbc(key: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    cipher = TripleDES(key) if algorithm == "tripledes-cbc" else AES(key)
    block = cipher.block_size // 8
    try:
        decryptor = Cipher(cipher, CBC(ciphertext[:block])).decryptor()
        padded = decryptor.update(ciphertext[block:]) + decryptor.finalize()
        unpadder = PKCS7(cipher.block_size).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise _not_opened() from None


def _unwrap(key: bytes, ciphertext: bytes) -> bytes:
    if len(ciphertext) < _SHORTEST + _OVERHEAD:
        raise _refused("SEED_TOO_SHORT", "a seed has at least 16 octets")
    try:
        return keywrap.aes_key_unwrap(key, ciphertext)
    except (ValueError, keywrap.InvalidUnwrap):
        pass
    try:
        return keywrap.aes_key_unwrap_with_padding(key, ciphertext)
    except (ValueError, keywrap.InvalidUnwrap):
        raise _not_opened() from None


def _is_unknown_vendor(answer: SealedSeed | SeedRefused) -> bool:
    return isinstance(answer, SeedRefused) and answer.reason == "UNKNOWN_VENDOR"


def _not_opened() -> SeedRefused:
    return _refused("UNWRAP_FAILED", "the key does not open it")


def _unsupported(what: str) -> SeedRefused:
    return _refused("UNSUPPORTED_ALGORITHM", f"{what} is not supported")


def _refused(reason: str, detail: str) -> SeedRefused:
    return SeedRefused(reason, detail)
