# SPDX-License-Identifier: Apache-2.0
"""What two persons' agreement needs of the world: a store that both look into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final, Protocol

from kagimori.application.enrollment.ports import HeldToken, Stale
from kagimori.domain.lifecycle import ENROLMENT, STATUS_OF, Step
from kagimori.domain.replacement import ProposalState, ReplacementReason
from kagimori.domain.value import value

REPLACEABLE: Final = frozenset(
    state for state, status in STATUS_OF.items() if (status, Step.REPLACE) in ENROLMENT
)
"""States of a token that a customer can have another one for."""

MOST_LISTED: Final = 100
"""How many proposals are told of at once."""


@value(frozen=True, slots=True)
class Proposal:
    """What one person has proposed, and what has become of it by ``now``.

    ``token_id`` and ``serial`` are the old token's. ``approve_by`` is the last moment
    at which it can be approved, ``complete_by`` (with APPROVED) that at which the
    customer can complete the exchange; times are the database's, in UTC. ``decided_by``
    is who approved or rejected it.
    """

    now: datetime = field(compare=False)
    tenant: str
    proposal_id: str
    request_id: str
    subscriber: str = field(repr=False)
    token_id: str
    serial: str
    reason: ReplacementReason
    state: ProposalState
    proposed_by: str
    proposed_at: datetime
    approve_by: datetime
    decided_by: str | None = None
    complete_by: datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Return whether nobody has decided it in time."""
        return self.state is ProposalState.PROPOSED and self.now > self.approve_by


@value(frozen=True, slots=True)
class Seen:
    """A proposal, and the token that its customer has by now."""

    proposal: Proposal
    token: HeldToken | None

    @property
    def is_over(self) -> bool:
        """Return whether nobody can approve it any more."""
        proposal, held = self.proposal, in_use(self.token)
        return (
            proposal.state is not ProposalState.PROPOSED
            or proposal.is_expired
            or held is None
            or held.token_id != proposal.token_id
        )


@value(frozen=True, slots=True)
class Before:
    """What there is when somebody proposes: the customer's token, and other proposals.

    ``earlier`` is of the same request_id, ``undecided`` the customer's PROPOSED one.
    """

    token: HeldToken | None = None
    earlier: Proposal | None = None
    undecided: Proposal | None = None


@value(frozen=True, slots=True)
class NewProposal:
    """A proposal to be written down; ``instead_of`` is one that is over by now.

    That one is written down as rejected by who proposes the new one.
    """

    tenant: str
    proposal_id: str
    request_id: str
    subscriber: str = field(repr=False)
    token: HeldToken
    reason: ReplacementReason
    actor: str
    valid_for: timedelta
    instead_of: Proposal | None = None


@value(frozen=True, slots=True)
class Approval:
    """A proposal to be approved as it was read; the exchange is open for ``valid_for`` then."""

    proposal: Proposal
    actor: str
    valid_for: timedelta


@value(frozen=True, slots=True)
class Rejection:
    """A proposal to be rejected as it was read."""

    proposal: Proposal
    actor: str


class ProposalStore(Protocol):
    """Proposals of a bank's staff. Each call is one transaction.

    `Stale` is where things are not as they were read: nothing was changed. All raise
    `StoreUnavailable` if what they do is not known to have happened.
    """

    async def before(self, tenant: str, subscriber: str, request_id: str) -> Before:
        """Return what a new proposal has to reckon with."""
        ...

    async def look(self, tenant: str, proposal_id: str) -> Seen | None:
        """Return the tenant's proposal; None if it has none of that name."""
        ...

    async def propose(self, new: NewProposal) -> Proposal | Stale:
        """Write it down for a customer who has the token, and no other undecided proposal."""
        ...

    async def approve(self, approval: Approval) -> Proposal | Stale:
        """Write down that another person than who proposed it agrees, and begin the exchange.

        Whatever exchange of the customer's was begun before, this is in its place. The
        old token goes on working, and a verification of it that is under way goes on.
        """
        ...

    async def reject(self, rejection: Rejection) -> Proposal | Stale:
        """Write down that it is not to be."""
        ...

    async def undecided(self, tenant: str) -> Sequence[Proposal]:
        """Return what can be approved, the oldest first, `MOST_LISTED` at most."""
        ...


def in_use(token: HeldToken | None) -> HeldToken | None:
    """Return ``token`` if it is one that a customer can have another one for."""
    return token if token is not None and token.state in REPLACEABLE else None
