# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `ProposalStore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kagimori.adapters.sql import audit
from kagimori.adapters.sql.database import (
    Asked,
    ConstraintViolated,
    Database,
    Transaction,
    Value,
    carried_out,
)
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.enrollment.proposal_rows import (
    PARTS,
    before,
    look,
    proposal_of,
    undecided,
)
from kagimori.adapters.sql.times import span_of
from kagimori.application.assistance.ports import (
    Approval,
    Before,
    NewProposal,
    Proposal,
    Rejection,
    Seen,
)
from kagimori.application.enrollment.ports import Stale

# One whose time is over, or whose token is another by now: a new one takes its place.
_SUPERSEDE: Final = statement(
    """
UPDATE proposals SET state = 'REJECTED', decided_by = :actor
WHERE tenant = :tenant AND proposal_id = :proposal_id AND state = 'PROPOSED'
  AND (approve_by < {now} OR NOT {same_token})
RETURNING 1
""",
    parts=PARTS,
)

# That nobody else has proposed it is the unique index's word.
_PROPOSE: Final = statement(
    """
{batch}
INSERT INTO proposals
  (tenant, proposal_id, request_id, subscriber, token_id, serial, reason, state, proposed_by,
   proposed_at, approve_by)
SELECT b.tenant, b.proposal_id, b.request_id, b.subscriber, b.token_id, b.serial, b.reason,
       'PROPOSED', b.actor, {now}, {now} + b.valid_for
{from_batch}
WHERE EXISTS (SELECT 1 FROM tokens k
  WHERE k.tenant = b.tenant AND k.token_id = b.token_id AND k.subscriber = b.subscriber
    AND {in_use})
RETURNING {returned}
""",
    batch={
        "tenant": "text",
        "proposal_id": "uuid",
        "request_id": "uuid",
        "subscriber": "text",
        "token_id": "text",
        "serial": "text",
        "reason": "text",
        "actor": "text",
        "valid_for": "bigint",
    },
    parts=PARTS,
)

# It changes nothing. But whoever ends the token's life waits for us, or we for him.
_HOLD: Final = statement(
    """
UPDATE tokens SET generation = generation
WHERE tenant = :tenant AND token_id = :token_id AND subscriber = :subscriber
"""
)

_APPROVE: Final = statement(
    """
UPDATE proposals SET state = 'APPROVED', decided_by = :actor, complete_by = {now} + :valid_for
WHERE tenant = :tenant AND proposal_id = :proposal_id AND state = 'PROPOSED'
  AND proposed_by <> :actor AND approve_by >= {now} AND {same_token}
RETURNING {returned}
""",
    parts=PARTS,
)

# Whatever was begun before, and however it ended, is no matter any more.
_BEGIN: Final = statement(
    """
INSERT INTO replacements
  (tenant, subscriber, state, token_id, serial_before, begun_at, complete_by, proposal_id)
SELECT p.tenant, p.subscriber, 'BEGUN', p.token_id, p.serial, {now}, p.complete_by, p.proposal_id
FROM proposals p
WHERE p.tenant = :tenant AND p.proposal_id = :proposal_id AND p.state = 'APPROVED'
ON CONFLICT (tenant, subscriber) DO UPDATE SET
  state = excluded.state, token_id = excluded.token_id, serial_before = excluded.serial_before,
  begun_at = excluded.begun_at, complete_by = excluded.complete_by,
  proposal_id = excluded.proposal_id, request_id = NULL, serial_after = NULL
"""
)

_REJECT: Final = statement(
    """
UPDATE proposals SET state = 'REJECTED', decided_by = :actor
WHERE tenant = :tenant AND proposal_id = :proposal_id AND state = 'PROPOSED'
  AND approve_by >= {now}
RETURNING {returned}
""",
    parts=PARTS,
)

# What the two databases call it where another was faster: with a proposal for the
# same customer, or with the same request.
_FASTER: Final = frozenset(
    {
        "ix_proposals_open",
        "UNIQUE constraint failed: proposals.tenant, proposals.subscriber",
        "uq_proposals_tenant_request_id",
        "UNIQUE constraint failed: proposals.tenant, proposals.request_id",
    }
)


