# SPDX-License-Identifier: Apache-2.0
"""Acceptances that bring something about besides, each in one transaction of its own.

Every statement is guarded by the rows as they were read before the code was judged.
The first that finds another row ends it all: of such a transaction nothing is kept.

A customer's old token is let go before he gets the new one, for he has one at a time.
Two exchanges of one customer's meet at the row of his exchange, before they touch a
token, and nobody but the verification that has its lease waits for a token of
nobody's. So no two of these transactions wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import Statement
from kagimori.adapters.sql.inventory import handovers
from kagimori.adapters.sql.lives import Changed
from kagimori.adapters.sql.provisioning import sealed
from kagimori.adapters.sql.rows import values_of
from kagimori.adapters.sql.times import span_of
from kagimori.adapters.sql.verification.ledger import Ledger
from kagimori.adapters.sql.verification.settlements import attempts_left
from kagimori.application.consequences import (
    BRINGS_ABOUT,
    GivenUp,
    Registered,
    Replaced,
    ReplacementBegun,
    Taken,
    Terminated,
)
from kagimori.application.ports import Finding, Settled, Settlement
from kagimori.domain.lifecycle import Event, State, after
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import Kind, Token

_IN_USE: Final = frozenset({State.ACTIVE, State.LOCKED})

_EVENTS: Final = {State.RETIRED: Event.RETIRE, State.RETURNED: Event.RETURN}


def brings_about(settlement: Settlement) -> bool:
    """Return whether it is an acceptance for `conclude`."""
    return settlement.finding is Finding.FRESH and settlement.claim.operation in BRINGS_ABOUT


async def conclude(transaction: Transaction, settlement: Settlement) -> Settled:
    """Write the acceptance down with what it brings about, and commit.

    Raises `Changed` where a row is not as it was read, and where nothing was prepared;
    `ConstraintViolated` where the customer gets another token at the same moment.
    """
    code = _token_of(settlement)
    match settlement.claim.consequence:
        case Registered() as registered:
            acts = await _register(transaction, settlement, registered)
        case ReplacementBegun() as begun:
            acts = await _begin(transaction, settlement, begun)
        case Replaced() as replaced:
            acts = await _replace(transaction, settlement, replaced)
        case Terminated() as terminated:
            acts = await _terminate(transaction, settlement, terminated)
        case None:
            raise Changed
    ledger, identity = Ledger(), code.identity
    left = attempts_left(settlement)
    entry = ledger.add(settlement.claim, Outcome.ACCEPTED, left, identity.token_id, identity.serial)
    await ledger.write(transaction, *acts, last=True)
    return Settled(ledger.verdict(entry))


async def _register(
    transaction: Transaction, settlement: Settlement, registered: Registered
) -> tuple[Asked, ...]:
    taken = registered.taken
    customer = _customer(settlement, taken.subscriber)
    await _all_or_nothing(
        transaction,
        _guarded(handovers.REGISTER, _taking(settlement, taken)),
        *_second_seed(taken),
        Asked(handovers.CHOOSE, customer | {"login_otp": int(registered.login_otp)}),
        Asked(handovers.FORGET_BEGUN, customer),
    )
    return ()


async def _begin(
    transaction: Transaction, settlement: Settlement, begun: ReplacementBegun
) -> tuple[Asked, ...]:
    token = _token_of(settlement)
    exchange: dict[str, Value] = {
        "token_id": token.identity.token_id,
        "serial": token.identity.serial,
        "within": span_of(begun.within),
    }
    await _all_or_nothing(
        transaction,
        _guarded(handovers.SPEND, _seen(token) | _ours(settlement) | {"holder": begun.subscriber}),
        Asked(handovers.BEGIN, _customer(settlement, begun.subscriber) | exchange),
    )
    return ()


async def _replace(
    transaction: Transaction, settlement: Settlement, replaced: Replaced
) -> tuple[Asked, ...]:
    tenant, taken, given_up = settlement.claim.tenant, replaced.taken, replaced.given_up
    customer = _customer(settlement, taken.subscriber)
    exchange = {
        "request_id": settlement.claim.request_id,
        "token_id": given_up.seen.identity.token_id,
        "serial_after": taken.seen.identity.serial,
    }
    (((proposal_id,),), *_) = await _all_or_nothing(
        transaction,
        _guarded(handovers.COMPLETE, customer | exchange),
        _guarded(handovers.GIVE_UP, _giving_up(tenant, given_up, taken.subscriber)),
        *_destruction(given_up),
        _guarded(handovers.TAKE, _taking(settlement, taken)),
        *_second_seed(taken),
        Asked(handovers.TRY_ANEW, customer),
    )
    if not _may_end(given_up, is_assisted=proposal_id is not None):
        raise Changed
    return (_written_down(settlement, given_up),)


async def _terminate(
    transaction: Transaction, settlement: Settlement, terminated: Terminated
) -> tuple[Asked, ...]:
    tenant, given_up = settlement.claim.tenant, terminated.given_up
    holder = given_up.seen.identity.subscriber
    if not _is_same(_token_of(settlement), given_up.seen) or holder is None:
        raise Changed
    customer = _customer(settlement, holder)
    await _all_or_nothing(
        transaction,
        _guarded(handovers.TERMINATE, _giving_up(tenant, given_up, holder) | _ours(settlement)),
        *_destruction(given_up),
        Asked(handovers.UNCHOOSE, customer),
        Asked(handovers.FORGET, customer),
    )
    return (_written_down(settlement, given_up),)


def _token_of(settlement: Settlement) -> Token:
    """Return the code's token, if what it brings about is what was asked for."""
    claim, token = settlement.claim, settlement.granted
    is_fit = isinstance(claim.consequence, BRINGS_ABOUT[claim.operation])
    if token is None or not is_fit:
        raise Changed
    return token


