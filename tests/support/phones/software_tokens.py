# SPDX-License-Identifier: Apache-2.0
"""Software tokens with seeds that the test chose, in files that open quickly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kagimori_client.token import HashAlgorithm, OtpProfile, SoftwareToken
from kagimori_client.token.record import Record, Seeds, to_octets
from kagimori_client.token.safe import Cost, Safe

CHEAP: Final = Cost(n=2)
"""A guess for next to nothing: what is tested is not how long scrypt takes."""

PASSPHRASE = "correct horse battery"
USER_ID = "999800000001"
SIGNING_SEED = bytes(range(128, 192))


def record(seed: bytes = bytes(range(64)), **changes: Any) -> Record:  # noqa: ANN401 - any field
    """Return what a token keeps: 8 digits, 60 seconds, SHA-1."""
    kept: dict[str, Any] = {
        "service_id": "10112231",
        "user_id": USER_ID,
        "serial": "KG0123456789",
        "issuer": "熊本県信用組合",
        "transaction_signing": False,
        "profile": OtpProfile(HashAlgorithm.SHA1, 8, 60),
        "seeds": Seeds(seed, SIGNING_SEED),
    }
    return Record(**(kept | changes))


def written(path: Path, kept: Record | None = None, passphrase: str = PASSPHRASE) -> Path:
    """Write a token's file."""
    kept = kept or record()
    Safe.create(path, passphrase, CHEAP).write(kept.cover, to_octets(kept))
    return path


def token(
    directory: Path,
    seed: bytes = bytes(range(64)),
    **changes: Any,  # noqa: ANN401 - any field of a record
) -> SoftwareToken:
    """Return a token that was taken from its file."""
    path = directory / "1.json"
    path.unlink(missing_ok=True)
    return SoftwareToken.open(written(path, record(seed, **changes)), PASSPHRASE)
