# SPDX-License-Identifier: Apache-2.0
"""What a phone does with its seed, done with ``cryptography`` alone."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from support.custody.hsm import HsmFiles

_SHA1 = hashes.SHA1()  # noqa: S303 - all that SoftHSM offers; OAEP needs no more of a hash

OAEP_SHA1 = OAEP(MGF1(_SHA1), _SHA1, None)
OAEP_SHA256 = OAEP(MGF1(hashes.SHA256()), hashes.SHA256(), None)
OAEP_LABELLED = OAEP(MGF1(_SHA1), _SHA1, b"label")


def seal(pem: str, seed: bytes, scheme: AsymmetricPadding = OAEP_SHA1) -> bytes:
    """Put ``seed`` into an envelope to the key in ``pem``."""
    key = load_pem_public_key(pem.encode("ascii"))
    assert isinstance(key, RSAPublicKey)
    return key.encrypt(seed, scheme)


def provisioning_pem(files: HsmFiles, tenant: str) -> str:
    """Return the public half of the tenant's key, as the ceremony recorded it."""
    (pem,) = [
        key["public_key_pem"]
        for key in files.record["keys"]
        if (key["use"], key["tenant"]) == ("provisioning", tenant)
    ]
    return str(pem)
