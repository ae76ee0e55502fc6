# SPDX-License-Identifier: Apache-2.0
"""Rows of ``tokens`` as the domain's tokens, and back."""

from __future__ import annotations

import sqlite3

from kagimori.adapters.sql.connection import Value
from kagimori.domain.lifecycle import State
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


def token_of(row: sqlite3.Row) -> Token:
    """Return the token of a whole row."""
    return Token(
        identity=_identity_of(row),
        row_mac=row["row_mac"],
        state=State(row["state"]),
        last_step=row["last_step"],
        drift=row["drift"],
        generation=row["generation"],
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


def _identity_of(row: sqlite3.Row) -> TokenIdentity:
    return TokenIdentity(
        tenant=row["tenant"],
        token_id=row["token_id"],
        serial=row["serial"],
        subscriber=row["subscriber"],
        kind=Kind(row["kind"]),
        purpose=Purpose(row["purpose"]),
        profile=_profile_of(row),
        seed=_seed_of(row),
    )


def _profile_of(row: sqlite3.Row) -> Profile:
    return Profile(
        factor=MovingFactor(row["factor"]),
        hash=Hash(row["hash"]),
        digits=row["digits"],
        period=row["period"],
        t0=row["t0"],
    )


def _seed_of(row: sqlite3.Row) -> SealedSeed:
    return SealedSeed(
        blob=row["blob"],
        wrap_format=row["wrap_format"],
        key_version=row["key_version"],
        length=row["seed_length"],
        custody=CustodyLabel(row["custody"]),
    )
