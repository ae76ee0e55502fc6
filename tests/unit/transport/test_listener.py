# SPDX-License-Identifier: Apache-2.0
"""A listener that could not be strict is refused before it serves anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from development.certificates import CertificateAuthority, new_authority
from kagimori.transport.listener import UnfitListener, credentials

SERVES_TOO_EARLY = """
import grpc, sys
from pathlib import Path
from support.served.transport import serving
with serving(Path(sys.argv[1])):
    print("served")
"""


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return new_authority(tmp_path)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["rsa", "p384", "ed25519"],
)
def test_a_key_of_another_kind_is_refused(
    authority: CertificateAuthority,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(UnfitListener, match="ECDSA P-256"):
        credentials(
            authority.server().certificate.read_bytes(), pem, authority.ca_file.read_bytes()
        )


def test_another_certificates_key_is_refused(authority: CertificateAuthority) -> None:
    ours, other = authority.server("ours"), authority.server("other")
    with pytest.raises(UnfitListener, match="not of its private key"):
        credentials(
            ours.certificate.read_bytes(),
            other.private_key.read_bytes(),
            authority.ca_file.read_bytes(),
        )


@pytest.mark.parametrize(
    ("broken", "named"), [(0, "server's certificate"), (1, "private key"), (2, "client_ca")]
)
def test_what_is_no_pem_is_named(authority: CertificateAuthority, broken: int, named: str) -> None:
    identity = authority.server()
    pems = [
        identity.certificate.read_bytes(),
        identity.private_key.read_bytes(),
        authority.ca_file.read_bytes(),
    ]
    pems[broken] = b"-----BEGIN NOTHING-----"
    with pytest.raises(UnfitListener, match=named):
        credentials(*pems)


def test_a_process_that_imported_grpc_first_does_not_serve(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVES_TOO_EARLY, str(tmp_path)],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "TLS 1.2 is not refused" in done.stderr
    assert "served" not in done.stdout
