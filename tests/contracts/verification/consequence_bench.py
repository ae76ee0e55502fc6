# SPDX-License-Identifier: Apache-2.0
"""Customers, tokens in stock, and what is prepared for an acceptance, for tests of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from contracts.sql_bench import SqlBench
from contracts.store_bench import Row, claim_of, granted, settle
from kagimori.adapters.sql.rows import ALL, token_of
from kagimori.application.consequences import (
    Consequence,
    GivenUp,
    Registered,
    Replaced,
    ReplacementBegun,
    SecondSeed,
    Taken,
    Terminated,
)
from kagimori.application.ports import (
    BySerial,
    BySubscriber,
    Claim,
    Finding,
    SettleAnswer,
    Settled,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.token import Kind, Token
from support.tokens import SERIAL, SUBSCRIBER, TENANT, identity, token

NEW = "SKTS00000001"
"""The serial number of a token in stock; the customer's own is `SERIAL`."""
OTHER = "SKTS00000002"
NEXT = "subscriber-2"
WITHIN = timedelta(minutes=10)
PROPOSAL = "20000000-0000-4000-8000-000000000001"
STEP = 7
"""The step of a right code."""

TABLES = {
    "tokens": "token_id",
    "signing_seeds": "token_id",
    "requests": "request_id",
    "receipts": "tenant",
    "audit": "id",
    "enrollments": "subscriber",
    "registrations": "subscriber",
    "replacements": "subscriber",
}


def in_stock(serial: str = NEW, *, kind: Kind = Kind.HARDWARE, tenant: str = TENANT) -> Token:
    """Return a token of nobody's."""
    of = identity(
        tenant=tenant, token_id=f"token-{serial}", serial=serial, subscriber=None, kind=kind
    )
    return token(of, state=State.IN_STOCK, row_mac=b"mac in stock")


def stock(bench: SqlBench, *tokens: Token) -> None:
    bench.inventory.add(list(tokens), "importer")


def give_second_seed(bench: SqlBench, serial: str) -> None:
    """Let the token have a seed for 取引確認 too."""
    bench.run(
        "INSERT INTO signing_seeds (tenant, token_id, custody, seed_length, key_version,"  # noqa: S608 - our own
        " wrap_format, blob, row_mac) SELECT tenant, token_id, custody, seed_length,"
        f" key_version, wrap_format, blob, row_mac FROM tokens WHERE serial = '{serial}'"
    )


def row_of(bench: SqlBench, serial: str) -> Row:
    (row,) = [row for row in bench.rows("tokens") if row["serial"] == serial]
    return row


def seen(bench: SqlBench, serial: str) -> Token:
    """Return the token as a use case reads it."""
    row = row_of(bench, serial)
    return token_of(tuple(row[column] for column in ALL))


def holder_of(bench: SqlBench, subscriber: str = SUBSCRIBER) -> list[tuple[str, str]]:
    """Return the serial and the state of each token that the customer has."""
    return [
        (row["serial"], row["state"])
        for row in bench.rows("tokens")
        if row["subscriber"] == subscriber
    ]


def look(bench: SqlBench, table: str) -> Sequence[Row]:
    return bench.run(f"SELECT * FROM {table} ORDER BY {TABLES[table]}")  # noqa: S608 - our own


def everything(bench: SqlBench) -> list[list[Row]]:
    """Return every row that an acceptance may touch."""
    return [list(map(dict, look(bench, table))) for table in TABLES]


def change(bench: SqlBench, serial: str, changes: str) -> None:
    """Do to the token what another process would."""
    bench.run(f"UPDATE tokens SET {changes} WHERE serial = '{serial}'")  # noqa: S608 - our own


def remember(
    bench: SqlBench, subscriber: str = SUBSCRIBER, *, login_otp: bool = True, tries: int = 3
) -> None:
    """Let the customer have made a choice once, and tried so often today."""
    bench.run(
        "INSERT INTO registrations (tenant, subscriber, login_otp, day, day_tries, last_try)"  # noqa: S608 - our own
        f" VALUES ('{TENANT}', '{subscriber}', {int(login_otp)}, '2026-03-31', {tries},"
        f" '{PROPOSAL}')"
    )


