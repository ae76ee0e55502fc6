# SPDX-License-Identifier: Apache-2.0
"""What the examples of core_rs read: where the HSM is, and what to do there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kagimori import key_policy
from kagimori.adapters.vault import CanarySeed, Hsm


def of(hsm: Hsm, figures: Mapping[str, object], tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return an order in TOML: how to open ``hsm``, ``figures`` beside that, and ``tables``."""
    opening = {
        "module": hsm.module,
        "partition": hsm.serving.label,
        "pin": hsm.serving.pin,
        "policy": key_policy.policy_text(),
        "kwp": hsm.provider.kwp,
        "hmac_min_is_hash_length": hsm.provider.hmac_min_is_hash_length,
    }
    parts = [_lines({**opening, **figures})]
    parts += [f"[{name}]\n{_lines(table)}" for name, table in tables.items()]
    return "".join(parts)


def canary_of(hsm: Hsm, tenant: str) -> CanarySeed:
    """Return the canary that the ceremony made for ``tenant``."""
    return next(canary for canary in hsm.canaries if canary.tenant == tenant)


def canary_table(canary: CanarySeed) -> dict[str, Any]:
    """Return a canary as an order has it."""
    return {
        "blob": list(canary.sealed.blob),
        "challenge": list(canary.challenge),
        "response": list(canary.response),
    }


def versioned_canary_table(canary: CanarySeed) -> dict[str, Any]:
    """Return the same, with the version of the keys that it goes with."""
    return {"key_version": canary.sealed.key_version, **canary_table(canary)}


def _lines(table: Mapping[str, object]) -> str:
    """Write strings, numbers and lists, which TOML writes as JSON does."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
