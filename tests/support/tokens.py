# SPDX-License-Identifier: Apache-2.0
"""Tokens of tests, with the seeds and codes of the RFCs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    NEVER,
    CustodyLabel,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)

TENANT = "20160003"
OTHER_TENANT = "20160002"
SUBSCRIBER = "subscriber-1"
SERIAL = "2V0716016FK2"

_VECTORS = Path(__file__).resolve().parents[1] / "vectors"

EVENT = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)


@dataclass(frozen=True, slots=True)
class Vector:
    """One code of an RFC's appendix."""

    profile: Profile
    seed: bytes
    step: int
    code: str


def rfc4226() -> list[Vector]:
    """RFC 4226, Appendix D: counters 0 to 9."""
    data = _read("rfc4226.json")
    seed = data["key_ascii"].encode()
    return [Vector(EVENT, seed, entry["counter"], entry["code"]) for entry in data["vectors"]]


def ten_digits() -> list[str]:
    """RFC 4226, Appendix D: the truncated values of counters 0 to 9, as codes of ten digits."""
    return [entry["ten_digits"] for entry in _read("rfc4226.json")["vectors"]]


def rfc6238() -> list[Vector]:
    """RFC 6238, Appendix B: 8 digits, 30 seconds, three hashes."""
    data = _read("rfc6238.json")
    return [
        Vector(
            Profile(MovingFactor.TIME, Hash(entry["hash"]), data["digits"], data["period"]),
            data["keys_ascii"][entry["hash"]].encode(),
            entry["step"],
            entry["code"],
        )
        for entry in data["vectors"]
    ]


def identity(
    profile: Profile = EVENT,
    **changes: Any,  # noqa: ANN401 - any field
) -> TokenIdentity:
    """Return an identity that only a store looks at: its blob opens nowhere."""
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "token_id": "token-1",
        "serial": SERIAL,
        "subscriber": SUBSCRIBER,
        "kind": Kind.HARDWARE,
        "purpose": Purpose.AUTHENTICATION,
        "profile": profile,
        "seed": SealedSeed(b"sealed", "AES-KWP", 1, 20, CustodyLabel.UNWRAPPED_IN_HSM),
    }
    return TokenIdentity(**(fields | changes))


def token(
    of: TokenIdentity | None = None,
    *,
    state: State = State.ACTIVE,
    last_step: int = NEVER,
    row_mac: bytes = b"mac",
) -> Token:
    """Return a token as its row would give it."""
    return Token(of or identity(), row_mac, state, last_step)


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((_VECTORS / name).read_text(encoding="utf-8"))
    return data
