# SPDX-License-Identifier: Apache-2.0
"""Enrolments of tests, written into the database as an issue would leave them."""

from __future__ import annotations

from typing import Any, Final

from kagimori.application.provisioning.store import NewToken, Tried
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
from support.databases.database import AnyDatabase, Value

TENANT: Final = "10112231"
USER: Final = "999800000001"
NOBODY: Final = "999800000002"
SUBSCRIBER: Final = "customer-4711"
HASH: Final = "what is kept of the password"
ADDRESS: Final = "taro@example.jp"

LONG_AGO: Final = 1
FAR_AWAY: Final = 1 << 60
PROFILE: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=60)


def write_enrolment(database: AnyDatabase, **changed: Value) -> None:
    """Write an ISSUED enrolment, with other values where the test says so."""
    row: dict[str, Value] = {
        "tenant": TENANT,
        "subscriber": SUBSCRIBER,
        "user_id": USER,
        "state": "ISSUED",
        "generation": 3,
        "request_id": "0192b3c4-5d6e-7f80-9123-456789abcdef",
        "fingerprint": "00",
        "mail_address": ADDRESS,
        "password_hash": HASH,
        "password_key_version": 2,
        "tries": 0,
        "issued_at": LONG_AGO,
        "deadline": FAR_AWAY,
        **changed,
    }
    marks = ", ".join("?" * len(row))
    database.run(f"INSERT INTO enrollments ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608 - our own


def enrolment(database: AnyDatabase, user_id: str = USER) -> dict[str, Any]:
    """Return the enrolment's row."""
    rows = database.run("SELECT * FROM enrollments ORDER BY user_id")
    (found,) = [row for row in rows if row["user_id"] == user_id]
    return dict(found)


def audited(database: AnyDatabase) -> list[tuple[str, str, str]]:
    """Return action, user ID and outcome of each audit row about an app."""
    rows = database.run("SELECT * FROM audit ORDER BY id")
    rows = [row for row in rows if row["action"] == "PROVISION"]
    assert {row["actor"] for row in rows} <= {"app"}
    return [(row["action"], row["user_id"], row["outcome"]) for row in rows]


def outcomes(database: AnyDatabase) -> list[str]:
    """Return the outcomes of `audited` alone."""
    return [outcome for _, _, outcome in audited(database)]


def new_token(
    tried: Tried,
    *,
    number: int = 1,
    serial: str = "KG00000000A1",
    envelopes: tuple[str, str] = ("aa" * 32, "bb" * 32),
) -> NewToken:
    """Return a token that only a store looks at: its blobs open nowhere."""
    login, signing = (
        TokenIdentity(
            tried.tenant,
            f"token-{number}",
            serial,
            tried.subscriber,
            Kind.SOFTWARE,
            purpose,
            PROFILE,
            SealedSeed(blob, "RFC5649", 1, 64, CustodyLabel.SEALED_BY_APP),
        )
        for purpose, blob in (
            (Purpose.AUTHENTICATION, b"login blob"),
            (Purpose.SIGNING, b"signing blob"),
        )
    )
    return NewToken(
        Token(login, b"login mac", State.ASSIGNED, NEVER),
        Token(signing, b"signing mac", State.ASSIGNED, NEVER),
        *envelopes,
    )