def _is_same(token: Token, seen: Token) -> bool:
    """Return whether it is the token as it was read, whatever was tried with it since."""
    return (token.identity, token.row_mac, token.state, token.generation) == (
        seen.identity,
        seen.row_mac,
        seen.state,
        seen.generation,
    )


def _may_end(given_up: GivenUp, *, is_assisted: bool) -> bool:
    """Return whether an exchange may end the old token so.

    Nobody has it in hand where two persons agreed on it: it never comes into stock.
    """
    if is_assisted:
        return given_up.becomes is State.RETIRED
    return given_up.seen.state is State.ACTIVE


def _taking(settlement: Settlement, taken: Taken) -> dict[str, Value]:
    """Return the values that make the code's token a customer's, as it was read."""
    seen = taken.seen
    if not _is_same(_token_of(settlement), seen):
        raise Changed
    return {
        **_seen(seen),
        **_ours(settlement),
        "becomes": after(seen.state, Event.REGISTER),
        "holder": taken.subscriber,
        "row_mac": taken.row_mac,
    }


def _giving_up(tenant: str, given_up: GivenUp, holder: str) -> dict[str, Value]:
    """Return the values that make the holder's token nobody's, as it was read."""
    seen, becomes = given_up.seen, given_up.becomes
    is_over = becomes is State.RETIRED
    if seen.identity.tenant != tenant or seen.state not in _IN_USE:
        raise Changed
    if (given_up.row_mac is None) != is_over:
        raise Changed
    if seen.identity.kind is Kind.SOFTWARE and not is_over:
        raise Changed
    return {
        **_seen(seen),
        "holder": holder,
        "becomes": after(seen.state, _EVENTS[becomes]),
        "blob": b"" if is_over else seen.identity.seed.blob,
        "row_mac": given_up.row_mac or b"",
    }


def _seen(token: Token) -> dict[str, Value]:
    values = values_of(token)
    return {f"seen_{column}": values[column] for column in handovers.SEEN}


def _ours(settlement: Settlement) -> dict[str, Value]:
    return {
        "lease": settlement.claim.lease,
        "step": settlement.step,
        "drift": settlement.drift,
    }


def _customer(settlement: Settlement, subscriber: str) -> dict[str, Value]:
    return {"tenant": settlement.claim.tenant, "subscriber": subscriber}


def _guarded(one: Statement, values: Mapping[str, Value]) -> Asked:
    """Return a statement that changes one row, or else all is off."""
    return Asked(one, values, None, 1)


async def _all_or_nothing(transaction: Transaction, *asked: Asked) -> Sequence[Sequence[Row]]:
    """Return the rows that each statement gives; raise `Changed` where one is missing."""
    given = await transaction.run(*asked)
    for one, rows in zip(asked, given, strict=True):
        if one.hoped_for is not None and len(rows) != one.hoped_for:
            raise Changed
    return given


def _second_seed(taken: Taken) -> tuple[Asked, ...]:
    """Return what makes the second seed's row the customer's with the first one's."""
    if taken.second is None:
        return ()
    identity, second = taken.seen.identity, taken.second
    values: dict[str, Value] = {
        "tenant": identity.tenant,
        "token_id": identity.token_id,
        "seen_mac": second.seen_mac,
        "row_mac": second.row_mac,
    }
    return (_guarded(handovers.VOUCH, values),)


def _destruction(given_up: GivenUp) -> tuple[Asked, ...]:
    """Return what destroys the second seed with the first."""
    if given_up.becomes is not State.RETIRED:
        return ()
    identity = given_up.seen.identity
    return (sealed.destruction(identity.tenant, identity.token_id),)


def _written_down(settlement: Settlement, given_up: GivenUp) -> Asked:
    """Return the audit row of the token that is given up, beside the verification's."""
    claim, identity = settlement.claim, given_up.seen.identity
    event = _EVENTS[given_up.becomes]
    return audit.acted(
        audit.Act(
            claim.tenant,
            claim.caller,
            event,
            identity.token_id,
            identity.serial,
            claim.request_id,
            None,
        )
    )
