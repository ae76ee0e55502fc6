# SPDX-License-Identifier: Apache-2.0
"""An `ImportVault` without an HSM that does the same work with ``cryptography``.

Seeds are really checked, opened and sealed, so that a test can judge an import
by the codes that the sealed seed gives.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import astuple, dataclass, field

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from kagimori.application.inventory.ports import SeedRefused
from kagimori.application.inventory.vendor_file import EncryptedSeed, MacMethod
from kagimori.domain.token import CustodyLabel, Hash, SealedSeed, TokenIdentity

WRAPPING_KEY = bytes(range(32))
ROW_KEY = bytes(range(32, 64))


@dataclass
class FakeImportVault:
    """``vendors`` are transport keys by vendor."""

    vendors: dict[str, bytes] = field(repr=False)
    allow_host_transient: bool = True

    def seal(
        self, seed: EncryptedSeed, mac: MacMethod | None, tenant: str, use: Hash
    ) -> SealedSeed:
        """See `ImportVault.seal`."""
        del tenant, use
        key = self.vendors.get(seed.vendor)
        if key is None:
            raise SeedRefused("UNKNOWN_VENDOR", "no key of this vendor")
        in_clear = seed.algorithm.endswith("-cbc")
        if in_clear and not self.allow_host_transient:
            raise SeedRefused("HOST_TRANSIENT_NOT_ALLOWED", "the HSM cannot open this")
        _check_mac(key, seed, mac)
        opened = _open(key, seed.algorithm, seed.ciphertext)
        return SealedSeed(
            blob=keywrap.aes_key_wrap_with_padding(WRAPPING_KEY, opened),
            wrap_format="RFC5649",
            key_version=1,
            length=len(opened),
            custody=CustodyLabel.HOST_TRANSIENT if in_clear else CustodyLabel.UNWRAPPED_IN_HSM,
        )

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """See `ImportVault.row_mac`."""
        return hmac.digest(ROW_KEY, repr(astuple(identity)).encode(), "sha256")

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `ImportVault.fingerprint`."""
        return hmac.digest(ROW_KEY + tenant.encode(), message, "sha256")


def seed_of(sealed: SealedSeed) -> bytes:
    """Open what the fake sealed."""
    return keywrap.aes_key_unwrap_with_padding(WRAPPING_KEY, sealed.blob)


def _check_mac(key: bytes, seed: EncryptedSeed, mac: MacMethod | None) -> None:
    if mac is None:
        return
    if seed.mac is None:
        raise SeedRefused("MAC_MISSING", "the seed has no MAC")
    mac_key = _open(key, mac.key_algorithm, mac.key_ciphertext)
    digest = hashlib.new(mac.algorithm.removeprefix("hmac-")).name
    if not hmac.compare_digest(hmac.digest(mac_key, seed.ciphertext, digest), seed.mac):
        raise SeedRefused("MAC_MISMATCH", "the seed's MAC is wrong")


def _open(key: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    try:
        if algorithm.endswith("-cbc"):
            return _open_cbc(key, ciphertext)
        return _unwrap(key, ciphertext)
    except (ValueError, keywrap.InvalidUnwrap):
        raise SeedRefused("UNWRAP_FAILED", "this is not under the vendor's key") from None


def _open_cbc(key: bytes, ciphertext: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(ciphertext[:16])).decryptor()
    padded = decryptor.update(ciphertext[16:]) + decryptor.finalize()
    unpadder = PKCS7(AES.block_size).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _unwrap(key: bytes, ciphertext: bytes) -> bytes:
    try:
        return keywrap.aes_key_unwrap(key, ciphertext)
    except keywrap.InvalidUnwrap:
        return keywrap.aes_key_unwrap_with_padding(key, ciphertext)
