# SPDX-License-Identifier: Apache-2.0
"""Rows of ``tokens`` as the domain's tokens, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from kagimori.adapters.sql.database import Row, Value
from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Attempts
from kagimori.domain.token import (
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

COLUMNS: Final = (
    "tenant", "token_id", "serial", "subscriber", "kind", "purpose", "factor", "hash", "digits",
    "period", "t0", "custody", "seed_length", "key_version", "wrap_format", "blob", "row_mac",
    "state", "last_step", "drift", "generation",
)  # fmt: skip
"""A token's own columns."""

SPENT: Final = ("failures", "day", "day_failures", "unlock_failures")
"""What verifications have spent of its limits."""

ALL: Final = (*COLUMNS, *SPENT)
"""What `token_of` takes, in its order."""

SECOND: Final = ("blob", "wrap_format", "key_version", "seed_length", "custody", "row_mac")
"""What a row of ``signing_seeds`` has for itself, as `second_token` takes it."""

# An enumeration's own look-up by value costs ten times as much.
_KINDS: Final = {word.value: word for word in Kind}
_PURPOSES: Final = {word.value: word for word in Purpose}
_CUSTODIES: Final = {word.value: word for word in CustodyLabel}
_STATES: Final = {word.value: word for word in State}


def token_of(row: Row) -> Token:
    """Return the token of a row of `ALL`."""
    (
        tenant, token_id, serial, subscriber, kind, purpose, factor, hash_, digits, period, t0,
        custody, seed_length, key_version, wrap_format, blob, row_mac, state, last_step, drift,
        generation, *spent,
    ) = row  # fmt: skip
    identity = TokenIdentity(
        tenant,
        token_id,
        serial,
        subscriber,
        _KINDS[kind],
        _PURPOSES[purpose],
        _profile_of(factor, hash_, digits, period, t0),
        SealedSeed(blob, wrap_format, key_version, seed_length, _CUSTODIES[custody]),
    )
    attempts = Attempts(*spent)
    return Token(identity, row_mac, _STATES[state], last_step, drift, generation, attempts)


def second_token(token: Token, row: Row, last_step: int) -> Token:
    """Return ``token``'s second seed as a token in name, from a row of `SECOND`.

    All that is not the row's own is the first seed's, as the row's MAC has it.
    """
    blob, wrap_format, key_version, seed_length, custody, row_mac = row
    first = token.identity
    identity = TokenIdentity(
        first.tenant,
        first.token_id,
        first.serial,
        first.subscriber,
        first.kind,
        Purpose.SIGNING,
        first.profile,
        SealedSeed(blob, wrap_format, key_version, seed_length, _CUSTODIES[custody]),
    )
    return Token(
        identity, row_mac, token.state, last_step, token.drift, token.generation, token.spent
    )


def values_of(token: Token) -> dict[str, Value]:
    """Return the columns of a token nobody has used yet."""
    identity = token.identity
    profile, seed = identity.profile, identity.seed
    return {
        "tenant": identity.tenant,
        "token_id": identity.token_id,
        "serial": identity.serial,
        "subscriber": identity.subscriber,
        "kind": identity.kind,
        "purpose": identity.purpose,
        "factor": profile.factor,
        "hash": profile.hash,
        "digits": profile.digits,
        "period": profile.period,
        "t0": profile.t0,
        "custody": seed.custody,
        "seed_length": seed.length,
        "key_version": seed.key_version,
        "wrap_format": seed.wrap_format,
        "blob": seed.blob,
        "row_mac": token.row_mac,
        "state": token.state,
        "last_step": token.last_step,
        "drift": token.drift,
        "generation": token.generation,
    }


# A bank's tokens are of a few makes.
@lru_cache(maxsize=256)
def _profile_of(factor: str, hash_: str, digits: int, period: int, t0: int) -> Profile:
    return Profile(MovingFactor(factor), Hash(hash_), digits, period, t0)
