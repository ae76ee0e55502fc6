# SPDX-License-Identifier: Apache-2.0
"""The mail-provisioned software token, walked as its three banks' customers do.

Each step is printed with the word that the customer reads. The customer's phone
is `SoftwareToken`; oathtool, which is told the seed that the phone drew, checks
every code that it shows. The mail arrives at a real mail server.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from development.bank import connection
from development.companions import mail_of, provisioning_of
from development.environment import Environment
from development.mailbox import Mailbox
from development.phone import PERIOD, Phone
from development.stage import Stage
from development.steps import wait_within_step
from kagimori_client import (
    BankChannel,
    BankDesk,
    LiveToken,
    Operation,
    OtpRejected,
    OtpReplayed,
    ReissueTooEarly,
    Requirement,
    TokenLocked,
    TokenRegistrar,
    UnknownToken,
)
from kagimori_client.token import ActivationRefused, AuthorityProfile

SMALL_AMOUNT = 30_000
"""Yen: of so little no bank wants a signature."""


@dataclass(frozen=True, slots=True)
class Bank:
    """One of the three: its name, its rules as the guide tells them, and a customer.

    ``transfers`` is whether a transfer needs a code, ``warns`` whether the holder
    is told by mail of a code that was offered twice.
    """

    name: str
    service_id: str
    digits: int
    subscriber: str
    mail_address: str
    transfers: bool = True
    warns: bool = False
    label: str | None = None


BANKS = (
    Bank(
        "けんしん (Kenshin)",
        "10112001",
        digits=8,
        subscriber="1234567",
        mail_address="taro@phone.example",
        warns=True,
    ),
    Bank(
        "熊本県信用組合 (Kumamoto)",
        "10112231",
        digits=8,
        subscriber="998877",
        mail_address="hanako@phone.example",
        label="家計用",
    ),
    Bank(
        "きたしん (Kitashin)",
        "10112004",
        digits=6,
        subscriber="00042",
        mail_address="abo@phone.example",
        transfers=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Journey:
    """One customer at one bank, with all who take part."""

    stage: Stage
    place: Environment
    bank: Bank
    mailbox: Mailbox
    phone: Phone
    registrar: TokenRegistrar
    channel: BankChannel
    desk: BankDesk

    def walk(self) -> None:
        """Go through the bank's guide from its first page to its last."""
        user_id, password = self.issue()
        self.read_the_letter(user_id, password)
        self.set_the_app_up(user_id, password)
        self.begin_to_use()
        self.log_in()
        self.transfer() if self.bank.transfers else self.be_locked_and_unlocked()
        self.deregister(user_id)

    def issue(self) -> tuple[str, str]:
        """トークン発行."""
        stage, bank = self.stage, self.bank
        before = self.registrar.status(bank.subscriber)
        self.shows("登録状況 before anything", before.status.in_japanese(), "未登録")
        self.needs("ログイン: no code is asked for", Operation.LOGIN, Requirement.NONE)
        password = f"{secrets.randbelow(10**6):06d}"
        apply = partial(self.registrar.issue, bank.subscriber, bank.mail_address, password)
        issued = apply()
        shown = f"サービスID {issued.service_id} ユーザID {issued.user_id}"
        stage.check("トークン発行 (issue): トークン情報", holds=bool(issued.user_id), shown=shown)
        self.shows("   登録状況", issued.status.in_japanese(), "申請済")
        stage.refused("   a second one meanwhile", LiveToken, apply)
        return issued.user_id, password

    def read_the_letter(self, user_id: str, password: str) -> None:
        """トークン発行のご案内."""
        letter = self.mailbox.wait_for(self.bank.mail_address)
        text = letter.get_content()
        whole = all(
            word in text for word in (self.bank.service_id, user_id, "https://", "送信専用")
        )
        silent = password not in letter.as_string() and password not in text
        self.stage.check("mail from the 認証センター", holds=whole and silent)
        self.stage.say(f"From: {letter['From']}\nSubject: {letter['Subject']}\n{text}")

    def set_the_app_up(self, user_id: str, password: str) -> None:
        """初期設定."""
        stage, bank = self.stage, self.bank
        wrong = f"{(int(password) + 1) % 10**6:06d}"
        set_up = partial(self.phone.set_up, bank.service_id, user_id)
        stage.refused(
            "初期設定 (set-up), password mistyped", ActivationRefused, lambda: set_up(wrong)
        )
        app = set_up(password)
        stage.check(
            "初期設定が完了しました", holds=app.issuer != "", shown=f"{app.issuer} {app.serial}"
        )
        if bank.label:
            app.relabel(bank.label)
            self.shows("トークン表示名 (display label)", app.label, bank.label)
        self.shows(
            "登録状況",
            self.registrar.status(bank.subscriber).status.in_japanese(),
            "トークン発行済",
        )
        stage.check(
            f"ワンタイムパスワード: {bank.digits} digits, countdown",
            holds=len(self.phone.code()) == bank.digits,
            shown=f"あと {app.seconds_left()} 秒",
        )
        stage.check("   oathtool shows the same", holds=self.phone.agrees(bank.digits))

    def begin_to_use(self) -> None:
        """利用開始."""
        wait_within_step(PERIOD)
        code = self.phone.code(-1)
        activate = partial(self.registrar.activate, self.bank.subscriber, code)
        self.stage.accepted("利用開始 (activation) by the code just shown", activate)
        self.stage.refused("   the same code cannot log in", OtpReplayed, self.offering(code))
        status = self.registrar.status(self.bank.subscriber).status
        self.shows("   登録状況", status.in_japanese(), "利用中")
        self.warned_of_a_replay()

    def warned_of_a_replay(self) -> None:
        """Read the notice of a code that was offered twice, where the bank sends one."""
        if not self.bank.warns:
            return
        self.mailbox.wait_for(self.bank.mail_address, letters=2)
        notice = self.mailbox.letters_to(self.bank.mail_address)[-1]
        self.stage.check("   the holder is told by mail", holds=True, shown=notice["Subject"])

    def log_in(self) -> None:
        """ログイン."""
        self.needs("ログイン (login): a code is asked for", Operation.LOGIN, Requirement.OTP)
        code = self.phone.code()
        self.stage.accepted("   it is right", self.offering(code))
        self.stage.refused("   and cannot be used again", OtpReplayed, self.offering(code))

    def transfer(self) -> None:
        """振込."""
        asked = f"振込 (transfer) of {SMALL_AMOUNT:,} yen: a code of its own"
        self.needs(asked, Operation.TRANSFER, Requirement.OTP, SMALL_AMOUNT)
        code = self.phone.code(1)
        self.stage.accepted("   it is right", self.offering(code, Operation.TRANSFER))

    def be_locked_and_unlocked(self) -> None:
        """Guess until the lock; the bank's staff help."""
        self.needs("振込 (transfer): this bank asks for none", Operation.TRANSFER, Requirement.NONE)
        near = {self.phone.code(steps) for steps in range(-3, 4)}
        guesses = [code for code in map("{:06d}".format, range(20)) if code not in near][:5]
        for guess in guesses[:-1]:
            self.stage.refused("   a wrong code", OtpRejected, self.offering(guess))
        self.stage.refused("   the fifth", TokenLocked, self.offering(guesses[-1]))
        self.stage.refused("   the right one now", TokenLocked, self.offering(self.phone.code(1)))
        self.desk.unlock(self.bank.subscriber)
        self.stage.accepted("   unlocked by the bank's staff", self.offering(self.phone.code(1)))

    def deregister(self, user_id: str) -> None:
        """利用解除, and トークン発行 on the next day."""
        stage, bank = self.stage, self.bank
        released = self.registrar.deregister(bank.subscriber)
        self.shows("利用解除 (deregistration): 登録状況", released.status.in_japanese(), "利用解除")
        self.needs("   ログイン: no code is asked for", Operation.LOGIN, Requirement.NONE)
        stage.refused(
            "   the app's code is nobody's", UnknownToken, self.offering(self.phone.code())
        )
        again = partial(self.registrar.issue, bank.subscriber, bank.mail_address, "4711")
        stage.refused("トークン発行 on the same day", ReissueTooEarly, again)
        self.wait_for_tomorrow()
        anew = again()
        stage.check("翌日 (the next day): issued anew", holds=anew.user_id not in {"", user_id})

    def wait_for_tomorrow(self) -> None:
        """Let the day of deregistration be yesterday."""
        with (
            contextlib.closing(sqlite3.connect(self.place.database, timeout=10)) as database,
            database,
        ):
            database.execute(
                "UPDATE enrollments SET released_on = date(released_on, '-1 day') WHERE tenant = ?",
                (self.bank.service_id,),
            )

    def offering(self, code: str, operation: Operation = Operation.LOGIN) -> Callable[[], object]:
        """Return the deed of asking the authority about ``code``."""
        return partial(
            self.channel.verify, code, subscriber_ref=self.bank.subscriber, operation=operation
        )

    def needs(
        self, what: str, operation: Operation, wanted: Requirement, amount: int | None = None
    ) -> None:
        """Check what the authority says that an operation needs."""
        answer = self.channel.requirement(self.bank.subscriber, operation, amount=amount)
        self.stage.check(what, holds=answer.needs is wanted, shown=answer.needs.name)

    def shows(self, what: str, shown: str | None, wanted: str) -> None:
        """Check a word that the customer reads."""
        self.stage.check(what, holds=shown == wanted, shown=shown or "")


def walk_all(
    stage: Stage,
    place: Environment,
    profile: AuthorityProfile,
    mailbox: Mailbox,
    first_scene: int,
) -> None:
    """Walk the three guides, a scene each; the server runs already."""
    with provisioning_of(place), mail_of(place):
        for number, bank in enumerate(BANKS, first_scene):
            stage.scene(f"{number}. {bank.name}: from トークン発行 to 利用解除")
            with journey_at(stage, place, profile, mailbox, bank) as journey:
                journey.walk()


@contextlib.contextmanager
def journey_at(
    stage: Stage, place: Environment, profile: AuthorityProfile, mailbox: Mailbox, bank: Bank
) -> Iterator[Journey]:
    """Yield a customer of ``bank`` with its connections; who serves runs already."""
    phone = Phone(profile, place.directory / f"{bank.service_id}-{bank.subscriber}.token")
    with (
        connection(TokenRegistrar, place, bank.service_id, "registrar") as registrar,
        connection(BankChannel, place, bank.service_id, "channel") as channel,
        connection(BankDesk, place, bank.service_id, "operator") as desk,
    ):
        yield Journey(stage, place, bank, mailbox, phone, registrar, channel, desk)
