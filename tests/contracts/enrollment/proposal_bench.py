# SPDX-License-Identifier: Apache-2.0
"""Proposals of tests: what two persons of a bank do, in short words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from contracts.inventory.desk_contract import at_once
from contracts.sql_bench import SqlBench
from kagimori.adapters.sql.enrollment.proposals import SqlProposals
from kagimori.application.assistance.ports import (
    Approval,
    Before,
    NewProposal,
    Proposal,
    Rejection,
    Seen,
)
from kagimori.application.enrollment.ports import HeldToken, Stale
from kagimori.domain.lifecycle import State
from kagimori.domain.replacement import ReplacementReason
from support.tokens import SERIAL, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

NEXT = "subscriber-2"
TOKEN_ID = "token-1"
PROPOSER, APPROVER, THIRD = "suzuki", "tanaka", "yamada"
DAY = timedelta(hours=24)
HOURS = timedelta(hours=7)
LONG_AGO = 1
FAR_AWAY = 1 << 60
DESKS = 4
ROUNDS = 6
IN_USE = (State.ACTIVE, State.LOCKED)
NOT_IN_USE = (State.ASSIGNED, State.BARRED)


def desk_of(bench: SqlBench) -> SqlProposals:
    """Return a store as another process would open it."""
    return SqlProposals(bench.database.open())


@functools.lru_cache(maxsize=1)
def our_desk(bench: SqlBench) -> SqlProposals:
    """Return the store of all that is not about several processes."""
    return desk_of(bench)


def hand_out(
    bench: SqlBench, state: State = State.ACTIVE, subscriber: str = SUBSCRIBER, number: int = 1
) -> HeldToken:
    """Let a customer have a token."""
    serial = SERIAL if number == 1 else f"SKTS{number:08d}"
    of = identity(token_id=f"token-{number}", serial=serial, subscriber=subscriber)
    bench.inventory.add([token(of, state=state)], "importer")
    return HeldToken(of.token_id, serial, state, 1)


def new(held: HeldToken, **changes: Any) -> NewProposal:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "proposal_id": str(uuid4()),
        "request_id": str(uuid4()),
        "subscriber": SUBSCRIBER,
        "token": held,
        "reason": ReplacementReason.LOST,
        "actor": PROPOSER,
        "valid_for": DAY,
    }
    return NewProposal(**(fields | changes))


def propose(bench: SqlBench, wanted: NewProposal) -> Proposal | Stale:
    return waited(our_desk(bench).propose(wanted))


def proposed(bench: SqlBench, held: HeldToken | None = None, **changes: Any) -> Proposal:  # noqa: ANN401 - any field
    """Return a proposal that was made."""
    answer = propose(bench, new(held or hand_out(bench), **changes))
    assert isinstance(answer, Proposal), answer
    return answer


def approve(bench: SqlBench, proposal: Proposal, actor: str = APPROVER) -> Proposal | Stale:
    return waited(our_desk(bench).approve(Approval(proposal, actor, HOURS)))


def reject(bench: SqlBench, proposal: Proposal, actor: str = APPROVER) -> Proposal | Stale:
    return waited(our_desk(bench).reject(Rejection(proposal, actor)))


def look(bench: SqlBench, proposal: Proposal) -> Seen:
    seen = waited(our_desk(bench).look(proposal.tenant, proposal.proposal_id))
    assert seen is not None
    return seen


def before(bench: SqlBench, subscriber: str = SUBSCRIBER, request_id: str | None = None) -> Before:
    asked = request_id or str(uuid4())
    return waited(our_desk(bench).before(TENANT, subscriber, asked))


def listed(bench: SqlBench, tenant: str = TENANT) -> list[Proposal]:
    return list(waited(our_desk(bench).undecided(tenant)))


def rows(bench: SqlBench, table: str) -> list[dict[str, Any]]:
    order = "proposed_at, proposal_id" if table == "proposals" else "subscriber"
    return [dict(row) for row in bench.run(f"SELECT * FROM {table} ORDER BY {order}")]  # noqa: S608 - our own


def row(bench: SqlBench, proposal: Proposal) -> dict[str, Any]:
    there = rows(bench, "proposals")
    (found,) = [each for each in there if each["proposal_id"] == proposal.proposal_id]
    return found


def audited(bench: SqlBench) -> list[tuple[object, ...]]:
    names = ("actor", "action", "token_id", "serial", "request_id")
    lines = [line for line in bench.rows("audit") if line["action"] != "IMPORT"]
    return [tuple(line[name] for name in names) for line in lines]


def line(proposal: Proposal, action: str, actor: str) -> tuple[object, ...]:
    return (actor, action, proposal.token_id, proposal.serial, proposal.request_id)


def written(bench: SqlBench) -> tuple[object, ...]:
    """Return all that an approval could change."""
    return (
        rows(bench, "proposals"),
        rows(bench, "replacements"),
        rows(bench, "tokens"),
        (audited(bench)),
    )


def begin(bench: SqlBench, **changes: str | int) -> None:
    """Let the customer have an exchange that he has begun by a code."""
    values: dict[str, str | int] = {
        "tenant": TENANT,
        "subscriber": SUBSCRIBER,
        "state": "BEGUN",
        "token_id": TOKEN_ID,
        "serial_before": SERIAL,
        "begun_at": LONG_AGO,
        "complete_by": FAR_AWAY,
        **changes,
    }
    marks = ", ".join("?" * len(values))
    bench.database.run(
        f"INSERT INTO replacements ({', '.join(values)}) VALUES ({marks})",  # noqa: S608 - our own
        *values.values(),
    )


Decide = Callable[[SqlProposals, Proposal, str], Proposal | Stale]


def proposed_by(desk: SqlProposals, wanted: NewProposal) -> Proposal | Stale:
    return waited(desk.propose(wanted))


def approved_by(desk: SqlProposals, proposal: Proposal, actor: str) -> Proposal | Stale:
    return waited(desk.approve(Approval(proposal, actor, HOURS)))


def rejected_by(desk: SqlProposals, proposal: Proposal, actor: str) -> Proposal | Stale:
    return waited(desk.reject(Rejection(proposal, actor)))


def together(bench: SqlBench, proposal: Proposal, *what: tuple[Decide, str]) -> list[object]:
    return at_once([partial(decide, desk_of(bench), proposal, actor) for decide, actor in what])


def decisions(bench: SqlBench, proposal: Proposal) -> list[tuple[object, object]]:
    lines = [each for each in audited(bench) if each[-1] == proposal.request_id]
    return [(action, actor) for actor, action, *_ in lines if action != "PROPOSE"]


def fresh_token(bench: SqlBench) -> HeldToken:
    """Begin anew: the customer has a token, and nobody has proposed anything."""
    for table in ("proposals", "replacements", "tokens", "devices"):
        bench.run(f"DELETE FROM {table}")  # noqa: S608 - our own
    return hand_out(bench)


def retire(bench: SqlBench, proposal: Proposal) -> None:
    """Let the old token's life end."""
    bench.database.run(
        "UPDATE tokens SET state = 'RETURNED', subscriber = NULL, generation = generation + 1"
        " WHERE token_id = ?",
        proposal.token_id,
    )


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
