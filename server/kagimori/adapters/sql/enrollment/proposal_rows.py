# SPDX-License-Identifier: Apache-2.0
"""Rows of ``proposals`` as the application's, and what is asked about them."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Asked, Row, Transaction, Value
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import moment, time_of
from kagimori.application.assistance.ports import (
    MOST_LISTED,
    REPLACEABLE,
    Before,
    Proposal,
    Seen,
)
from kagimori.application.enrollment.ports import HeldToken
from kagimori.domain.lifecycle import State
from kagimori.domain.replacement import ProposalState, ReplacementReason

_COLUMNS: Final = (
    "tenant", "proposal_id", "request_id", "subscriber", "token_id", "serial", "reason", "state",
    "proposed_by", "proposed_at", "approve_by", "decided_by", "complete_by",
)  # fmt: skip

PARTS: Final = {
    "returned": ", ".join(_COLUMNS),
    # The customer's token is still the one that is to be replaced.
    "same_token": """
EXISTS (SELECT 1 FROM tokens k
  WHERE k.tenant = proposals.tenant AND k.token_id = proposals.token_id
    AND k.subscriber = proposals.subscriber AND {in_use})
""",
    "in_use": f"k.state IN ({', '.join(repr(state.value) for state in sorted(REPLACEABLE))})",
}
"""What the statements have in common: what `proposal_of` takes, and two conditions."""

_TOKEN: Final = statement(
    """
SELECT k.token_id, k.serial, k.state, k.generation
FROM tokens k WHERE k.tenant = :tenant AND k.subscriber = :subscriber
"""
)

_EARLIER: Final = statement(
    """
SELECT {returned} FROM proposals WHERE tenant = :tenant AND request_id = :request_id
""",
    parts=PARTS,
)

_UNDECIDED: Final = statement(
    """
SELECT {returned} FROM proposals
WHERE tenant = :tenant AND subscriber = :subscriber AND state = 'PROPOSED'
""",
    parts=PARTS,
)

_LOOK: Final = statement(
    """
SELECT {columns}, k.token_id, k.serial, k.state, k.generation
FROM proposals p
LEFT JOIN tokens k ON k.tenant = p.tenant AND k.subscriber = p.subscriber
WHERE p.tenant = :tenant AND p.proposal_id = :proposal_id
""",
    parts={"columns": ", ".join(f"p.{column}" for column in _COLUMNS)},
)

_LIST: Final = statement(
    """
SELECT {returned} FROM proposals
WHERE tenant = :tenant AND state = 'PROPOSED' AND approve_by >= {now} AND {same_token}
ORDER BY proposed_at, proposal_id LIMIT :most
""",
    parts=PARTS,
)


async def before(transaction: Transaction, tenant: str, subscriber: str, request_id: str) -> Before:
    """Return what a new proposal has to reckon with, and end the transaction with it."""
    customer: dict[str, Value] = {"tenant": tenant, "subscriber": subscriber}
    request: dict[str, Value] = {"tenant": tenant, "request_id": request_id}
    tokens, earlier, proposed = await transaction.commit(
        Asked(_TOKEN, customer), Asked(_EARLIER, request), Asked(_UNDECIDED, customer)
    )
    now = transaction.now
    return Before(
        _held(tokens[0]) if tokens else None,
        proposal_of(now, earlier[0]) if earlier else None,
        proposal_of(now, proposed[0]) if proposed else None,
    )


async def look(transaction: Transaction, tenant: str, proposal_id: str) -> Seen | None:
    """Return the proposal, if there is one, and end the transaction with it."""
    named: dict[str, Value] = {"tenant": tenant, "proposal_id": proposal_id}
    (rows,) = await transaction.commit(Asked(_LOOK, named))
    if not rows:
        return None
    proposal, token = rows[0][: len(_COLUMNS)], rows[0][len(_COLUMNS) :]
    return Seen(proposal_of(transaction.now, proposal), _held(token))


async def undecided(transaction: Transaction, tenant: str) -> list[Proposal]:
    """Return what can be approved, and end the transaction with it."""
    (rows,) = await transaction.commit(Asked(_LIST, {"tenant": tenant, "most": MOST_LISTED}))
    return [proposal_of(transaction.now, row) for row in rows]


def proposal_of(now: int, row: Row) -> Proposal:
    """Return the proposal of a row, read at ``now`` (microseconds since 1970 UTC)."""
    (
        tenant, proposal_id, request_id, subscriber, token_id, serial, reason, state,
        proposed_by, proposed_at, approve_by, decided_by, complete_by,
    ) = row  # fmt: skip
    return Proposal(
        moment(now),
        tenant,
        proposal_id,
        request_id,
        subscriber,
        token_id,
        serial,
        ReplacementReason(reason),
        ProposalState(state),
        proposed_by,
        moment(proposed_at),
        moment(approve_by),
        decided_by,
        time_of(complete_by),
    )


def _held(row: Row) -> HeldToken | None:
    token_id, serial, state, generation = row
    return None if token_id is None else HeldToken(token_id, serial, State(state), generation)
