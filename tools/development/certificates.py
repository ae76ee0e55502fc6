# SPDX-License-Identifier: Apache-2.0
"""A throw-away certificate authority: the server's certificate and the callers'.

ECDSA P-256 throughout: the server offers no TLS 1.2 suite for it (TLS 1.3 only).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_TENANT = "_authority"
TENANT_ROLES = ("channel", "registrar", "operator")
AUTHORITY_ROLES = ("operator", "hsm-admin", "auditor")
SECOND_OPERATOR = "operator-2"
"""How the files of a bank's second member of staff are named, as the first one's by his role."""
_NAMES = {"operator": "suzuki"}
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Signs for one trust domain; everything it makes lies in ``directory``."""

    directory: Path
    trust_domain: str
    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @property
    def ca_file(self) -> Path:
        """Return the CA certificate's path."""
        return self.directory / "ca.pem"

    def server(self, name: str = "server", hosts: Sequence[str] = ("localhost",)) -> Identity:
        """Return a server identity for ``hosts`` and 127.0.0.1."""
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        return self.issue(name, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, tenant: str, role: str, name: str = "core-1") -> Identity:
        """Return a caller's identity: tenant (service ID), role and name in its SAN URI."""
        return self._client(f"{tenant}-{role}", tenant, role, name)

    def second_operator(self, tenant: str, name: str = "tanaka") -> Identity:
        """Return the identity of another of a bank's staff, beside `client`'s."""
        return self._client(f"{tenant}-{SECOND_OPERATOR}", tenant, "operator", name)

    def issue(
        self,
        name: str,
        alternative_names: Iterable[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        *,
        valid_for: timedelta = 30 * A_DAY,
    ) -> Identity:
        """Return a leaf; a negative ``valid_for`` gives one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(name, self.certificate.subject, key.public_key(), valid_for)
            .add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        return self._write(name, builder.sign(self.private_key, hashes.SHA256()), key)

    def _client(self, file: str, tenant: str, role: str, name: str) -> Identity:
        uri = f"spiffe://{self.trust_domain}/tenant/{tenant}/role/{role}/id/{name}"
        names = [x509.UniformResourceIdentifier(uri)]
        return self.issue(file, names, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _write(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> Identity:
        identity = Identity(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.private_key.touch(mode=0o600)
        identity.private_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return identity


def new_authority(directory: Path, trust_domain: str = "kagimori.example") -> CertificateAuthority:
    """Make a CA whose certificate is ``directory/ca.pem``; its key stays in memory."""
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Kagimori development CA")
    certificate = (
        _builder("Kagimori development CA", name, key.public_key(), 30 * A_DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = CertificateAuthority(directory, trust_domain, certificate, key)
    authority.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return authority


def issue_all(authority: CertificateAuthority, service_ids: Iterable[str]) -> None:
    """Issue the server's identity, one for each tenant and role, and a second operator's."""
    authority.server()
    for service_id in service_ids:
        for role in TENANT_ROLES:
            authority.client(service_id, role, _NAMES.get(role, "core-1"))
        authority.second_operator(service_id)
    for role in AUTHORITY_ROLES:
        authority.client(AUTHORITY_TENANT, role)


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid_for: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + valid_for) - A_DAY)
        .not_valid_after(now + valid_for)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
