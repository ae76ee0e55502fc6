# SPDX-License-Identifier: Apache-2.0
"""What a bank's page asks for its customers, and its staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.enrollment.grid_cards import SqlGridCards
from kagimori.adapters.sql.enrollment.registrations import SqlRegistrations
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.adapters.vault import HsmVault
from kagimori.application.enrollment.activate import ActivateToken
from kagimori.application.enrollment.deregister import DeregisterToken
from kagimori.application.enrollment.issue import IssueSoftwareToken
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.enrollment.status import GetEnrollment
from kagimori.application.enrollment.unlock import UnlockToken
from kagimori.application.grid_cards.answer import AnswerGridChallenge, VerifyGridAnswer
from kagimori.application.grid_cards.challenge import CreateGridChallenge
from kagimori.application.grid_cards.unlock import UnlockGridCard
from kagimori.application.inventory.desk import AssignToken, GetToken, ReturnToken
from kagimori.application.registration.choice import SetLoginOtp
from kagimori.application.registration.means import Means
from kagimori.application.registration.ports import JudgeGrid
from kagimori.application.registration.register import RegisterToken
from kagimori.application.registration.replace import BeginReplacement, CompleteReplacement
from kagimori.application.registration.rows import Rows
from kagimori.application.registration.terminate import TerminateToken
from kagimori.application.verification.verify import VerifyOtp
from kagimori.domain.tenant import TenantPolicy


@dataclass(frozen=True, slots=True)
class Issuing:
    """Tokens that a mail leads to, and where a customer is."""

    issue: IssueSoftwareToken
    activate: ActivateToken
    deregister: DeregisterToken
    status: GetEnrollment


@dataclass(frozen=True, slots=True)
class Counter:
    """Tokens that the bank's staff hand out, take back and unlock."""

    unlock: UnlockToken
    assign: AssignToken
    token: GetToken
    take_back: ReturnToken


@dataclass(frozen=True, slots=True)
class Registrations:
    """Tokens that a customer names by serial number."""

    register: RegisterToken
    choose: SetLoginOtp
    terminate: TerminateToken
    begin: BeginReplacement
    complete: CompleteReplacement


@dataclass(frozen=True, slots=True)
class GridCards:
    """What is asked for besides, on a card."""

    challenge: CreateGridChallenge
    answer: VerifyGridAnswer
    unlock: UnlockGridCard


@dataclass(frozen=True, slots=True)
class EnrollmentDesk:
    """All that EnrollmentService asks."""

    issuing: Issuing
    counter: Counter
    registrations: Registrations
    grid_cards: GridCards


def enrollment_desk(
    database: Database,
    vault: HsmVault,
    passwords: Passwords,
    tenants: Mapping[str, TenantPolicy],
    verify: VerifyOtp,
) -> EnrollmentDesk:
    """Return it, over one database and one HSM, by the rules in force."""
    customers, counter = SqlEnrollmentStore(database), SqlDesk(database)
    cards = SqlGridCards(database)
    answer = AnswerGridChallenge(cards, vault, vault, tenants)
    return EnrollmentDesk(
        Issuing(
            IssueSoftwareToken(customers, vault, passwords, tenants),
            ActivateToken(verify, customers, vault, tenants),
            DeregisterToken(customers, vault, tenants),
            GetEnrollment(customers, vault, tenants),
        ),
        Counter(
            UnlockToken(customers, counter, vault, tenants),
            AssignToken(counter, vault, vault, tenants),
            GetToken(counter),
            ReturnToken(counter, vault),
        ),
        _registrations(database, vault, tenants, verify, answer),
        GridCards(
            CreateGridChallenge(cards, vault, tenants),
            VerifyGridAnswer(answer),
            UnlockGridCard(cards, vault, tenants),
        ),
    )


def _registrations(
    database: Database,
    vault: HsmVault,
    tenants: Mapping[str, TenantPolicy],
    verify: VerifyOtp,
    grid: JudgeGrid,
) -> Registrations:
    store, rows = SqlRegistrations(database), Rows(SqlDesk(database), vault)
    means = Means(verify.conclude, store, rows, vault, tenants)
    return Registrations(
        RegisterToken(means, grid),
        SetLoginOtp(store, vault, tenants),
        TerminateToken(means),
        BeginReplacement(verify.conclude, vault, tenants),
        CompleteReplacement(means),
    )
