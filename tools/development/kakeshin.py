# SPDX-License-Identifier: Apache-2.0
"""かけしん: a customer with the app on his phone, through the whole guide."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from development.environment import Environment
from development.family_b import KAKESHIN, Branch, Customer, branch_of
from development.in_hand import APP, AppInHand
from development.stage import Stage
from kagimori_client import (
    NoToken,
    Operation,
    OtpRejected,
    OtpReplayed,
    ProposalOpen,
    ReplacementExpired,
    ReplacementNotBegun,
    ReplacementProposal,
    ReplacementReason,
    Requirement,
    SamePerson,
    SameToken,
    UnknownToken,
)
from kagimori_client.token import AuthorityProfile

SUBSCRIBER = "1234567"


@dataclass(frozen=True, slots=True)
class Journey:
    """A customer of かけしん, with all who take part."""

    branch: Branch
    customer: Customer

    @property
    def stage(self) -> Stage:
        """Return where it is shown."""
        return self.branch.stage

    def walk(self) -> None:
        """Go through the bank's guide, and through what can go wrong beside it."""
        first = self.start_the_app("the first phone")
        self.begin_to_use(first)
        self.choose_for_logins(first)
        second = self.change_the_phone(first)
        third = self.dawdle(second)
        fourth = self.lose_the_phone(third)
        self.end_the_use(fourth)
        self.begin_anew(fourth)

    def start_the_app(self, which: str) -> AppInHand:
        """ソフトウェアトークンのダウンロード, and its first start."""
        phone = self.branch.phone(f"{self.customer.subscriber} {which}")
        self.stage.check(
            f"{which}: the app starts, for nobody yet", holds=phone.agrees(), shown=APP
        )
        self.stage.say(phone.screen())
        return phone

    def begin_to_use(self, phone: AppInHand) -> None:
        """利用開始, and the transactions that need a code from then on."""
        customer = self.customer
        self.stage.say("\n◆ワンタイムパスワード利用開始までの流れ")
        customer.has_none()
        customer.needs(Operation.TRANSFER, Requirement.NONE)
        code = customer.begin_to_use(phone, login_otp=False)
        spent = customer.offering(code, Operation.TRANSFER)
        self.stage.refused("   the same code again, for a transfer", OtpReplayed, spent)
        customer.needs(Operation.LOGIN, Requirement.NONE)
        customer.use(Operation.TRANSFER, phone)
        customer.use(Operation.BILL_PAYMENT, phone)

    def choose_for_logins(self, phone: AppInHand) -> None:
        """ログイン時の認証を「する」."""
        customer = self.customer
        self.stage.say("\n◆ログイン時のワンタイムパスワードによる認証の「する」「しない」")
        customer.choose(login_otp=True)
        code = customer.use(Operation.LOGIN, phone)
        self.stage.refused("   and cannot be used again", OtpReplayed, customer.offering(code))

    def change_the_phone(self, old: AppInHand) -> AppInHand:
        """交換: 機種交換等."""
        stage, customer = self.stage, self.customer
        stage.say("\n◆トークンを交換する場合の操作")
        new = self.start_the_app("the second phone")
        not_begun = customer.completing(new.serial, new.upcoming())
        stage.refused("交換, its second step alone", ReplacementNotBegun, not_begun)
        customer.prove(old)
        mixed_up = customer.completing(new.serial, old.upcoming())
        stage.refused("the old phone's code for the new one", OtpRejected, mixed_up)
        stage.accepted("until it is done the old phone is in use", customer.offering(old.show()))
        customer.name(new, instead_of=old)
        customer.is_in_use(new, login_otp=True)
        stage.refused(
            "the old phone's code is nobody's now", UnknownToken, self.branch.by_serial(old)
        )
        customer.use(Operation.TRANSFER, new)
        return new

    def dawdle(self, phone: AppInHand) -> AppInHand:
        """Begin another exchange, come too late with the second step, and begin again."""
        stage, customer = self.stage, self.customer
        stage.say("\n◆トークンを交換する場合の操作: once more, and too slowly")
        newest = self.start_the_app("the third phone")
        customer.prove(phone)
        same = customer.completing(phone.serial, phone.upcoming())
        stage.refused("the same phone's serial number as the new one", SameToken, same)
        self.let_time_pass()
        late = customer.completing(newest.serial, newest.upcoming())
        stage.refused("登録, long after the first step", ReplacementExpired, late)
        customer.is_in_use(phone, login_otp=True)
        customer.exchange(phone, newest)
        return newest

    def let_time_pass(self) -> None:
        """Let the time for the second step be over."""
        with (
            contextlib.closing(sqlite3.connect(self.branch.place.database, timeout=10)) as database,
            database,
        ):
            database.execute(
                "UPDATE replacements SET complete_by = begun_at"
                " WHERE tenant = ? AND subscriber = ?",
                (self.branch.service_id, self.customer.subscriber),
            )

    def lose_the_phone(self, dead: AppInHand) -> AppInHand:
        """トークンを起動出来ない場合: the bank's staff help, two of them."""
        stage, customer = self.stage, self.customer
        stage.say("\n★注意事項②: トークンを起動出来ない場合は、当金庫までご連絡ください。")
        new = self.start_the_app("the fourth phone")
        proposal = self.propose()
        if proposal is None:
            return new
        self.be_alone(proposal, new)
        approve = partial(self.branch.tanaka.approve, proposal, customer.subscriber)
        stage.done("another one approves it (承認)", approve, _as_approved)
        customer.name(new, instead_of=dead)
        customer.is_in_use(new, login_otp=True)
        stage.refused(
            "the dead phone's code is nobody's", UnknownToken, self.branch.by_serial(dead)
        )
        return new

    def propose(self) -> UUID | None:
        """Have one of the bank's staff propose the exchange."""
        propose = partial(
            self.branch.suzuki.propose, self.customer.subscriber, ReplacementReason.BROKEN
        )
        made = self.stage.done(
            "one of the bank's staff proposes an exchange", propose, _as_proposed
        )
        return None if made is None else made.proposal_id

    def be_alone(self, proposal: UUID, new: AppInHand) -> None:
        """Find that one person is not enough."""
        stage, customer, suzuki = self.stage, self.customer, self.branch.suzuki
        early = customer.completing(new.serial, new.upcoming())
        stage.refused("   that alone lets the customer do nothing", ReplacementNotBegun, early)
        alone = partial(suzuki.approve, proposal, customer.subscriber)
        stage.refused("   the same person approves it", SamePerson, alone)
        again = partial(suzuki.propose, customer.subscriber, ReplacementReason.BROKEN)
        stage.refused("   or proposes it once more", ProposalOpen, again)
        waiting = [each.proposal_id for each in self.branch.tanaka.open()]
        stage.check("   another one sees it in the list", holds=proposal in waiting)

    def end_the_use(self, phone: AppInHand) -> None:
        """利用中止."""
        stage, customer = self.stage, self.customer
        stage.say("\n◆ワンタイムパスワードを利用中止する場合の操作")
        stage.accepted("利用中止 (termination) by a code", customer.ending(phone.show()))
        customer.has_none()
        for operation in Operation:
            customer.needs(operation, Requirement.NONE)
        again = partial(self.branch.page.set_login_otp, customer.subscriber, login_otp=True)
        stage.refused("ログイン時の認証要否, without a token", NoToken, again)

    def begin_anew(self, ended: AppInHand) -> None:
        """利用開始 once more: with the token that was ended, and with another one."""
        customer = self.customer
        self.stage.say("\n◆ワンタイムパスワード利用開始までの流れ: once more")
        old = customer.registering(ended.serial, ended.upcoming())
        self.stage.refused("利用開始 with the token that was ended", UnknownToken, old)
        phone = self.start_the_app("the fifth phone")
        customer.begin_to_use(phone, login_otp=True)
        customer.use(Operation.LOGIN, phone)


def _as_proposed(made: ReplacementProposal) -> str:
    return f"{made.reason.in_japanese()} {made.state.in_japanese()}"


def _as_approved(made: ReplacementProposal) -> str:
    by = f"{made.proposed_by}, {made.decided_by}"
    return f"{made.state.in_japanese()} ({by})"


def walk(stage: Stage, place: Environment, profile: AuthorityProfile) -> None:
    """Walk the guide; the server and the apps' door run already."""
    with branch_of(stage, place, profile, KAKESHIN) as branch:
        Journey(branch, branch.customer(SUBSCRIBER)).walk()
