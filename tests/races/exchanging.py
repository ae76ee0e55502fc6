# SPDX-License-Identifier: Apache-2.0
"""What is prepared for an acceptance, and offered with its code, at several processes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.application.consequences import (
    Consequence,
    GivenUp,
    Registered,
    Replaced,
    ReplacementBegun,
    Taken,
)
from kagimori.application.ports import BySerial, BySubscriber, Subject
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Operation
from kagimori.domain.token import Token, TokenIdentity
from races.enrolling import kind_of
from support.banks.counter import PAGE, Counter
from support.tokens import SERIAL, SUBSCRIBER

WITHIN = timedelta(minutes=10)
PATIENCE = 10.0
"""Seconds that a code may take to be judged, whoever stands before it."""


def seen(counter: Counter, serial: str) -> Token:
    """Return the token as a use case reads it."""
    row = counter.row(serial)
    return token_of(tuple(row[column] for column in ALL))


def held_by(counter: Counter, subscriber: str | None, token: Token) -> bytes:
    """Return the MAC over the token's row when it is the customer's, or nobody's."""
    of = token.identity
    mine = TokenIdentity(
        of.tenant, of.token_id, of.serial, subscriber, of.kind, of.purpose, of.profile, of.seed
    )
    return counter.bank.vault.row_mac(mine)


def taken(counter: Counter, serial: str, subscriber: str) -> Taken:
    token = seen(counter, serial)
    return Taken(token, subscriber, held_by(counter, subscriber, token))


def to_register(counter: Counter, serial: str, subscriber: str = SUBSCRIBER) -> Registered:
    return Registered(taken(counter, serial, subscriber), login_otp=True)


def to_replace(counter: Counter, new: str, old: str, subscriber: str = SUBSCRIBER) -> Replaced:
    token = seen(counter, old)
    given_up = GivenUp(token, State.RETURNED, held_by(counter, None, token))
    return Replaced(taken(counter, new, subscriber), given_up)


def registering(
    counter: Counter,
    prepared: Registered,
    code: str,
    request_id: str | None = None,
) -> str:
    subject = BySerial(prepared.taken.seen.identity.serial)
    return offered(counter, Operation.REGISTRATION, subject, code, prepared, request_id)


def replacing(
    counter: Counter, prepared: Replaced, code: str, request_id: str | None = None
) -> str:
    subject = BySerial(prepared.taken.seen.identity.serial)
    return offered(counter, Operation.REPLACE_NEW, subject, code, prepared, request_id)


def beginning(counter: Counter, code: str, subscriber: str = SUBSCRIBER) -> str:
    begun = ReplacementBegun(subscriber, WITHIN)
    return offered(counter, Operation.REPLACE_OLD, BySubscriber(subscriber), code, begun)


def logging_in(counter: Counter, code: str, subscriber: str = SUBSCRIBER) -> str:
    return kind_of(lambda: str(counter.log_in(code, subscriber)))


def offered(  # noqa: PLR0913, PLR0917 - as many as the engine takes
    counter: Counter,
    operation: Operation,
    subject: Subject,
    code: str,
    prepared: Consequence | None,
    request_id: str | None = None,
) -> str:
    """Return what a code comes to with which so much goes."""

    async def ask() -> str:
        verdict = await counter.bank.verify.conclude(
            caller=PAGE,
            request_id=request_id or str(uuid4()),
            subject=subject,
            operation=operation,
            code=Otp(code),
            consequence=prepared,
            words="a customer's",
            seconds_left=PATIENCE,
        )
        return str(verdict.outcome)

    return kind_of(partial(counter.bank.run, ask()))


def tokens_of(counter: Counter, subscriber: str = SUBSCRIBER) -> list[tuple[str, str]]:
    """Return the serial and the state of each token that the customer has."""
    rows = counter.bank.database.run("SELECT serial, state, subscriber FROM tokens ORDER BY serial")
    return [(row["serial"], row["state"]) for row in rows if row["subscriber"] == subscriber]


def give(counter: Counter, serial: str = SERIAL, subscriber: str = SUBSCRIBER) -> None:
    """Let the customer have a token in use."""
    counter.stock(serial, subscriber=subscriber)


def seal_anew(counter: Counter, serial: str) -> None:
    """Do to a token in stock what a change of its wrapping key does: another row, another MAC."""
    of = seen(counter, serial).identity
    sealed = counter.bank.vault.seal(of.tenant, seed_of_row(counter, of), key_version=2)
    anew = TokenIdentity(
        of.tenant, of.token_id, of.serial, None, of.kind, of.purpose, of.profile, sealed
    )
    mac = counter.bank.vault.row_mac(anew).hex()
    octets = f"X'{mac}'" if counter.bank.database.url.startswith("sqlite") else f"'\\x{mac}'"
    counter.bank.database.run(
        f"UPDATE tokens SET key_version = 2, row_mac = {octets} WHERE serial = ?",  # noqa: S608 - our own
        serial,
    )


def seed_of_row(counter: Counter, of: TokenIdentity) -> bytes:
    """Return the seed, as the HSM alone could."""
    return counter.bank.vault._seeds[of.tenant.encode() + of.seed.blob]
