# SPDX-License-Identifier: Apache-2.0
"""A bank's page for tokens by serial number: the real use cases, engine and database.

The vault is one in software, and whoever judges grid cards says what the test wants.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from fakes.vault import FakeVault, hotp
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.enrollment.registrations import SqlRegistrations
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.enrollment.deregister import DeregisterToken
from kagimori.application.enrollment.requirement import GetOtpRequirement, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.application.enrollment.status import GetEnrollment
from kagimori.application.enrollment.unlock import UnlockToken
from kagimori.application.grid_cards.ports import GridAnswer, GridVerdict
from kagimori.application.ports import (
    BySerial,
    BySubscriber,
    Search,
    SearchAnswer,
    SignatureCheck,
    Subject,
)
from kagimori.application.registration.choice import SetLoginOtp
from kagimori.application.registration.means import Means
from kagimori.application.registration.ports import Tried, Try
from kagimori.application.registration.register import (
    RegisterToken,
    RegistrationAnswer,
    RegistrationOrder,
)
from kagimori.application.registration.replace import (
    BeginReplacement,
    BegunAnswer,
    CompleteReplacement,
    ReplacementAnswer,
    ReplacementOrder,
)
from kagimori.application.registration.rows import Rows
from kagimori.application.registration.terminate import TerminateToken
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import AuthorityError
from kagimori.domain.lifecycle import NOBODYS, State
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Registration, TenantPolicy, When
from kagimori.domain.token import CustodyLabel, Kind, Purpose, TokenIdentity
from support.banks.bank import Bank
from support.banks.desk import LIMITS, noonday_zone
from support.databases.database import AnyDatabase
from support.tokens import EVENT, OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, identity, token

PAGE = Caller(TENANT, "registrar-1")
STAFF = Caller(TENANT, "suzuki")
NEXT = "subscriber-2"
SECOND = "SKTS00000002"
WRONG = "000000"
TRIES = 5
DAY = 86_400_000_000
RULES = Registration(daily_tries=TRIES)
OPERATIONS = {
    Operation.LOGIN: When.BY_CHOICE,
    Operation.TRANSFER: When.ALWAYS,
    Operation.BILL_PAYMENT: When.ALWAYS,
}
TABLES = ("tokens", "signing_seeds", "replacements", "enrollments", "requests", "audit")


class WatchedVault(FakeVault):
    """Remembers what it was asked: for how many rows MACs, call by call, and how often to search.

    Once it can be interrupted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.looked = 0
        self.meanwhile: Callable[[], object] | None = None

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
        self.looked += len(searches)
        return await super().search(searches)

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        self.asked.append(len(identities))
        macs = await super().row_macs(identities)
        if self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            happen()
        return macs


@dataclass
class ScriptedGrid:
    """Says what it was told to say, and remembers what it was asked."""

    answers: list[GridVerdict | AuthorityError] = field(default_factory=list)
    asked: list[tuple[str, str, GridAnswer]] = field(default_factory=list)

    def __call__(
        self,
        caller: Caller,
        policy: TenantPolicy,
        subscriber: str,
        request_id: str,
        answer: GridAnswer,
    ) -> Awaitable[GridVerdict]:
        assert (caller, policy.service_id) == (PAGE, TENANT)
        self.asked.append((subscriber, request_id, answer))
        return self._next()

    async def _next(self) -> GridVerdict:
        answer = self.answers.pop(0)
        if isinstance(answer, AuthorityError):
            raise answer
        return answer


def bank_of(database: AnyDatabase) -> Bank:
    return Bank(database, vault=WatchedVault())


