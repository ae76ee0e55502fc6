# SPDX-License-Identifier: Apache-2.0
"""Tokens that are registered by serial number: what both banks' customers do on its pages.

`kakeshin` and `abukuma` walk the two guides with it, each step printed with the words
that the customer reads.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from development import pages
from development.bank import connection
from development.certificates import SECOND_OPERATOR
from development.environment import Environment
from development.in_hand import AppInHand, Drawer, Token
from development.stage import Stage
from kagimori_client import (
    BankChannel,
    BankDesk,
    Enrollment,
    EnrollmentStatus,
    GridAnswer,
    HardwareTokenDesk,
    Operation,
    OtpRequirement,
    Receipt,
    ReplacementDesk,
    ReplacementReceipt,
    Requirement,
    TokenRegistrar,
)
from kagimori_client.token import AuthorityProfile

KAKESHIN: Final = "20160002"
ABUKUMA: Final = "20160003"
_OPERATIONS: Final = {
    Operation.LOGIN: "ログイン (login)",
    Operation.TRANSFER: "振込 (transfer)",
    Operation.BILL_PAYMENT: "収納サービスへの支払 (bill)",
}
_NUMBER: Final = re.compile(r"[0-9]{7,}")


@dataclass(frozen=True, slots=True)
class Branch:
    """A bank: its page, its core system, and the workplaces of its staff.

    ``suzuki`` and ``tanaka`` are two persons by their certificates.
    """

    stage: Stage
    place: Environment
    profile: AuthorityProfile
    drawer: Drawer
    service_id: str
    page: TokenRegistrar
    core: BankChannel
    desk: BankDesk
    counter: HardwareTokenDesk
    suzuki: ReplacementDesk
    tanaka: ReplacementDesk

    def customer(self, subscriber: str) -> Customer:
        """Return who has that number."""
        return Customer(self, subscriber)

    def phone(self, name: str, service_id: str | None = None) -> AppInHand:
        """Start a bank's app on a new phone; ``name`` is its file's."""
        file = self.place.directory / f"{name}.token"
        return AppInHand(self.profile, service_id or self.service_id, file, self.drawer)

    def by_serial(self, token: Token) -> Callable[[], Receipt]:
        """Return the deed of asking whose a token's next code is, whoever has it."""
        return partial(self.core.verify, token.upcoming(), serial=token.serial)


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer at the bank's pages."""

    branch: Branch
    subscriber: str

    @property
    def stage(self) -> Stage:
        """Return where all of it is shown."""
        return self.branch.stage

    # What can be tried, for the stage to say what became of it.

    def registering(
        self,
        serial: str,
        code: str,
        *,
        login_otp: bool | None = True,
        answer: GridAnswer | None = None,
    ) -> Callable[[], Receipt]:
        """Return the deed of 利用開始."""
        register = partial(self.branch.page.register_token, self.subscriber, serial, code)
        return partial(register, login_otp=login_otp, grid_answer=answer)

    def beginning(self, code: str) -> Callable[[], datetime]:
        """Return the deed of the first step of 交換."""
        return partial(self.branch.page.begin_replacement, self.subscriber, code)

    def completing(
        self, serial: str, code: str, request_id: UUID | None = None
    ) -> Callable[[], ReplacementReceipt]:
        """Return the deed of its second step."""
        complete = partial(self.branch.page.complete_replacement, self.subscriber, serial, code)
        return partial(complete, request_id=request_id)

    def ending(self, code: str) -> Callable[[], Receipt]:
        """Return the deed of 利用中止."""
        return partial(self.branch.page.terminate, self.subscriber, code)

    def offering(self, code: str, operation: Operation = Operation.LOGIN) -> Callable[[], Receipt]:
        """Return the deed of asking the authority about ``code``."""
        verify = self.branch.core.verify
        return partial(verify, code, subscriber_ref=self.subscriber, operation=operation)

    # What is done and shown.

    def begin_to_use(
        self, token: Token, *, login_otp: bool, answer: GridAnswer | None = None
    ) -> str:
        """利用開始, the whole page; return the code that was spent by it."""
        self.stage.say(pages.registration(token.serial, login_otp=login_otp))
        return self.register(token, login_otp=login_otp, answer=answer)

    def register(self, token: Token, *, login_otp: bool, answer: GridAnswer | None = None) -> str:
        """Send what was typed on the page; return the code that was spent by it."""
        stage, code = self.stage, token.show()
        deed = self.registering(token.serial, code, login_otp=login_otp, answer=answer)
        stage.accepted("登録 (registration)", deed)
        self.is_in_use(token, login_otp=login_otp)
        return code

    def use(self, operation: Operation, token: Token) -> str:
        """See that a code is asked for, and give one; return it."""
        self.needs(operation, Requirement.OTP)
        code = token.show()
        self.stage.accepted("   it is right", self.offering(code, operation))
        return code

    def exchange(self, old: Token, new: Token) -> None:
        """交換, from its first page to the receipt."""
        self.prove(old)
        self.name(new, instead_of=old)

    def prove(self, old: Token) -> str:
        """旧ワンタイムパスワード認証; return the code that was spent by it."""
        code = old.show()
        self.stage.say(pages.old_code())
        what = "次へ: the old token's code is right"
        self.stage.done(what, self.beginning(code), pages.until)
        return code

    def name(self, new: Token, *, instead_of: Token) -> None:
        """新ワンタイムパスワード認証, and 処理結果."""
        stage = self.stage
        stage.say(pages.new_token(new.serial))
        done = stage.accepted(
            "登録: both tokens change hands at once", self.completing(new.serial, new.show())
        )
        if not isinstance(done, ReplacementReceipt):
            return
        stage.say(pages.exchanged(done))
        serials = (done.serial_after, done.serial_before) == (new.serial, instead_of.serial)
        whole = serials and _NUMBER.fullmatch(done.number) is not None
        stage.check("   the receipt is whole", holds=whole)

    def choose(self, *, login_otp: bool) -> None:
        """ログイン時の認証要否."""
        choose = partial(self.branch.page.set_login_otp, self.subscriber, login_otp=login_otp)
        self.stage.done("ログイン時の認証要否 (the choice)", choose, chosen)

    def needs(self, operation: Operation, wanted: Requirement) -> OtpRequirement:
        """Check what the authority says that an operation needs, and return it all."""
        told = self.branch.core.requirement(self.subscriber, operation)
        asked = "no code" if wanted is Requirement.NONE else "a code"
        what = f"{_OPERATIONS[operation]}: {asked} is asked for"
        self.stage.check(what, holds=told.needs is wanted, shown=told.needs.name)
        return told

    def is_in_use(self, token: Token, *, login_otp: bool) -> None:
        """Check 登録状況 of who has a token."""
        told = self.branch.page.status(self.subscriber)
        wanted = (EnrollmentStatus.ACTIVE, token.serial, login_otp)
        holds = (told.status, told.serial, told.login_otp) == wanted
        shown = f"{told.status.in_japanese()} {told.serial} {chosen(told)}"
        self.stage.check("   登録状況", holds=holds, shown=shown)

    def has_none(self) -> None:
        """Check 登録状況 of who has no token."""
        told = self.branch.page.status(self.subscriber)
        holds = told.status is EnrollmentStatus.NOT_REGISTERED and told.login_otp is None
        self.stage.check("   登録状況", holds=holds, shown=told.status.in_japanese())


def chosen(told: Enrollment) -> str:
    """Return ログイン時の認証要否, as it is at the moment."""
    return "" if told.login_otp is None else f"ログイン時に{pages.CHOICES[told.login_otp]}"


@contextlib.contextmanager
def branch_of(
    stage: Stage, place: Environment, profile: AuthorityProfile, service_id: str
) -> Iterator[Branch]:
    """Yield a bank with its connections; the server and the apps' door run already."""
    with (
        connection(TokenRegistrar, place, service_id, "registrar") as page,
        connection(BankChannel, place, service_id, "channel") as core,
        connection(BankDesk, place, service_id, "operator") as desk,
        connection(HardwareTokenDesk, place, service_id, "operator") as counter,
        connection(ReplacementDesk, place, service_id, "operator") as suzuki,
        connection(ReplacementDesk, place, service_id, SECOND_OPERATOR) as tanaka,
    ):
        staff = (desk, counter, suzuki, tanaka)
        yield Branch(stage, place, profile, Drawer(), service_id, page, core, *staff)
