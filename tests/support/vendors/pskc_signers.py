# SPDX-License-Identifier: Apache-2.0
"""Vendors that sign their files, and their certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class AnyDigest(XMLSigner):
    """A signer that does not mind SHA-1, as some vendors' do not."""

    def check_deprecated_methods(self) -> None:
        """Refuse nothing."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody with a key and a certificate for it, who may have been issued it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str, issuer: Signer | None = None, *, over: bool = False) -> Signer:
        """Return one with a fresh key; ``over`` if its certificate's time is."""
        key = ec.generate_private_key(ec.SECP256R1())
        own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        begin = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=20)
        authority = issuer is None
        by, by_key = (subject, key) if issuer is None else (issuer.certificate.subject, issuer.key)
        usage = "key_cert_sign" if authority else "digital_signature"
        uses = {use: use in {usage, "digital_signature"} for use in _USES}
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=10 if over else 400))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**uses), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("acme.test")]), critical=False)
            .add_extension(own_id, critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()),
                critical=False,
            )
            .sign(by_key, hashes.SHA256())
        )
        return cls(key, certificate)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def sign(
        self,
        document: bytes,
        *,
        carry: bool = True,
        digest: DigestAlgorithm = DigestAlgorithm.SHA256,
        method: SignatureMethod = SignatureMethod.ECDSA_SHA256,
        reference: str | None = None,
    ) -> bytes:
        """Return the document with an enveloped signature.

        ``carry`` puts the certificate beside it; ``reference`` is the URI of what
        is signed, all of it where None.
        """
        signer = AnyDigest(
            signature_algorithm=method,
            digest_algorithm=digest,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        signed = signer.sign(
            etree.fromstring(document),
            key=self.key_pem,
            cert=[self.certificate],
            reference_uri=reference,
        )
        if not carry:
            namespace = {"ds": "http://www.w3.org/2000/09/xmldsig#"}
            [info] = signed.findall(".//ds:KeyInfo", namespace)
            parent = info.getparent()
            assert parent is not None
            parent.remove(info)
        return etree.tostring(signed)
