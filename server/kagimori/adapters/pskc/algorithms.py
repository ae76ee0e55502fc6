# SPDX-License-Identifier: Apache-2.0
"""The names that PSKC files give to algorithms, and ours for the same things.

Sources: RFC 6030 §6 and §10, XML Encryption 1.0 and 1.1, RFC 6931.
"""

from __future__ import annotations

from typing import Final

from kagimori.domain.token import Hash, MovingFactor

_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_XMLENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_XMLDSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_XMLDSIG_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_PSKC_PROFILE: Final = "urn:ietf:params:xml:ns:keyprov:pskc:"

_AES_BITS: Final = (128, 192, 256)

UNAUTHENTICATED: Final = frozenset(f"aes{bits}-cbc" for bits in _AES_BITS)
"""Algorithms that do not notice a changed ciphertext: RFC 6030 §6.1 wants a MAC."""

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

ENCRYPTIONS: Final = {f"{_XMLENC}{name}": name for name in UNAUTHENTICATED} | _KEY_WRAPS
"""URI of an ``EncryptionMethod`` to the name that `EncryptedSeed` has for it."""

MACS: Final = {
    f"{_XMLDSIG}hmac-sha1": "hmac-sha1",
    **{f"{_XMLDSIG_MORE}hmac-sha{bits}": f"hmac-sha{bits}" for bits in (224, 256, 384, 512)},
}
"""URI of a ``MACMethod`` to the name that `MacMethod` has for it."""

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
