# SPDX-License-Identifier: Apache-2.0
"""The key policy and the provider profiles: data that two doors read.

The administrator's ceremony (python-pkcs11) makes keys from it; the server's
self-test (Rust) tries to break them by it. Standard library only, so that
neither door drags in the other.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Provider:
    """What differs by maker; the fields are explained in ``providers.toml``."""

    name: str
    kwp: int
    wrap_format: str
    oaep_hash: str
    hmac_min_is_hash_length: bool
    initialise: str


def policy_text() -> str:
    """Return ``policy.toml`` as shipped, for the Rust self-test."""
    return (files(__name__) / "policy.toml").read_text(encoding="utf-8")


def policy() -> dict[str, Any]:
    """Return ``policy.toml`` as plain data."""
    return tomllib.loads(policy_text())


def provider(name: str) -> Provider:
    """Return the profile called ``name``; raise `KeyError` if there is none."""
    return Provider(name=name, **_providers()[name])


def provider_names() -> list[str]:
    """Return the names of the profiles that there are."""
    return sorted(_providers())


def _providers() -> dict[str, dict[str, Any]]:
    text = (files(__name__) / "providers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
