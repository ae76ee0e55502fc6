# SPDX-License-Identifier: Apache-2.0
"""A software token as it is born: its names, and its two seeds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from kagimori.application.provisioning.store import NewToken, Tried
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Kind, Profile, Purpose, SealedSeed, Token, TokenIdentity

_PREFIX: Final = "KG"
# As on the backs of the vendors' tokens: what could be read as 1 or 0 is left out.
_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_DRAWN: Final = 10

_PURPOSES: Final = (Purpose.AUTHENTICATION, Purpose.SIGNING)


def new_identities(
    tried: Tried, profile: Profile, seeds: Sequence[SealedSeed]
) -> list[TokenIdentity]:
    """Return one token's two identities: for its login seed and for its signing seed."""
    token_id, serial = uuid4().hex, _serial()
    return [
        TokenIdentity(
            tried.tenant,
            token_id,
            serial,
            tried.subscriber,
            Kind.SOFTWARE,
            purpose,
            profile,
            seed,
        )
        for purpose, seed in zip(_PURPOSES, seeds, strict=True)
    ]


def new_token(
    identities: Sequence[TokenIdentity], macs: Sequence[bytes], digests: tuple[str, str]
) -> NewToken:
    """Return the token that is assigned to its customer, and not in use yet."""
    login, signing = (
        Token(identity, mac, State.ASSIGNED) for identity, mac in zip(identities, macs, strict=True)
    )
    return NewToken(login, signing, *digests)


def _serial() -> str:
    return _PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))
