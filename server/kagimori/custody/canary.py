# SPDX-License-Identifier: Apache-2.0
"""A canary: a sealed seed whose answer is known, for asking an HSM how it is.

The seed is made in the HSM and nobody knows it. The server opens it to prove
that unwrapping works, and tries on it what the policy forbids.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkcs11 import KeyType, Mechanism

from kagimori.custody.attributes import NO_OTHER_USE
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey, Policy

SEED_BITS = 512
CHALLENGE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Canary:
    """``response`` is HMAC-SHA256 of ``challenge`` under the seed in ``blob``."""

    tenant: str
    key_version: int
    blob: bytes
    challenge: bytes
    response: bytes


def seal(session: Session, policy: Policy, wrapping_key: AnyKey, tenant: str) -> Canary:
    """Make a seed in the HSM, ask it once, and wrap it under ``wrapping_key``."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    seed: AnyKey = session.generate_key(
        KeyType.GENERIC_SECRET, SEED_BITS, capabilities=NO_OTHER_USE, template=policy.seed("reseal")
    )
    with passing(seed):
        response = seed.sign(challenge, mechanism=Mechanism.SHA256_HMAC)
        blob = wrapping_key.wrap_key(seed, mechanism=policy.kwp)
    return Canary(tenant, 1, blob, challenge, response)
