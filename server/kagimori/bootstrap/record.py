# SPDX-License-Identifier: Apache-2.0
"""What a key ceremony wrote down, for the processes that use its keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from kagimori.adapters.vault import CanarySeed
from kagimori.application.provisioning.keys import ProvisioningKey, ProvisioningKeys
from kagimori.bootstrap.refusals import StartError
from kagimori.domain.token import CustodyLabel, Hash, SealedSeed

T = TypeVar("T")
_Entry = Mapping[str, Any]


def canaries_of(record: Path, wrap_format: str) -> list[CanarySeed]:
    """Return a canary for each tenant and version of its keys; raise `StartError`."""
    return _read(record, "canaries", lambda entry: _canary(entry, wrap_format))


def keyed_tenants(record: Path) -> frozenset[str]:
    """Return the service IDs that there are keys for; raise `StartError`."""
    return frozenset(canary.tenant for canary in canaries_of(record, wrap_format=""))


def provisioning_keys_of(record: Path, oaep_hash: Hash) -> ProvisioningKeys:
    """Return the public keys that seeds can be sealed to; raise `StartError`."""
    keys = _read(record, "keys", lambda entry: _key(entry, oaep_hash))
    return ProvisioningKeys(key for key in keys if key is not None)


def _read(record: Path, table: str, made: Callable[[_Entry], T]) -> list[T]:
    try:
        return [made(entry) for entry in json.loads(record.read_text(encoding="utf-8"))[table]]
    except OSError as error:
        raise StartError(f"hsm.ceremony_record: {error.strerror}: {record}") from None
    except (ValueError, KeyError, TypeError):
        raise StartError(f"hsm.ceremony_record: not a ceremony's record: {record}") from None


def _canary(entry: _Entry, wrap_format: str) -> CanarySeed:
    blob = bytes.fromhex(str(entry["blob"]))
    sealed = SealedSeed(
        blob=blob,
        wrap_format=wrap_format,
        key_version=int(entry["key_version"]),
        length=len(blob) - 8,  # the wrap adds one 64-bit block (RFC 5649 §3)
        custody=CustodyLabel.GENERATED_IN_HSM,
    )
    challenge, response = (bytes.fromhex(str(entry[key])) for key in ("challenge", "response"))
    return CanarySeed(str(entry["tenant"]), sealed, challenge, response)


def _key(entry: _Entry, oaep_hash: Hash) -> ProvisioningKey | None:
    if entry["use"] != "provisioning":
        return None
    key = load_pem_public_key(entry["public_key_pem"].encode("ascii"))
    if not isinstance(key, RSAPublicKey):
        raise TypeError(entry["label"])
    return ProvisioningKey(
        tenant=entry["tenant"],
        version=entry["version"],
        public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        modulus=key.public_numbers().n,
        oaep_hash=oaep_hash,
    )
