# SPDX-License-Identifier: Apache-2.0
"""The public halves that leave the house: what vendors and the offline tool encrypt to.

Each is a PEM file beside the record. Its fingerprint is the SHA-256 of the key
in DER (SubjectPublicKeyInfo), so that it can be compared by voice:
``openssl pkey -pubin -in FILE -outform DER | sha256sum``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from kagimori.custody.record import replace

if TYPE_CHECKING:
    from pathlib import Path

    from kagimori.custody.keys import MadeKey

USES: Final = ("delivery", "onetime")


def path_of(record: Path, vendor: str, use: str) -> Path:
    """Return where the public half of a vendor's key is written."""
    return record.parent / f"vendor-{vendor}-{use}.pem"


def write(record: Path, made: MadeKey) -> tuple[Path, str]:
    """Write the public half; return where, and its fingerprint. Raises `OSError`."""
    pem = str(made.public_key_pem)
    path = path_of(record, str(made.vendor), made.use)
    replace(path, pem)
    der = load_pem_public_key(pem.encode("ascii")).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return path, hashlib.sha256(der).hexdigest()
