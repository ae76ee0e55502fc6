# SPDX-License-Identifier: Apache-2.0
"""A bank's page for enrolments: the real use cases over a real database and a vault in software."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4
from zoneinfo import ZoneInfo

from fakes.vault import hotp
from kagimori.adapters.argon2 import Argon2Cost, Argon2id
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.enrollment.activate import ActivateToken, Activation
from kagimori.application.enrollment.deregister import DeregisterToken
from kagimori.application.enrollment.issue import IssueOrder, IssueSoftwareToken
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.enrollment.requirement import GetOtpRequirement, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.application.enrollment.status import GetEnrollment
from kagimori.application.enrollment.unlock import UnlockToken
from kagimori.application.ports import BySubscriber, Subject
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import AttemptLimits, Operation
from kagimori.domain.tenant import MailTemplate, TenantPolicy
from kagimori.domain.token import CustodyLabel, Kind
from support.banks.bank import Bank
from support.databases.enrolling import provision
from support.tokens import EVENT, SUBSCRIBER, TENANT, identity, token

REGISTRAR = Caller(TENANT, "registrar-1")
ADDRESS = "hanako@mail.example"
PASSWORD = "482915"
LIMITS = AttemptLimits(consecutive=3, daily=1000, since_unlock=1000)
MAIL = MailTemplate(
    sender="center@bank.example",
    sender_name="bank",
    subject="issued",
    body="${service_id} ${user_id} ${feature_phone_url} ${smartphone_url} ${support}",
    feature_phone_url="https://bank.example/f",
    smartphone_url="https://bank.example/s",
    support="000",
)


def noonday_zone() -> ZoneInfo:
    """Return a zone in which no midnight comes while a test runs."""
    ahead = 12 - datetime.now(UTC).hour
    return ZoneInfo(f"Etc/GMT{-ahead:+d}")


def mailing_policy() -> TenantPolicy:
    return TenantPolicy("bank", TENANT, noonday_zone(), LIMITS, mail=MAIL)


@dataclass
class Desk:
    """One customer of ``bank``, by the use cases; the app is a helper's row and its seed."""

    bank: Bank
    seeds: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.policies = self.bank.policies
        self.policies[TENANT] = mailing_policy()
        self.store = SqlEnrollmentStore(self.bank.database.open())
        self.hasher = Argon2id(Argon2Cost(memory=8, passes=1))
        self.passwords = Passwords(self.bank.vault, self.hasher)
        shared = (self.store, self.bank.vault, self.policies)
        self._issue = IssueSoftwareToken(self.store, self.bank.vault, self.passwords, self.policies)
        self._activate = ActivateToken(self.bank.verify, *shared)
        self._deregister = DeregisterToken(*shared)
        self._status = GetEnrollment(*shared)
        counter = SqlDesk(self.bank.database.open())
        self._unlock = UnlockToken(self.store, counter, self.bank.vault, self.policies)
        self._require = GetOtpRequirement(*shared)
        self._numbers = count(1)

    def close(self) -> None:
        self.hasher.close()

    def change_policy(self, **changes: object) -> None:
        self.policies[TENANT] = replace(self.policies[TENANT], **changes)  # type: ignore[arg-type]

    def issue(
        self,
        request_id: str | None = None,
        address: str = ADDRESS,
        password: str = PASSWORD,
        subscriber: str = SUBSCRIBER,
    ) -> Standing:
        order = IssueOrder(
            request_id or str(uuid4()), subscriber, address, ActivationPassword(password)
        )
        return self.bank.run(self._issue(REGISTRAR, order))

    def provision(self, subscriber: str = SUBSCRIBER) -> None:
        """Do what the app's set-up would do."""
        number = next(self._numbers)
        seed = f"the seed of app {number:04d}".encode()
        row = identity(
            EVENT,
            token_id=f"app-{number}",
            serial=f"KGMR{number:08d}",
            subscriber=kept_name(self.bank.vault, self.policies[TENANT], subscriber),
            kind=Kind.SOFTWARE,
            seed=replace(self.bank.vault.seal(TENANT, seed), custody=CustodyLabel.SEALED_BY_APP),
        )
        self.seeds[subscriber] = seed
        provision(
            self.bank.database,
            token(row, state=State.ASSIGNED, row_mac=self.bank.vault.row_mac(row)),
        )

    def code(self, counter: int, subscriber: str = SUBSCRIBER) -> str:
        return hotp(self.seeds[subscriber], counter, 6)

    def activate(self, code: str, request_id: str | None = None) -> Verdict:
        activation = Activation(request_id or str(uuid4()), SUBSCRIBER, Otp(code))
        return self.bank.run(self._activate(REGISTRAR, activation, 5.0))

    def log_in(self, code: str) -> Outcome:
        return self.bank.ask(code).outcome

    def deregister(self) -> Standing:
        return self.bank.run(self._deregister(REGISTRAR, SUBSCRIBER))

    def status(self, subscriber: str = SUBSCRIBER) -> Standing:
        return self.bank.run(self._status(REGISTRAR, subscriber))

    def unlock(self, subject: Subject | None = None) -> None:
        self.bank.run(self._unlock(Caller(TENANT, "suzuki"), subject or BySubscriber(SUBSCRIBER)))

    def requirement(self, operation: Operation = Operation.LOGIN) -> Requirement:
        return self.bank.run(self._require(REGISTRAR, SUBSCRIBER, operation))

    def run(self, statement: str) -> list[dict[str, object]]:
        return list(self.bank.database.run(statement))

    def sleep_until_tomorrow(self) -> None:
        """Do to the rows what a day would do: the database's clock cannot be set."""
        self.run("UPDATE enrollments SET released_on = date(released_on, '-1 day')")

    def let_the_deadline_pass(self) -> None:
        self.run("UPDATE enrollments SET deadline = 1 WHERE state = 'ISSUED'")

    def void(self) -> None:
        """Do what five wrong activation passwords would do."""
        self.run("UPDATE enrollments SET state = 'VOID', generation = generation + 1")