def begin_exchange(
    bench: SqlBench,
    serial: str = SERIAL,
    *,
    subscriber: str = SUBSCRIBER,
    proposal: str | None = None,
    complete_by: int = 32_503_680_000_000_000,
) -> None:
    """Let the customer's exchange be open, until the year 3000 if nothing else is said."""
    agreed = "NULL" if proposal is None else f"'{proposal}'"
    bench.run(
        "INSERT INTO replacements (tenant, subscriber, state, token_id, serial_before, begun_at,"  # noqa: S608 - our own
        f" complete_by, proposal_id) SELECT tenant, '{subscriber}', 'BEGUN', token_id, serial, 1,"
        f" {complete_by}, {agreed} FROM tokens WHERE serial = '{serial}'"
    )


def taken(bench: SqlBench, serial: str = NEW, subscriber: str = SUBSCRIBER) -> Taken:
    mac = f"mac of {subscriber}".encode()
    token_id = f"token-{serial}"
    seconds = [row for row in look(bench, "signing_seeds") if row["token_id"] == token_id]
    second = SecondSeed(bytes(seconds[0]["row_mac"]), b"second " + mac) if seconds else None
    return Taken(seen(bench, serial), subscriber, mac, second)


def given_up(bench: SqlBench, serial: str = SERIAL, becomes: State = State.RETURNED) -> GivenUp:
    row_mac = b"mac of nobody" if becomes is State.RETURNED else None
    return GivenUp(seen(bench, serial), becomes, row_mac)


def registering(
    bench: SqlBench, serial: str = NEW, subscriber: str = SUBSCRIBER, *, login_otp: bool = True
) -> Claim:
    """Return the claim of a registration that is prepared by the rows as they are."""
    registered = Registered(taken(bench, serial, subscriber), login_otp)
    return concluding(Operation.REGISTRATION, registered, serial)


def beginning(subscriber: str = SUBSCRIBER) -> Claim:
    begun = ReplacementBegun(subscriber, WITHIN)
    return concluding(Operation.REPLACE_OLD, begun, subscriber=subscriber)


def replacing(
    bench: SqlBench,
    serial: str = NEW,
    old: str = SERIAL,
    *,
    becomes: State = State.RETURNED,
    subscriber: str = SUBSCRIBER,
) -> Claim:
    replaced = Replaced(taken(bench, serial, subscriber), given_up(bench, old, becomes))
    return concluding(Operation.REPLACE_NEW, replaced, serial)


def terminating(bench: SqlBench, becomes: State = State.RETURNED) -> Claim:
    terminated = Terminated(given_up(bench, becomes=becomes))
    return concluding(Operation.TERMINATION, terminated)


def concluding(
    operation: Operation,
    consequence: Consequence | None,
    serial: str | None = None,
    subscriber: str = SUBSCRIBER,
    **changes: Any,  # noqa: ANN401 - any field
) -> Claim:
    subject = BySubscriber(subscriber) if serial is None else BySerial(serial)
    return claim_of(subject, operation=operation, consequence=consequence, **changes)


def right_code(bench: SqlBench, claim: Claim, step: int = STEP) -> SettleAnswer:
    """Let the claim's code be right."""
    return settle(bench, claim, granted(bench, claim), Finding.FRESH, step)


def accepted(bench: SqlBench, claim: Claim, step: int = STEP) -> Verdict:
    answer = right_code(bench, claim, step)
    assert is_accepted(answer), answer
    assert isinstance(answer, Settled)
    assert answer.verdict is not None
    return answer.verdict


def is_accepted(answer: object) -> bool:
    if not isinstance(answer, Settled) or answer.verdict is None:
        return False
    return answer.verdict.outcome is Outcome.ACCEPTED


def acts(bench: SqlBench) -> list[tuple[str, str, str | None, str | None]]:
    """Return what the audit says since the import: action, serial, operation and outcome."""
    return [
        (row["action"], row["serial"], row["operation"], row["outcome"])
        for row in bench.rows("audit")
        if row["action"] != "IMPORT"
    ]
