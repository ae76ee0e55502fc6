# SPDX-License-Identifier: Apache-2.0
"""取引確認: a bank whose customers sign transfers, and a customer at its page.

`kumamoto` goes through it, each step printed as customer, bank and thief see it.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from development.bank import connection
from development.environment import Environment
from development.phone import PERIOD, Phone, new_phone
from development.stage import Stage
from development.steps import wait_within_step
from kagimori_client import (
    AccountType,
    BankChannel,
    BankDesk,
    Receipt,
    SigningProfile,
    TokenRegistrar,
    Transaction,
    TransactionChallenge,
    Transfer,
)
from kagimori_client.token import AuthorityProfile

KUMAMOTO: Final = "10112231"
ANOTHER_BANK: Final = "10112001"

RENT: Final = Transfer(
    "0310", "001", AccountType.ORDINARY, "0004242", "ﾔﾏﾀﾞ ﾊﾅｺ", 150_000, "ﾔﾁﾝ 12ｶﾞﾂ"
)
ONE_YEN_MORE: Final = replace(RENT, amount=RENT.amount + 1)
THE_THIEFS: Final = replace(RENT, account_number="6666666", payee_name="ｽｽﾞｷ ｲﾁﾛｳ")
WAGES: Final = (
    Transfer("0310", "001", AccountType.ORDINARY, "1000001", "ｻﾄｳ ｼﾞﾛｳ", 210_000, "12ｶﾞﾂ"),
    Transfer("0310", "002", AccountType.CURRENT, "1000002", "ﾀﾅｶ ｻﾌﾞﾛｳ", 198_500, "12ｶﾞﾂ"),
    Transfer("0001", "023", AccountType.SAVINGS, "1000003", "ｲﾄｳ ｼﾛｳ", 243_210),
)
OTHER_WAGES: Final = {
    "one payee of them is another": (
        WAGES[0],
        replace(WAGES[1], account_number=THE_THIEFS.account_number),
        WAGES[2],
    ),
    "one yen goes from one to another": (
        replace(WAGES[0], amount=WAGES[0].amount - 1),
        replace(WAGES[1], amount=WAGES[1].amount + 1),
        WAGES[2],
    ),
    "one of them is left out": (WAGES[0], WAGES[2]),
    "two change their places": (WAGES[1], WAGES[0], WAGES[2]),
}
"""What is not `WAGES`, whatever its total."""


@dataclass(frozen=True, slots=True)
class Bank:
    """Its page, its core system, and a person of its staff."""

    stage: Stage
    place: Environment
    profile: AuthorityProfile
    service_id: str
    page: TokenRegistrar
    core: BankChannel
    desk: BankDesk

    def customer(self, subscriber: str) -> Customer:
        """Lead somebody from トークン発行 to 利用開始; return him, his app in use."""
        phone = new_phone(self.profile, self.place.directory / f"phone-of-{subscriber}")
        password = f"{secrets.randbelow(10**6):06d}"
        issued = self.page.issue(subscriber, "jiro@phone.example", password)
        phone.set_up(issued.service_id, issued.user_id, password)
        # Of the present step: what is signed later by the clock is signed by a right one.
        wait_within_step(PERIOD)
        self.page.activate(subscriber, phone.code())
        return Customer(self, subscriber, phone)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays, with his phone beside him."""

    bank: Bank
    subscriber: str
    phone: Phone

    def ask(
        self, *transfers: Transfer, profile: SigningProfile = SigningProfile.SCANNED
    ) -> TransactionChallenge:
        """Have the bank make a challenge about ``transfers``."""
        return self.bank.core.create_transaction_challenge(
            Transaction(transfers), subscriber_ref=self.subscriber, profile=profile
        )

    def ask_apart(self, codes: Container[str], *transfers: Transfer) -> TransactionChallenge:
        """Do as `ask` until the code is none of ``codes``: by chance it can be one."""
        while self.sign(challenge := self.ask(*transfers)) in codes:
            pass
        return challenge

    def sign(self, challenge: TransactionChallenge) -> str:
        """Scan the challenge; return the code."""
        return self.phone.sign(challenge.text or "")

    def sign_instead(self, challenge: TransactionChallenge, shown: Transfer) -> str:
        """Return the code of who scanned ``shown`` in the challenge, and said yes."""
        own_id = str(challenge.challenge_id)
        return self.phone.sign(Transaction((shown,)).encoded(self.bank.service_id, own_id))

    def trap(self, asked: Transfer, shown: Transfer) -> tuple[TransactionChallenge, str]:
        """Return a challenge about ``asked``, and the code of who scanned ``shown`` instead."""
        while True:
            challenge = self.ask(asked)
            code = self.sign_instead(challenge, shown)
            if code != self.sign(challenge):
                return challenge, code

    def logins(self) -> list[str]:
        """Return the codes of logins near now; the present one is in the middle."""
        return [self.phone.code(steps) for steps in range(-3, 4)]

    def wrong_codes(self, challenge: TransactionChallenge, count: int) -> list[str]:
        """Return codes that neither sign the challenge nor log in near now."""
        right = {self.sign(challenge), *self.logins()}
        return [code for code in map("{:08d}".format, range(20)) if code not in right][:count]

    def mistyped(self, challenge: TransactionChallenge) -> list[str]:
        """Return the codes of who types one digit wrong: of the account, and of the amount."""
        account, amount = typed_of(challenge)
        near = {self.phone.sign_typed(account, amount, seconds) for seconds in range(-60, 90, 30)}
        wrong = ((_one_digit_off(account), amount), (account, _one_digit_off(amount)))
        return [code for typed in wrong if (code := self.phone.sign_typed(*typed)) not in near]

    def is_typed_rightly(self, code: str, challenge: TransactionChallenge, since: float) -> bool:
        """Return whether openssl shows ``code`` for a moment from ``since`` until now."""
        typed, moments = typed_of(challenge), {since, time.time()}
        return code in {self.phone.openssl_signs_typed(*typed, at) for at in moments}

    # What can be tried, for the stage to say what became of it.

    def asking(
        self, *transfers: Transfer, profile: SigningProfile = SigningProfile.SCANNED
    ) -> Callable[[], TransactionChallenge]:
        """Return the deed of `ask`."""
        return partial(self.ask, *transfers, profile=profile)

    def offering(
        self,
        code: str,
        challenge: TransactionChallenge,
        *carried_out: Transfer,
        request_id: UUID | None = None,
    ) -> Callable[[], Receipt]:
        """Return the deed of offering ``code`` for what the bank is about to carry out."""
        return partial(
            self.bank.core.verify_transaction,
            code,
            subscriber_ref=self.subscriber,
            challenge=challenge,
            transaction=Transaction(carried_out),
            request_id=request_id,
        )

    def logging_in(self, code: str) -> Callable[[], Receipt]:
        """Return the deed of a login."""
        return partial(self.bank.core.verify, code, subscriber_ref=self.subscriber)

    def expire(self, challenge: TransactionChallenge) -> None:
        """Let the time of a challenge be over."""
        with (
            contextlib.closing(sqlite3.connect(self.bank.place.database, timeout=10)) as database,
            database,
        ):
            database.execute(
                "UPDATE challenges SET expires_at = created_at WHERE challenge_id = ?",
                (str(challenge.challenge_id),),
            )


def typed_of(challenge: TransactionChallenge) -> tuple[str, str]:
    """Return account number and amount, as the page tells to type them."""
    if challenge.typed is None:
        raise RuntimeError("this one is scanned")
    return challenge.typed.account, challenge.typed.amount


def _one_digit_off(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


@contextlib.contextmanager
def bank_of(
    stage: Stage, place: Environment, profile: AuthorityProfile, service_id: str = KUMAMOTO
) -> Iterator[Bank]:
    """Yield a bank with its connections; the server and the apps' door run already."""
    with (
        connection(TokenRegistrar, place, service_id, "registrar") as page,
        connection(BankChannel, place, service_id, "channel") as core,
        connection(BankDesk, place, service_id, "operator") as desk,
    ):
        yield Bank(stage, place, profile, service_id, page, core, desk)
