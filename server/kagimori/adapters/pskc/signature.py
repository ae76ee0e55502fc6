# SPDX-License-Identifier: Apache-2.0
"""The XML signature of a PSKC document (RFC 6030 §7), checked by signxml.

What was signed is what signxml returns: nothing else of the file is used.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from kagimori.adapters.pskc.xml import CONTAINER, DS, SIGNATURE, strict_parser
from kagimori.application.deliveries.vendor_file import Fault, VendorFileRefused

if TYPE_CHECKING:
    from lxml.etree import _Element

LARGEST_SIGNED: Final = 64 * 1024 * 1024
"""Octets: a signature covers all of a file, so all of it must be in memory."""

_CERTIFICATES: Final = f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate"
_REFERENCE: Final = f"{{{DS}}}SignedInfo/{{{DS}}}Reference"
_IDS: Final = ("Id", "ID", "id")

# No SHA-1: who can choose what a vendor signs can make a second file with the same
# digest. No HMAC: whoever could check one could have made it.
_CONFIGURATION: Final = SignatureConfiguration(
    location="./",
    signature_methods=frozenset(
        method
        for method in SignatureMethod
        if "SHA1" not in method.name and not method.name.startswith("HMAC")
    ),
    digest_algorithms=frozenset(name for name in DigestAlgorithm if "SHA1" not in name.name),
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, canonical XML, and the SHA-256 of its signer's certificate."""

    content: bytes
    signer: str


def is_signed(root: _Element) -> bool:
    """Return whether a signature stands where RFC 6030 has it."""
    return root.tag == CONTAINER and root.find(SIGNATURE) is not None


def parsed(content: bytes) -> _Element | None:
    """Return the root of a whole document, None where it is no XML as we read it."""
    if b"<!DOCTYPE" in content:
        return None
    try:
        return etree.fromstring(content, strict_parser())
    except etree.XMLSyntaxError:
        return None


def signed_by(root: _Element, pem: bytes | None) -> Signed:
    """Return what was signed by one of the certificates in ``pem``, or by one that they issued.

    Raises `VendorFileRefused`.
    """
    signatures = root.findall(SIGNATURE)
    if len(signatures) != 1:
        raise _invalid("it carries more than one signature")
    signature = signatures[0]
    carried = _carried(signature)
    if pem is None:
        raise VendorFileRefused(Fault.SIGNATURE_UNTRUSTED, _who(carried))
    _check_reference(root, signature)
    trusted = certificates_of(pem)
    chosen = [certificate for certificate in trusted if certificate in carried]
    if carried and not chosen:
        result = _verified_by_issuer(root, trusted)
    else:
        result = _verified_by_one_of(root, chosen or trusted)
    return Signed(_covered(root, result), _fingerprint(result, [*carried, *trusted]))


def certificates_of(pem: bytes) -> Sequence[x509.Certificate]:
    """Return the certificates in a PEM file; refuse one that holds none."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        detail = "what is to tell the signer is not a certificate in PEM"
        raise VendorFileRefused(Fault.SIGNATURE_UNTRUSTED, detail) from None


def _verified_by_issuer(root: _Element, trusted: Sequence[x509.Certificate]) -> VerifyResult:
    with NamedTemporaryFile() as issuers:
        issuers.writelines(certificate.public_bytes(Encoding.PEM) for certificate in trusted)
        issuers.flush()
        return _verified(root, None, issuers.name)


def _verified_by_one_of(root: _Element, signers: Sequence[x509.Certificate]) -> VerifyResult:
    """Check the signature by one certificate after the other; raise the last refusal."""
    refused = VendorFileRefused(Fault.SIGNATURE_UNTRUSTED, "no certificate was given")
    for signer in signers:
        try:
            return _verified(root, signer, None)
        except VendorFileRefused as this:
            refused = this
    raise refused


def _verified(root: _Element, signer: x509.Certificate | None, issuers: str | None) -> VerifyResult:
    try:
        result = XMLVerifier().verify(
            root,
            x509_cert=signer,
            ca_pem_file=issuers,
            parser=strict_parser(),
            expect_config=_CONFIGURATION,
        )
    except InvalidCertificate:
        detail = "the signer's certificate is not the expected one, or not valid now"
        raise VendorFileRefused(Fault.SIGNATURE_UNTRUSTED, detail) from None
    # What a hostile signature makes the library stumble over is no valid signature.
    except Exception:  # noqa: BLE001
        raise _invalid("it does not fit the file, or its algorithm is not accepted") from None
    if not isinstance(result, VerifyResult):
        raise _invalid("it does not have one reference")
    return result


def _check_reference(root: _Element, signature: _Element) -> None:
    references = signature.findall(_REFERENCE)
    whole = {"", *(f"#{root.get(name)}" for name in _IDS if root.get(name))}
    if len(references) != 1 or references[0].get("URI") not in whole:
        raise _invalid("it does not cover the whole KeyContainer")


def _covered(root: _Element, result: VerifyResult) -> bytes:
    signed = result.signed_xml
    if signed is None or signed.tag != CONTAINER or _count(signed) != _count(root) - 1:
        raise _invalid("it does not cover the whole KeyContainer")
    return result.signed_data


def _count(root: _Element) -> int:
    return sum(1 for _ in root.iterchildren(etree.Element))


def _carried(signature: _Element) -> list[x509.Certificate]:
    """Return the certificates that a signature brings along, those that can be read."""
    certificates = []
    for element in signature.findall(_CERTIFICATES):
        try:
            der = binascii.a2b_base64("".join((element.text or "").split()), strict_mode=True)
            certificates.append(x509.load_der_x509_certificate(der))
        except ValueError:
            continue
    return certificates


def _fingerprint(result: VerifyResult, known: Sequence[x509.Certificate]) -> str:
    for certificate in known:
        key = certificate.public_key()
        if key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == (
            result.signature_key
        ):
            return _digest(certificate)
    raise _invalid("its certificate is not known")


def _who(carried: Sequence[x509.Certificate]) -> str:
    if not carried:
        return "nobody was named whose signature is trusted, and it names no certificate"
    digest = _digest(carried[0])
    return f"nobody was named whose signature is trusted; its certificate's SHA-256 is {digest}"


def _digest(certificate: x509.Certificate) -> str:
    return sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _invalid(detail: str) -> VendorFileRefused:
    return VendorFileRefused(Fault.SIGNATURE_INVALID, f"the signature is not valid: {detail}")
