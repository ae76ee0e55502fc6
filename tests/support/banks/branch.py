# SPDX-License-Identifier: Apache-2.0
"""A branch of a bank, whose staff exchange tokens in twos: the real use cases and a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from fakes.vault import FakeVault
from kagimori.adapters.sql.enrollment.proposals import SqlProposals
from kagimori.application.assistance.decide import ApproveReplacement, RejectReplacement
from kagimori.application.assistance.listing import ListReplacements
from kagimori.application.assistance.ports import Proposal
from kagimori.application.assistance.propose import ProposeReplacement, Wish
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.lifecycle import State
from kagimori.domain.replacement import ReplacementReason
from kagimori.domain.tenant import Registration, TenantPolicy
from kagimori.transport.assistance_servicer import Assistance
from support.databases.database import TestDatabase
from support.databases.inventory import Inventory
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

TOKYO = ZoneInfo("Asia/Tokyo")
SUZUKI, TANAKA, YAMADA = (Caller(TENANT, name) for name in ("suzuki", "tanaka", "yamada"))
NEXT = "subscriber-2"
RULES = Registration(approval_hours=3, assisted_hours=5)
HOUR = 3_600_000_000
LONG_AGO = 1


@dataclass
class Branch:
    """A bank's branch with a few of its staff, over a real database."""

    database: TestDatabase
    vault: FakeVault = field(default_factory=FakeVault)

    def __post_init__(self) -> None:
        self.policies = {
            tenant: TenantPolicy("bank", tenant, TOKYO, registration=RULES)
            for tenant in (TENANT, OTHER_TENANT)
        }
        opened = self.database.open()
        self.store = SqlProposals(opened)
        self._inventory = Inventory(opened)
        shared = (self.store, self.vault, self.policies)
        self._propose = ProposeReplacement(*shared)
        self._approve = ApproveReplacement(*shared)
        self._reject = RejectReplacement(self.store, self.policies)
        self._listing = ListReplacements(self.store, self.policies)

    def another_process(self) -> Assistance:
        """Return the use cases as another process would have them."""
        store = SqlProposals(self.database.open())
        shared = (store, self.vault, self.policies)
        return Assistance(
            ProposeReplacement(*shared),
            ApproveReplacement(*shared),
            RejectReplacement(store, self.policies),
            ListReplacements(store, self.policies),
        )

    def hand_out(self, state: State = State.ACTIVE, tenant: str = TENANT, **changes: Any) -> None:  # noqa: ANN401 - any field
        fields = {"subscriber": self.name(SUBSCRIBER, tenant), **changes}
        of = identity(tenant=tenant, **fields)
        self._inventory.add([token(of, state=state)], "importer")

    def name(self, subscriber_ref: str, tenant: str = TENANT) -> str:
        return kept_name(self.vault, self.policies[tenant], subscriber_ref)

    def propose(
        self,
        who: Caller = SUZUKI,
        subscriber: str = SUBSCRIBER,
        reason: ReplacementReason = ReplacementReason.LOST,
        request_id: str | None = None,
    ) -> Proposal:
        wish = Wish(request_id or str(uuid4()), subscriber, reason)
        return waited(self._propose(who, wish))

    def approve(
        self, made: Proposal, who: Caller = TANAKA, subscriber: str = SUBSCRIBER
    ) -> Proposal:
        return waited(self._approve(who, made.proposal_id, subscriber))

    def reject(self, made: Proposal, who: Caller = TANAKA) -> Proposal:
        return waited(self._reject(who, made.proposal_id))

    def listing(self, who: Caller = TANAKA) -> list[Proposal]:
        return list(waited(self._listing(who)))

    def rows(self) -> list[list[dict[str, Any]]]:
        """Return everything that these use cases can write."""
        return [
            self.database.run(f"SELECT * FROM {table}")  # noqa: S608 - our own
            for table in ("proposals", "replacements", "tokens", "audit")
        ]

    def replacements(self) -> list[dict[str, Any]]:
        return self.database.run("SELECT * FROM replacements")
