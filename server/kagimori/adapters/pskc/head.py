# SPDX-License-Identifier: Apache-2.0
"""The head of a PSKC document: how all of its seeds are encrypted (RFC 6030 §6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from cryptography import x509

from kagimori.adapters.pskc.algorithms import DERIVATIONS, MACS, OAEP, PRFS
from kagimori.adapters.pskc.encrypted import DATA, METHOD, encrypted, of_parts
from kagimori.adapters.pskc.values import integer, octets, text
from kagimori.adapters.pskc.xml import (
    CONTAINER,
    DS,
    PACKAGE,
    PKCS5,
    PSKC,
    XENC,
    XENC11,
    attribute,
    check_no_text,
    children,
    need,
    not_supported,
    refusal,
    top_level,
    written,
)
from kagimori.application.deliveries.vendor_file import (
    Encryption,
    Fault,
    Head,
    InClear,
    MacMethod,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
    RsaKey,
    VendorFileRefused,
)
from kagimori.domain.token import Hash

if TYPE_CHECKING:
    from lxml.etree import _Element

_VERSION: Final = "1.0"
_MOST_ITERATIONS: Final = 10_000_000
_KEY_OCTETS: Final = (16, 24, 32)
_LONGEST_SALT: Final = 1024

_ENCRYPTION_KEY: Final = f"{{{PSKC}}}EncryptionKey"
_MAC_METHOD: Final = f"{{{PSKC}}}MACMethod"
_MAC_KEY: Final = f"{{{PSKC}}}MACKey"
_SECRET_IN_CLEAR: Final = f"{{{PSKC}}}Key/{{{PSKC}}}Data/{{{PSKC}}}Secret/{{{PSKC}}}PlainValue"

_KEY_NAME: Final = f"{{{DS}}}KeyName"
_X509_DATA: Final = f"{{{DS}}}X509Data"
_CERTIFICATE: Final = f"{{{DS}}}X509Certificate"
_X509_PARTS: Final = frozenset(
    {_CERTIFICATE}
    | {f"{{{DS}}}{name}" for name in ("X509IssuerSerial", "X509SubjectName", "X509SKI")}
)
_DERIVED_KEY: Final = f"{{{XENC11}}}DerivedKey"
_DERIVATION: Final = f"{{{XENC11}}}KeyDerivationMethod"
_REFERENCES: Final = f"{{{XENC}}}ReferenceList"
_DERIVED_PARTS: Final = frozenset({_DERIVATION, _REFERENCES, f"{{{XENC11}}}MasterKeyName"})
_ENCRYPTED_KEY: Final = f"{{{XENC}}}EncryptedKey"
_ENCRYPTED_PARTS: Final = frozenset(
    {METHOD, DATA, _REFERENCES, f"{{{DS}}}KeyInfo", f"{{{XENC}}}CarriedKeyName"}
)
_KEYS: Final = frozenset({_X509_DATA, _DERIVED_KEY, _ENCRYPTED_KEY})

# PKCS #5 leaves the parts of its parameters without a namespace, and RFC 6030 does
# so, too; XML Encryption 1.1 has all of them in its own.
_PARAMETERS: Final = frozenset({f"{{{PKCS5}}}PBKDF2-params", f"{{{XENC11}}}PBKDF2-params"})
_NAMESPACES: Final = ("", f"{{{PKCS5}}}", f"{{{XENC11}}}")


def read_head(chunks: Iterable[bytes], vendor: str, password: str | None) -> Head:
    """Read a document of ``vendor``'s up to the end of its first package.

    Raises `VendorFileRefused` for what concerns all of the file.
    """
    elements = top_level(chunks)
    root = next(elements)
    if root.tag != CONTAINER:
        raise refusal(Fault.NOT_PSKC, root, "the root is not a KeyContainer of RFC 6030")
    if attribute(root, "Version") != _VERSION:
        raise refusal(Fault.UNSUPPORTED, root, f"only PSKC version {_VERSION} is supported")
    found: dict[str, _Element] = {}
    for element in elements:
        if element.tag == PACKAGE:
            check_no_text(root)
            return _head(found, element, vendor, password)
        _take(found, element)
    raise VendorFileRefused(Fault.MISSING, "the file holds no KeyPackage")


def _take(found: dict[str, _Element], element: _Element) -> None:
    # A second MACMethod, or one behind a key that it should have covered,
    # would leave it open which MAC counts.
    tag = str(element.tag)
    if tag not in {_ENCRYPTION_KEY, _MAC_METHOD}:
        raise not_supported(element)
    if tag in found:
        raise refusal(Fault.UNEXPECTED, element, f"a second {written(tag)}")
    found[tag] = element


def _head(found: dict[str, _Element], package: _Element, vendor: str, password: str | None) -> Head:
    method = found.get(_MAC_METHOD)
    mac = None if method is None else _mac_method(method)
    key = found.get(_ENCRYPTION_KEY)
    if key is not None:
        return Head(_encryption(key, vendor, password), mac)
    in_clear = mac is None and package.find(_SECRET_IN_CLEAR) is not None
    return Head(InClear() if in_clear else PreSharedKey(vendor), mac)


def _mac_method(element: _Element) -> MacMethod | None:
    """Read the file's MAC (§6.1.1).

    A MACMethod that names no algorithm is none: python-pskc writes one into
    each file whose key wrap needs no MAC.
    """
    key = children(element, {_MAC_KEY}).get(_MAC_KEY)
    uri = element.get("Algorithm")
    if uri is None:
        return None
    algorithm = MACS.get(uri)
    if algorithm is None:
        raise refusal(Fault.UNSUPPORTED, element, "this MAC algorithm is not supported")
    if key is None:
        # Drafts of the RFC took the encryption key itself then: one key for two
        # purposes, which no HSM that is well kept would allow.
        detail = "a MAC without a MACKey is not supported: its key must be in the file"
        raise refusal(Fault.UNSUPPORTED, element, detail)
    return MacMethod(algorithm, *encrypted(key))


def _encryption(element: _Element, vendor: str, password: str | None) -> Encryption:
    """Read which key the seeds are under. Its name is the importer's to say."""
    found = children(element, _KEYS | {_KEY_NAME})
    name = found.pop(_KEY_NAME, None)
    if name is not None:
        text(name)
    if len(found) > 1:
        raise refusal(Fault.UNEXPECTED, element, "EncryptionKey must name one key")
    if _X509_DATA in found:
        return RsaKey(vendor, _certificate(found[_X509_DATA]))
    if _ENCRYPTED_KEY in found:
        return _one_time_key(found[_ENCRYPTED_KEY], vendor)
    if _DERIVED_KEY in found:
        return _password_key(found[_DERIVED_KEY], password)
    return PreSharedKey(vendor)


