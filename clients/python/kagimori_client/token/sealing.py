# SPDX-License-Identifier: Apache-2.0
"""Seeds, drawn here and sealed to a key that only the authority's HSM can use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.token.errors import AuthorityFault, KeyNotPinned

SEED_OCTETS: Final = 64
_SHORTEST_KEY: Final = 3072

_OAEP_HASHES: Final[dict[int, type[hashes.HashAlgorithm]]] = {
    # Not a signature: OAEP asks nothing of its hash that SHA-1 lacks (RFC 8017 §B.1).
    pb.HASH_ALGORITHM_SHA1: hashes.SHA1,
    pb.HASH_ALGORITHM_SHA256: hashes.SHA256,
}


@dataclass(frozen=True, slots=True)
class SealingKey:
    """The public half of a provisioning key; ``pin`` is its SHA-256, 32 octets."""

    pin: bytes
    public_key: rsa.RSAPublicKey
    oaep_hash: type[hashes.HashAlgorithm]

    def seal(self, seed: bytes) -> bytes:
        """Return ``seed`` under RSAES-OAEP without label (RFC 8017 §7.1.1)."""
        oaep = padding.OAEP(padding.MGF1(self.oaep_hash()), self.oaep_hash(), None)
        return self.public_key.encrypt(seed, oaep)


def pinned_key(offered: Iterable[pb.ProvisioningKey], pins: Iterable[str]) -> SealingKey:
    """Return the first of the ``offered`` keys that is among the ``pins`` (hexadecimal).

    Raise `KeyNotPinned` if none is, and `AuthorityFault` if it is no RSA key of
    3072 bits or more, or to be used with a hash that this app does not know.
    """
    pinned = frozenset(map(bytes.fromhex, pins))
    for key in offered:
        pin = hashlib.sha256(key.public_key).digest()
        if pin in pinned:
            return _sealing_key(pin, key)
    raise KeyNotPinned


def _sealing_key(pin: bytes, key: pb.ProvisioningKey) -> SealingKey:
    oaep_hash = _OAEP_HASHES.get(key.oaep_hash)
    if oaep_hash is None:
        raise AuthorityFault("the provisioning key asks for a hash that this app does not know")
    try:
        public_key = load_der_public_key(key.public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AuthorityFault("the provisioning key is no public key") from error
    if not isinstance(public_key, rsa.RSAPublicKey) or public_key.key_size < _SHORTEST_KEY:
        raise AuthorityFault("the provisioning key is no RSA key of 3072 bits or more")
    return SealingKey(pin, public_key, oaep_hash)