class SqlProposals:
    """Each call is one transaction, and goes on where its caller goes away."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``, whose schema is current."""
        self._database = database

    async def before(self, tenant: str, subscriber: str, request_id: str) -> Before:
        """See `ProposalStore.before`."""
        return await carried_out(
            self._database, lambda begun: before(begun, tenant, subscriber, request_id)
        )

    async def look(self, tenant: str, proposal_id: str) -> Seen | None:
        """See `ProposalStore.look`."""
        return await carried_out(self._database, lambda begun: look(begun, tenant, proposal_id))

    async def propose(self, new: NewProposal) -> Proposal | Stale:
        """See `ProposalStore.propose`."""
        try:
            return await carried_out(self._database, lambda begun: _propose(begun, new))
        except _Changed:
            return Stale()
        except ConstraintViolated as violated:
            if str(violated) not in _FASTER:
                raise
            return Stale()

    async def approve(self, approval: Approval) -> Proposal | Stale:
        """See `ProposalStore.approve`."""
        return await carried_out(self._database, lambda begun: _approve(begun, approval))

    async def reject(self, rejection: Rejection) -> Proposal | Stale:
        """See `ProposalStore.reject`."""
        return await carried_out(self._database, lambda begun: _reject(begun, rejection))

    async def undecided(self, tenant: str) -> Sequence[Proposal]:
        """See `ProposalStore.undecided`."""
        return await carried_out(self._database, lambda begun: undecided(begun, tenant))


class _Changed(Exception):
    """A row is not as it was read; what was written before is undone."""


async def _propose(transaction: Transaction, new: NewProposal) -> Proposal:
    lines = []
    if new.instead_of is not None:
        await _supersede(transaction, new.instead_of, new.actor)
        lines.append(_audited(new.instead_of, "REJECT", new.actor))
    (rows,) = await transaction.run(Asked(_PROPOSE, {}, [_values(new)]))
    if not rows:
        raise _Changed
    proposal = proposal_of(transaction.now, rows[0])
    await transaction.commit(*lines, _audited(proposal, "PROPOSE", new.actor))
    return proposal


async def _supersede(transaction: Transaction, proposal: Proposal, actor: str) -> None:
    (ended,) = await transaction.run(Asked(_SUPERSEDE, {**_named(proposal), "actor": actor}))
    if not ended:
        raise _Changed


async def _approve(transaction: Transaction, approval: Approval) -> Proposal | Stale:
    named, actor = _named(approval.proposal), approval.actor
    values = {**named, "actor": actor, "valid_for": span_of(approval.valid_for)}
    _, rows = await transaction.run(
        Asked(_HOLD, _token_of(approval.proposal)), Asked(_APPROVE, values)
    )
    if not rows:
        return Stale()
    proposal = proposal_of(transaction.now, rows[0])
    await transaction.commit(Asked(_BEGIN, named), _audited(proposal, "APPROVE", actor))
    return proposal


async def _reject(transaction: Transaction, rejection: Rejection) -> Proposal | Stale:
    actor = rejection.actor
    values = {**_named(rejection.proposal), "actor": actor}
    (rows,) = await transaction.run(Asked(_REJECT, values))
    if not rows:
        return Stale()
    proposal = proposal_of(transaction.now, rows[0])
    await transaction.commit(_audited(proposal, "REJECT", actor))
    return proposal


def _named(proposal: Proposal) -> dict[str, Value]:
    return {"tenant": proposal.tenant, "proposal_id": proposal.proposal_id}


def _token_of(proposal: Proposal) -> dict[str, Value]:
    return {
        "tenant": proposal.tenant,
        "token_id": proposal.token_id,
        "subscriber": proposal.subscriber,
    }


def _values(new: NewProposal) -> tuple[Value, ...]:
    token = new.token
    return (
        new.tenant,
        new.proposal_id,
        new.request_id,
        new.subscriber,
        token.token_id,
        token.serial,
        new.reason,
        new.actor,
        span_of(new.valid_for),
    )


def _audited(proposal: Proposal, action: str, actor: str) -> Asked:
    """Return what writes it down; the lines of one proposal have its request_id in common."""
    return audit.acted(
        audit.Act(
            proposal.tenant,
            actor,
            action,
            proposal.token_id,
            proposal.serial,
            proposal.request_id,
            None,
        )
    )
