# SPDX-License-Identifier: Apache-2.0
"""The names that PSKC files give to algorithms, and ours for the same things.

Sources: RFC 6030 §6 and §10, XML Encryption 1.0 and 1.1, RFC 6931, RFC 8018.
"""

from __future__ import annotations

from typing import Final

from kagimori.domain.token import Hash, MovingFactor

_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_XMLDSIG_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_PSKC_PROFILE: Final = "urn:ietf:params:xml:ns:keyprov:pskc:"
_PKCS5: Final = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"

_AES_BITS: Final = (128, 192, 256)

CLEAR: Final = "clear"
"""The name that `EncryptedSeed` has for a seed that is not encrypted."""

OAEP: Final = "rsa-oaep-mgf1p"
"""RSA-OAEP with SHA-1 and MGF1 with SHA-1 (XML Encryption 1.0 §5.4.2)."""

CBC_BLOCKS: Final = {"tripledes-cbc": 8} | {f"aes{bits}-cbc": 16 for bits in _AES_BITS}
"""CBC algorithms, and the octets of their blocks.

They do not notice a changed ciphertext: RFC 6030 §6.1 wants a MAC.
"""

# The padded key wrap (RFC 5649) has its own URIs, in two spellings, and some
# writers use the unpadded one for both. Each has its own integrity check
# value, so whoever unwraps can tell them apart by trying: one name is enough.
_KEY_WRAPS: Final = {
    uri: f"kw-aes{bits}"
    for bits in _AES_BITS
    for uri in (
        f"{_XMLENC}kw-aes{bits}",
        f"{_XMLENC11}kw-aes-{bits}-pad",
        f"{_XMLENC11}kw-aes{bits}-pad",
    )
}

_RSA: Final = {
    f"{_XMLENC}rsa-1_5": "rsa-1_5",
    # RFC 6030's own Figure 8 spells it so.
    f"{_XMLENC}rsa_1_5": "rsa-1_5",
    f"{_XMLENC}{OAEP}": OAEP,
}

ENCRYPTIONS: Final = {f"{_XMLENC}{name}": name for name in CBC_BLOCKS} | _KEY_WRAPS | _RSA
"""URI of an ``EncryptionMethod`` to the name that `EncryptedSeed` has for it."""

KEY_WRAPS: Final = frozenset(_KEY_WRAPS.values())
"""Algorithms that notice a changed ciphertext, and wrap eight octets at a time."""

OAEP_DIGEST: Final = f"{_XMLDSIG}sha1"
"""The only digest that OAEP may name: another would be another algorithm."""

MACS: Final = {
    # The first is what it is called; writers who know no better name it as its sisters.
    f"{_XMLDSIG}hmac-sha1": "hmac-sha1",
    f"{_XMLDSIG_MORE}hmac-sha1": "hmac-sha1",
    **{f"{_XMLDSIG_MORE}hmac-sha{bits}": f"hmac-sha{bits}" for bits in (224, 256, 384, 512)},
}
"""URI of a ``MACMethod`` to the name that `MacMethod` has for it."""

DERIVATIONS: Final = frozenset({f"{_PKCS5}pbkdf2", f"{_XMLENC11}pbkdf2"})
"""URIs of PBKDF2 as a ``KeyDerivationMethod``."""

PRFS: Final = {
    spelling: hash_
    for name, hash_ in (
        ("hmac-sha1", Hash.SHA1),
        ("hmac-sha256", Hash.SHA256),
        ("hmac-sha512", Hash.SHA512),
    )
    for spelling in (name, f"{_XMLDSIG}{name}", f"{_XMLDSIG_MORE}{name}", f"{_PKCS5}{name}")
}
"""What a ``PRF`` may be called to the hash of its HMAC."""

FACTORS: Final = {
    f"{_PSKC_PROFILE}hotp": MovingFactor.EVENT,
    f"{_PSKC_PROFILE}totp": MovingFactor.TIME,
}
"""URI of a ``Key``'s algorithm to what makes the next code."""

_HASHES: Final = {"sha1": Hash.SHA1, "sha256": Hash.SHA256, "sha512": Hash.SHA512}


def hash_of(suite: str) -> Hash | None:
    """Return the hash that a ``Suite`` names, or None for a name we do not know.

    Writers agree on the hash and on nothing else: ``HMAC-SHA256``, ``SHA256``,
    ``HMAC-SHA-256`` and ``HmacSHA256`` are one suite.
    """
    plain = suite.lower().replace("-", "").replace("_", "")
    return _HASHES.get(plain.removeprefix("hmac"))


def shortest_of(algorithm: str, octets: int) -> int:
    """Return how long the ciphertext of a secret of so many octets is at least."""
    block = CBC_BLOCKS.get(algorithm)
    if block is not None:
        # The IV in front, and at least one octet of padding behind.
        return block + (octets // block + 1) * block
    return octets + 8 if algorithm in KEY_WRAPS else octets
