# SPDX-License-Identifier: Apache-2.0
"""The vectors of RFC 6287, Appendix C."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_FILE: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "rfc6287.json").read_text(encoding="utf-8")
)

KEYS: Final = {name: key.encode() for name, key in _FILE["keys_ascii"].items()}
"""By their octets: the RFC's standard keys."""

PASSWORD_HASH: Final = bytes.fromhex(_FILE["password_sha1_hex"])
"""SHA-1 of the RFC's PIN."""

TABLES: Final[list[dict[str, Any]]] = _FILE["tables"]


@dataclass(frozen=True, slots=True)
class OcraVector:
    """One response. ``inputs`` are the suite's besides the question, by their names here."""

    mode: str
    suite: str
    key: bytes
    question: str
    response: str
    inputs: dict[str, Any] = field(hash=False)

    def __str__(self) -> str:
        said = [f"{name}={self.inputs[name]}" for name in sorted(self.inputs) if name in _TOLD]
        return " ".join((self.suite, self.question, *said))


_TOLD: Final = ("counter", "own_question", "time_step")


def rfc6287() -> list[OcraVector]:
    """Return all 70: one-way, mutual of both sides, and plain signatures."""
    return [_vector(table, entry) for table in TABLES for entry in table["vectors"]]


def _vector(table: dict[str, Any], entry: dict[str, Any]) -> OcraVector:
    inputs: dict[str, Any] = {name: entry[name] for name in _TOLD if name in entry}
    if table["suite"].endswith("-PSHA1"):
        inputs["password_hash"] = PASSWORD_HASH
    key, question, response = KEYS[table["key"]], entry["question"], entry["response"]
    return OcraVector(table["mode"], table["suite"], key, question, response, inputs)
