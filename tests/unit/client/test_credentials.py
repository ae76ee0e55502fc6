# SPDX-License-Identifier: Apache-2.0
"""Wrong TLS files are found before anything is sent, and named by their argument."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from development.certificates import new_authority
from kagimori_client import BankChannel

GARBAGE = b"no PEM at all"
BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BROKEN_KEY = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

looks_at_keys = pytest.mark.skipif(sys.platform != "linux", reason="keys are tried on Linux")


@dataclass(frozen=True)
class Files:
    certificate: Path
    private_key: Path
    authority_ca: Path

    def arguments(self, **changed: object) -> dict[str, Any]:
        return {**vars(self), **changed}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    authority = new_authority(tmp_path_factory.mktemp("credentials"))
    bank = authority.client("10112001", "channel")
    return Files(bank.certificate, bank.private_key, authority.ca_file)


def refusal(arguments: dict[str, Any]) -> Exception:
    try:
        BankChannel("localhost:1", **arguments).close()
    except (TypeError, ValueError) as error:
        return error
    msg = "the files were taken"
    raise AssertionError(msg)


def test_right_files_are_taken_as_paths_and_as_octets(files: Files) -> None:
    BankChannel("localhost:1", **files.arguments()).close()
    octets = {name: path.read_bytes() for name, path in vars(files).items()}
    BankChannel("localhost:1", **octets).close()


def test_words_around_a_certificate_are_taken(files: Files) -> None:
    commented = "# 認証センター\n".encode() + files.authority_ca.read_bytes()
    BankChannel("localhost:1", **files.arguments(authority_ca=commented)).close()


@pytest.mark.parametrize("name", ["certificate", "authority_ca"])
@pytest.mark.parametrize("octets", [b"", GARBAGE, BROKEN, b"\xff\x00", BROKEN_KEY])
def test_what_is_no_certificate_is_named(files: Files, name: str, octets: bytes) -> None:
    error = refusal(files.arguments(**{name: octets}))
    assert isinstance(error, ValueError)
    assert str(error) == f"{name} must hold a certificate in PEM"


def test_a_file_that_is_no_certificate_is_named(files: Files) -> None:
    error = refusal(files.arguments(certificate=str(files.private_key)))
    assert str(error) == "certificate must hold a certificate in PEM"


@looks_at_keys
@pytest.mark.parametrize("octets", [b"", GARBAGE, BROKEN, BROKEN_KEY])
def test_what_is_no_key_is_named(files: Files, octets: bytes) -> None:
    error = refusal(files.arguments(private_key=octets))
    assert isinstance(error, ValueError)
    assert str(error) == "private_key must hold a key in PEM, not encrypted"


@looks_at_keys
def test_an_encrypted_key_is_named_and_no_password_is_asked_for(files: Files) -> None:
    key = load_pem_private_key(files.private_key.read_bytes(), None)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")
    )
    error = refusal(files.arguments(private_key=encrypted))
    assert str(error) == "private_key must hold a key in PEM, not encrypted"


@looks_at_keys
@pytest.mark.parametrize(
    "other",
    [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)],
    ids=["the same kind", "another kind"],
)
def test_another_certificates_key_is_named(
    files: Files, other: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    error = refusal(files.arguments(private_key=pem))
    assert isinstance(error, ValueError)
    assert str(error) == "private_key must be the key of certificate"


@looks_at_keys
def test_a_key_in_the_certificates_file_is_not_the_one_that_counts(files: Files) -> None:
    both = files.certificate.read_bytes() + files.private_key.read_bytes()
    error = refusal(files.arguments(certificate=both, private_key=GARBAGE))
    assert str(error) == "private_key must hold a key in PEM, not encrypted"
    BankChannel("localhost:1", **files.arguments(certificate=both, private_key=both)).close()


@pytest.mark.parametrize("name", ["certificate", "private_key", "authority_ca"])
def test_another_type_is_named(files: Files, name: str) -> None:
    error = refusal(files.arguments(**{name: None}))
    assert isinstance(error, TypeError)
    assert name in str(error)


def test_a_key_as_text_is_named_and_not_quoted(files: Files) -> None:
    text = files.private_key.read_text()
    error = refusal(files.arguments(private_key=text))
    assert "private_key is PEM as str" in str(error)
    assert text.splitlines()[1] not in "".join(traceback.format_exception(error))


@looks_at_keys
def test_a_sandbox_without_memory_files_leaves_the_key_to_the_first_call(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_name: str) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refused)
    BankChannel("localhost:1", **files.arguments(private_key=GARBAGE)).close()


@looks_at_keys
def test_no_descriptor_stays_open(files: Files) -> None:
    descriptors = Path("/proc/self/fd")
    refusal(files.arguments(private_key=GARBAGE))
    kept = [str(entry.readlink()) for entry in descriptors.iterdir() if entry.is_symlink()]
    assert not [target for target in kept if "kagimori-client" in target]
