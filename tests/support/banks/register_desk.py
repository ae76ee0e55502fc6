# SPDX-License-Identifier: Apache-2.0
"""A bank's whole front for tokens by serial number: customers, staff in twos, apps and vendors.

The real use cases, engine and database, as `Page` has them; time does to the rows what
it would do, for the database's clock cannot be set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from fakes.vault import hotp
from kagimori.adapters.sql.enrollment.proposals import SqlProposals
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.adapters.sql.provisioning.unclaimed import SqlUnclaimedTokens
from kagimori.adapters.sql.tries import SqlTryLimits
from kagimori.application.assistance.decide import ApproveReplacement, RejectReplacement
from kagimori.application.assistance.ports import Proposal
from kagimori.application.assistance.propose import ProposeReplacement, Wish
from kagimori.application.ports import BySubscriber
from kagimori.application.provisioning.provision_new import ProvisionNewToken
from kagimori.application.provisioning.wish import NewMeans
from kagimori.application.registration.replace import (
    BegunAnswer,
    ReplacementAnswer,
    ReplacementOrder,
)
from kagimori.application.verification.verify import Caller
from kagimori.domain.calendar import day_of
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.replacement import ReplacementReason
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.banks.provisioning import AGES, PLENTY_NEW
from support.banks.registering import PAGE, SECOND, Page
from support.phones.app import SEED_OCTETS, App, key_ring, public_key
from support.tokens import EVENT, SUBSCRIBER, TENANT, identity, token

PERIOD: Final = 30
TIME: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=PERIOD)
LONG_AGO: Final = 1


@dataclass(frozen=True)
class Device:
    """What a customer holds; its codes are looked up, so that they can be told apart."""

    serial: str
    is_app: bool
    is_timed: bool
    codes: dict[int, str] = field(repr=False)

    def code(self, step: int) -> str:
        return self.codes[step]


@dataclass
class RegisterDesk(Page):
    """`Page` for any customer, with the bank's staff and those who bring tokens in."""

    _shown: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__post_init__()
        opened, policies = self.bank.database.open(), self.bank.policies
        proposals = SqlProposals(opened)
        self._propose = ProposeReplacement(proposals, self.vault, policies)
        self._approve = ApproveReplacement(proposals, self.vault, policies)
        self._reject = RejectReplacement(proposals, policies)
        means = NewMeans(
            SqlUnclaimedTokens(opened),
            SqlTryLimits(opened, AGES),
            self.vault,
            key_ring(TENANT),
            policies,
        )
        self._provision_new = ProvisionNewToken(means, PLENTY_NEW)
        self._tokens = SqlDesk(opened)

    # --- where tokens come from ---------------------------------------------------

    def set_an_app_up(self, steps: range) -> Device:
        """Let an app make its token; it waits for a customer."""
        seed, codes = self.drawn(steps)
        app = App(public_key(TENANT), login_seed=seed)
        done = self.bank.run(self._provision_new(app.asks_anew())).done
        return Device(done.serial, is_app=True, is_timed=True, codes=codes)

    def deliver(
        self, serial: str, steps: range, *, is_timed: bool = False, tenant: str = TENANT
    ) -> Device:
        """Bring a vendor's token into stock."""
        seed, codes = self.drawn(steps)
        row = identity(
            TIME if is_timed else EVENT,
            tenant=tenant,
            serial=serial,
            token_id=f"token-{serial}",
            subscriber=None,
            seed=self.vault.seal(tenant, seed),
        )
        made = token(row, state=State.IN_STOCK, row_mac=self.vault.row_mac(row))
        self.bank.inventory.add([made], "importer")
        return Device(serial, is_app=False, is_timed=is_timed, codes=codes)

    def drawn(self, steps: range) -> tuple[bytes, dict[int, str]]:
        """Return a seed none of whose codes is another device's, or comes again."""
        for number in range(1000):
            seed = f"seed {len(self._shown)} {number}".encode().ljust(SEED_OCTETS, b".")
            codes = {step: hotp(seed, step, 6) for step in steps}
            seen = set(codes.values())
            if len(seen) == len(codes) and not seen & self._shown:
                self._shown |= seen
                return seed, codes
        raise AssertionError("no seed would do")

    # --- any customer's page --------------------------------------------------------

    def begin(
        self, code: str, request_id: str | None = None, subscriber: str = SUBSCRIBER
    ) -> BegunAnswer:
        return self.bank.run(
            self._begin(PAGE, request_id or str(uuid4()), subscriber, Otp(code), 5.0)
        )

    def complete(
        self,
        code: str,
        serial: str = SECOND,
        request_id: str | None = None,
        subscriber: str = SUBSCRIBER,
    ) -> ReplacementAnswer:
        order = ReplacementOrder(request_id or str(uuid4()), subscriber, serial, Otp(code))
        return self.bank.run(self._complete(PAGE, order, 5.0))

    def terminate(
        self, code: str, request_id: str | None = None, subscriber: str = SUBSCRIBER
    ) -> Verdict:
        return self.bank.run(
            self._terminate(PAGE, request_id or str(uuid4()), subscriber, Otp(code), 5.0)
        )

    def choose_for(self, subscriber: str, *, login_otp: bool) -> None:
        self.bank.run(self._choose(PAGE, subscriber, login_otp))

    def needs(self, subscriber: str, operation: Operation) -> Any:  # noqa: ANN401 - a `Requirement`
        return self.bank.run(self._require(PAGE, subscriber, operation))

    def use(self, code: str, operation: Operation, request_id: str, subscriber: str) -> Verdict:
        """Log in, or pay."""
        return self.bank.ask(
            code,
            request_id=request_id,
            subject=BySubscriber(subscriber),
            operation=operation,
        )

    # --- staff in twos ------------------------------------------------------------

    def propose(self, who: str, subscriber: str) -> Proposal:
        wish = Wish(str(uuid4()), subscriber, ReplacementReason.LOST)
        return self.bank.run(self._propose(Caller(TENANT, who), wish))

    def approve(self, who: str, proposal: Proposal, subscriber: str) -> Proposal:
        return self.bank.run(self._approve(Caller(TENANT, who), proposal.proposal_id, subscriber))

    def reject(self, who: str, proposal: Proposal) -> Proposal:
        return self.bank.run(self._reject(Caller(TENANT, who), proposal.proposal_id))

    # --- what time does -------------------------------------------------------------

    def let_a_period_pass(self) -> None:
        self.bank.now += PERIOD

    def sleep_until_tomorrow(self) -> None:
        self.run("UPDATE registrations SET day = date(day, '-1 day')")

    def let_the_exchange_take_too_long(self, subscriber: str) -> None:
        self.run(
            "UPDATE replacements SET complete_by = ? WHERE subscriber = ?", LONG_AGO, subscriber
        )

    def let_proposals_wait_too_long(self) -> None:
        self.run("UPDATE proposals SET approve_by = ? WHERE state = 'PROPOSED'", LONG_AGO)

    def let_the_time_pass_of(self, serial: str) -> None:
        """Let a token be too old: an app's that waits for its customer, or a vendor's."""
        self.change_token(serial, not_after=LONG_AGO)

    # --- what is behind it ----------------------------------------------------------

    def is_vouched_for(self, serial: str) -> bool:
        found = self.bank.run(self._tokens.look(TENANT, serial))
        # Another bank's is its own matter.
        if found is None:
            return True
        return self.vault.row_mac(found.token.identity) == found.token.row_mac

    def tries_of(self, subscriber: str) -> int:
        """Return the customer's tries of this day."""
        today = day_of(datetime.now(UTC), self.bank.policies[TENANT].zone).isoformat()
        counts = [
            row["day_tries"]
            for row in self.run("SELECT subscriber, day, day_tries FROM registrations")
            if row["subscriber"] == subscriber and row["day"] is not None and row["day"] >= today
        ]
        return sum(counts)

    def has_chosen(self, subscriber: str) -> bool:
        """Return whether it is written down that the customer's logins need a code."""
        rows = self.run("SELECT subscriber FROM registrations WHERE login_otp = 1")
        return any(row["subscriber"] == subscriber for row in rows)