def _certificate(data: _Element) -> bytes | None:
    element = children(data, _X509_PARTS).get(_CERTIFICATE)
    if element is None:
        return None
    certificate = octets(element)
    try:
        x509.load_der_x509_certificate(certificate)
    except ValueError:
        raise refusal(Fault.BAD_VALUE, element, "this is not an X.509 certificate") from None
    return certificate


def _one_time_key(element: _Element, vendor: str) -> OneTimeKey:
    algorithm, ciphertext = of_parts(children(element, _ENCRYPTED_PARTS), element)
    if algorithm != OAEP:
        detail = f"a key inside the file must be under {OAEP}"
        raise refusal(Fault.UNSUPPORTED, element, detail)
    return OneTimeKey(vendor, algorithm, ciphertext)


# --- keys from passwords ----------------------------------------------------------


def _password_key(element: _Element, password: str | None) -> PasswordKey:
    """Read how a key is derived from a password (§6.2, RFC 8018 §5.2)."""
    method = need(children(element, _DERIVED_PARTS), _DERIVATION, element)
    if attribute(method, "Algorithm") not in DERIVATIONS:
        raise refusal(Fault.UNSUPPORTED, method, "keys are derived from passwords by PBKDF2 only")
    found = children(method, _PARAMETERS)
    if len(found) != 1:
        raise refusal(Fault.MISSING, method, "one PBKDF2-params is needed")
    [parameters] = found.values()
    parts = _parameters(parameters, ("Salt", "IterationCount", "KeyLength", "PRF"))
    salt = _salt(_needed(parts, "Salt", parameters))
    iterations = integer(_needed(parts, "IterationCount", parameters), 1, _MOST_ITERATIONS)
    length = _key_length(_needed(parts, "KeyLength", parameters))
    prf = _prf(parts.get("PRF"))
    if not password:
        raise refusal(Fault.PASSWORD_NEEDED, element, "the seeds' key is derived from a password")
    return PasswordKey(password, salt, iterations, length, prf)


def _parameters(element: _Element, names: tuple[str, ...]) -> dict[str, _Element]:
    """Return the parts of PBKDF2's parameters by their local names."""
    found = children(element, {space + name for space in _NAMESPACES for name in names})
    parts = {tag.rpartition("}")[2]: child for tag, child in found.items()}
    if len(parts) != len(found):
        raise refusal(Fault.UNEXPECTED, element, "a parameter stands there twice")
    return parts


def _needed(parts: dict[str, _Element], name: str, element: _Element) -> _Element:
    part = parts.get(name)
    if part is None:
        raise refusal(Fault.MISSING, element, f"PBKDF2 has no {name}")
    return part


def _salt(element: _Element) -> bytes:
    specified = _parameters(element, ("Specified",)) if len(element) else {}
    salt = octets(specified.get("Specified", element))
    if len(salt) > _LONGEST_SALT:
        raise refusal(Fault.TOO_LARGE, element, "the salt is too long")
    return salt


def _key_length(element: _Element) -> int:
    length = integer(element, 1, max(_KEY_OCTETS))
    if length not in _KEY_OCTETS:
        detail = "the key that PBKDF2 derives must have 16, 24 or 32 octets"
        raise refusal(Fault.UNSUPPORTED, element, detail)
    return length


def _prf(element: _Element | None) -> Hash:
    """Return the hash of PBKDF2's HMAC: SHA-1 where nothing is said (RFC 8018, A.2)."""
    if element is None:
        return Hash.SHA1
    name = element.get("Algorithm") or text(element).strip()
    if not name:
        return Hash.SHA1
    prf = PRFS.get(name)
    if prf is None:
        raise refusal(Fault.UNSUPPORTED, element, "this PRF of PBKDF2 is not supported")
    return prf
