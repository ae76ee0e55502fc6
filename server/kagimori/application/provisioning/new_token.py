# SPDX-License-Identifier: Apache-2.0
"""A software token as it is born: its names, and its two seeds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from kagimori.application.provisioning.store import NewToken
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Kind, Profile, Purpose, SealedSeed, Token, TokenIdentity

_PREFIX: Final = "KG"
# As on the backs of the vendors' tokens: what could be read as 1 or 0 is left out.
_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"

USUAL_LENGTH: Final = 12
"""Characters of a serial number, where no rule says otherwise."""

DRAWS: Final = 8
"""Serial numbers that are drawn, of 34^10 usually, before something else must be wrong."""

_PURPOSES: Final = (Purpose.AUTHENTICATION, Purpose.SIGNING)


def new_identities(
    tenant: str,
    subscriber: str | None,
    profile: Profile,
    seeds: Sequence[SealedSeed],
    serial_length: int = USUAL_LENGTH,
) -> list[TokenIdentity]:
    """Return one token's two identities: for its login seed and for its signing seed."""
    token_id, serial = uuid4().hex, _serial(serial_length)
    return [
        TokenIdentity(tenant, token_id, serial, subscriber, Kind.SOFTWARE, purpose, profile, seed)
        for purpose, seed in zip(_PURPOSES, seeds, strict=True)
    ]


def new_token(
    identities: Sequence[TokenIdentity],
    macs: Sequence[bytes],
    digests: tuple[str, str],
    state: State,
) -> NewToken:
    """Return the token as it begins; nobody uses it yet."""
    login, signing = (
        Token(identity, mac, state) for identity, mac in zip(identities, macs, strict=True)
    )
    return NewToken(login, signing, *digests)


def _serial(length: int) -> str:
    return _PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(length - len(_PREFIX)))