@dataclass
class Page:
    """Customers of ``bank`` at its page; their event-based tokens have seeds of their serials."""

    bank: Bank

    def __post_init__(self) -> None:
        zone = noonday_zone()
        for tenant in (TENANT, OTHER_TENANT):
            self.bank.policies[tenant] = TenantPolicy(
                "bank", tenant, zone, LIMITS, operations=OPERATIONS, registration=RULES
            )
        assert isinstance(self.bank.vault, WatchedVault)
        self.vault = self.bank.vault
        self.grid = ScriptedGrid()
        opened = self.bank.database.open()
        verify, vault, policies = self.bank.verify.conclude, self.vault, self.bank.policies
        self.store = store = SqlRegistrations(opened)
        desk = SqlDesk(opened)
        means = Means(verify, store, Rows(desk, vault), vault, policies)
        self._register = RegisterToken(means, self.grid)
        self._begin = BeginReplacement(verify, vault, policies)
        self._complete = CompleteReplacement(means)
        self._terminate = TerminateToken(means)
        self._choose = SetLoginOtp(store, vault, policies)
        enrolments = SqlEnrollmentStore(opened)
        customers = (enrolments, vault, policies)
        self._deregister = DeregisterToken(*customers)
        self._status = GetEnrollment(*customers)
        self._require = GetOtpRequirement(*customers)
        self._unlock = UnlockToken(enrolments, desk, vault, policies)

    # --- what the bank decides ----------------------------------------------

    def change_policy(self, **changes: object) -> None:
        policies = self.bank.policies
        policies[TENANT] = replace(policies[TENANT], **changes)  # type: ignore[arg-type]

    def change_rules(self, **changes: object) -> None:
        rules = self.bank.policies[TENANT].registration
        assert rules is not None
        self.change_policy(registration=replace(rules, **changes))  # type: ignore[arg-type]

    # --- tokens --------------------------------------------------------------

    def stock(
        self,
        serial: str = SERIAL,
        kind: Kind = Kind.HARDWARE,
        state: State = State.IN_STOCK,
        **changes: Any,  # noqa: ANN401 - any field of the identity
    ) -> None:
        """Bring a token in, or write one that an app has made."""
        holder = None if state in NOBODYS else SUBSCRIBER
        row = identity(
            EVENT,
            **{"serial": serial, "token_id": f"token-{serial}", "kind": kind, "subscriber": holder}
            | changes,
        )
        label = {
            Kind.HARDWARE: CustodyLabel.UNWRAPPED_IN_HSM,
            Kind.SOFTWARE: CustodyLabel.SEALED_BY_APP,
        }[kind]
        row = replace(row, seed=self.vault.seal(row.tenant, seed_of(serial), custody=label))
        made = token(row, state=state, row_mac=self.vault.row_mac(row))
        self.bank.inventory.add([made], "importer")
        if kind is Kind.SOFTWARE:
            self._make_an_apps(row)

    def _make_an_apps(self, row: TokenIdentity) -> None:
        """Let it wait for a customer, and have a second seed, as an app's token does."""
        self.run("UPDATE tokens SET not_after = ? WHERE serial = ?", 1 << 52, row.serial)
        self.run(
            "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length, key_version,"
            " wrap_format, blob, ?, -1 FROM tokens WHERE serial = ?",
            self.second_mac(row),
            row.serial,
        )

    def second_mac(self, row: TokenIdentity) -> bytes:
        """Return the MAC of the second seed of the token that ``row`` is."""
        return self.vault.row_mac(replace(row, purpose=Purpose.SIGNING))

    def change_token(self, serial: str = SERIAL, /, **columns: Any) -> None:  # noqa: ANN401 - any value
        """Do to a token's row what time, or somebody with write access, would do."""
        changes = ", ".join(f"{column} = ?" for column in columns)
        self.run(f"UPDATE tokens SET {changes} WHERE serial = ?", *columns.values(), serial)  # noqa: S608 - our own

    # --- the page -------------------------------------------------------------

    def register(  # noqa: PLR0913 - as many as the use case has
        self,
        code: str,
        serial: str = SERIAL,
        subscriber: str = SUBSCRIBER,
        request_id: str | None = None,
        *,
        login_otp: bool | None = False,
        grid_answer: GridAnswer | None = None,
    ) -> RegistrationAnswer:
        order = RegistrationOrder(
            request_id or str(uuid4()), subscriber, serial, Otp(code), login_otp, grid_answer
        )
        return self.bank.run(self._register(PAGE, order, 5.0))

    def registered(self, serial: str = SERIAL, kind: Kind = Kind.HARDWARE) -> None:
        """Let the customer have a token by its first code."""
        self.stock(serial, kind)
        assert self.register(code(0, serial), serial).verdict.outcome is Outcome.ACCEPTED

    def begin(self, code: str, request_id: str | None = None) -> BegunAnswer:
        return self.bank.run(
            self._begin(PAGE, request_id or str(uuid4()), SUBSCRIBER, Otp(code), 5.0)
        )

    def complete(
        self, code: str, serial: str = SECOND, request_id: str | None = None
    ) -> ReplacementAnswer:
        order = ReplacementOrder(request_id or str(uuid4()), SUBSCRIBER, serial, Otp(code))
        return self.bank.run(self._complete(PAGE, order, 5.0))

    def terminate(self, code: str, request_id: str | None = None) -> Verdict:
        return self.bank.run(
            self._terminate(PAGE, request_id or str(uuid4()), SUBSCRIBER, Otp(code), 5.0)
        )

    def choose(self, *, login_otp: bool) -> Standing:
        return self.bank.run(self._choose(PAGE, SUBSCRIBER, login_otp))

    def deregister(self) -> Standing:
        return self.bank.run(self._deregister(PAGE, SUBSCRIBER))

    def status(self, subscriber: str = SUBSCRIBER) -> Standing:
        return self.bank.run(self._status(PAGE, subscriber))

    def requirement(self, operation: Operation = Operation.LOGIN) -> Requirement:
        return self.bank.run(self._require(PAGE, SUBSCRIBER, operation))

    def unlock(self, subject: Subject | None = None) -> None:
        self.bank.run(self._unlock(STAFF, subject or BySerial(SERIAL)))

    def log_in(self, code: str, subscriber: str = SUBSCRIBER) -> Outcome:
        return self.bank.ask(code, subject=BySubscriber(subscriber)).outcome

    @contextmanager
    def sent_twice_at_once(self) -> Iterator[None]:
        """Let calls count their tries as they would while the first of them is under way."""

        async def again(wish: Try) -> Tried:
            del wish
            return Tried.AGAIN

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.store, "spend", again)
            yield

    # --- what is behind it -------------------------------------------------------

    def run(self, statement: str, *values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any value
        return list(self.bank.database.run(statement, *values))

    def row(self, serial: str = SERIAL) -> dict[str, Any]:
        (found,) = self.run(f"SELECT * FROM tokens WHERE serial = '{serial}'")  # noqa: S608 - our own
        return found

    def exchange(self) -> dict[str, Any] | None:
        rows = self.run("SELECT * FROM replacements")
        return rows[0] if rows else None

    def is_vouched_for(self, serial: str) -> bool:
        """Return whether the row's MAC is over what stands in it, and the second seed's is."""
        desk = SqlDesk(self.bank.database.open())
        found = self.bank.run(desk.look(TENANT, serial))
        assert found is not None
        row = found.token.identity
        seeds = self.run("SELECT token_id, row_mac FROM signing_seeds")
        seconds = [seed for seed in seeds if seed["token_id"] == row.token_id]
        kept = [found.token.row_mac, *(bytes(second["row_mac"]) for second in seconds)]
        made = [self.vault.row_mac(row), *(self.second_mac(row) for _ in seconds)]
        return kept == made

    def tries(self) -> int:
        rows = self.run("SELECT day_tries FROM registrations")
        count: int = rows[0]["day_tries"] if rows else 0
        return count

    def all_there_is(self) -> list[object]:
        """Return every row, but for the customers' tries."""
        tables = [
            sorted(map(str, self.run(f"SELECT * FROM {table}")))  # noqa: S608 - our own
            for table in TABLES
        ]
        return [*tables, self.run("SELECT login_otp FROM registrations WHERE login_otp = 1")]

    def audited(self) -> list[tuple[str, str, str]]:
        rows = self.run("SELECT * FROM audit ORDER BY id")
        return [
            (row["actor"], row["action"], row["serial"])
            for row in rows
            if row["action"] not in {"IMPORT", "VERIFY"}
        ]


def seed_of(serial: str) -> bytes:
    return f"the seed of {serial}".encode()


def code(step: int, serial: str = SERIAL) -> str:
    return hotp(seed_of(serial), step, 6)
