# SPDX-License-Identifier: Apache-2.0
"""熊本県信用組合: a customer signs transfers, and what somebody changes is not carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import uuid4

from development import openssl_ocra, pages
from development.environment import Environment
from development.phone import Screen, sign_at_a_terminal
from development.signing import (
    ANOTHER_BANK,
    ONE_YEN_MORE,
    OTHER_WAGES,
    RENT,
    THE_THIEFS,
    WAGES,
    Bank,
    Customer,
    bank_of,
    typed_of,
)
from development.stage import Stage
from kagimori_client import (
    ChallengeOver,
    InvalidRequest,
    NotOffered,
    Operation,
    OtpRejected,
    OtpReplayed,
    Receipt,
    Requirement,
    SigningProfile,
    TokenLocked,
    Transaction,
    TransactionChallenge,
    TransactionChanged,
    Transfer,
)
from kagimori_client.token import AnotherBanksTransaction, AuthorityProfile

SUBSCRIBER: Final = "556677"
NEIGHBOUR: Final = "445566"
FROM_AMOUNT: Final = 100_000
"""Yen: from here on this bank wants a signature."""
HIDDEN: Final = "●●●● ●●●●"


@dataclass(frozen=True, slots=True)
class Journey:
    """A customer of the bank's, and another one; ``elsewhere`` is a bank without 取引確認."""

    bank: Bank
    elsewhere: Bank
    subscriber: str = SUBSCRIBER
    neighbour: str = NEIGHBOUR

    @property
    def stage(self) -> Stage:
        """Return where it is shown."""
        return self.bank.stage

    def walk(self) -> None:
        """Pay as the bank's page says, and try whatever a thief would."""
        customer = self.begin()
        self.ask_what_is_needed(customer)
        self.pay(customer)
        self.change_something(customer, "amount, by one yen", ONE_YEN_MORE)
        self.change_something(customer, "payee", THE_THIEFS)
        self.pay_twice(customer)
        self.come_too_late(customer)
        self.type_it(customer)
        self.pay_wages(customer)
        self.mix_up_codes(customer)
        self.meet_a_neighbour(customer)
        self.guess(customer)
        self.go_elsewhere(customer)

    def begin(self) -> Customer:
        """トークン発行 to 利用開始, in short."""
        customer = self.bank.customer(self.subscriber)
        told = self.bank.page.status(self.subscriber)
        app = customer.phone.app
        signs = app is not None and app.transaction_signing
        what = "the app is set up and in use; it can sign"
        self.stage.check(what, holds=signs, shown=told.status.in_japanese())
        return customer

    def ask_what_is_needed(self, customer: Customer) -> None:
        """振込: a code, or a signature."""
        self.stage.say("\n◆振込: what is asked for")
        for amount, wanted in (
            (FROM_AMOUNT - 1, Requirement.OTP),
            (FROM_AMOUNT, Requirement.SIGNATURE),
            (None, Requirement.SIGNATURE),
        ):
            told = self.bank.core.requirement(
                customer.subscriber, Operation.TRANSFER, amount=amount
            )
            what = "an amount that is not told" if amount is None else f"{amount:,} yen"
            holds = told.needs is wanted and told.can_sign
            self.stage.check(what, holds=holds, shown=told.needs.name)

    def pay(self, customer: Customer) -> None:
        """取引確認, from the QR code to the receipt."""
        stage = self.stage
        stage.say("\n◆取引確認: the bank's page draws a QR code of this text")
        challenge = customer.ask(RENT)
        text = challenge.text or ""
        stage.say(f"{text}\n\nThe app, when it has scanned it:\n\n")
        screen = sign_at_a_terminal(customer.phone, text)
        self.shows(screen, RENT.payee_name, RENT.account_number, "150,000 円")
        openssl = customer.phone.openssl_signs(text)
        stage.check("openssl signs alike (RFC 6287)", holds=screen.code == openssl)
        signed = customer.offering(screen.code, challenge, RENT)
        self.accepted("the bank carries out what was shown", signed, challenge)
        digest = openssl_ocra.sha256sum(text)
        stage.check("   which is what sha256sum says", holds=digest == challenge.transaction_digest)

    def change_something(self, customer: Customer, what: str, changed: Transfer) -> None:
        """Let the bank carry out something else, then let the app show something else."""
        stage = self.stage
        stage.say(f"\n◆Somebody changes the {what}")
        challenge, code = customer.trap(RENT, changed)
        honest = customer.sign(challenge)
        behind = customer.offering(honest, challenge, changed)
        stage.refused("behind the customer's back: at the bank", TransactionChanged, behind)
        before = customer.offering(code, challenge, RENT)
        stage.refused("before his eyes: he signs what he is shown", OtpRejected, before)
        both = customer.offering(code, challenge, changed)
        stage.refused("on both sides: it is not what was asked", TransactionChanged, both)
        right = customer.offering(honest, challenge, RENT)
        self.accepted("the challenge is open still for what it is about", right, challenge)

    def pay_twice(self, customer: Customer) -> None:
        """Offer one signature twice, and make the same transfer once more."""
        stage = self.stage
        stage.say("\n◆The same transfer twice")
        first = customer.ask(RENT)
        code = customer.sign(first)
        again = customer.offering(code, first, RENT)
        self.accepted("once", again, first)
        stage.refused("the same challenge again", ChallengeOver, again)
        second = customer.ask_apart({code}, RENT)
        other = customer.offering(code, second, RENT)
        stage.refused("the first one's code for a second challenge", OtpRejected, other)
        own = customer.offering(customer.sign(second), second, RENT)
        self.accepted("the second one's own", own, second)

    def come_too_late(self, customer: Customer) -> None:
        """Let the minutes go by."""
        self.stage.say("\n◆Too late")
        challenge = customer.ask(RENT)
        until = pages.until(challenge.expires_at)
        late = customer.offering(customer.sign(challenge), challenge, RENT)
        customer.expire(challenge)
        self.stage.refused(f"a challenge that was good {until}", ChallengeOver, late)

    def type_it(self, customer: Customer) -> None:
        """取引確認 without a camera."""
        stage = self.stage
        stage.say("\n◆Without a camera: account number and amount are typed")
        challenge = customer.ask(RENT, profile=SigningProfile.TYPED)
        for code in customer.mistyped(challenge):
            wrong = customer.offering(code, challenge, RENT)
            stage.refused("one digit is mistyped", OtpRejected, wrong)
        since, typed = time.time(), typed_of(challenge)
        stage.say("The page tells what to type: {} and {}. The app then:\n\n".format(*typed))
        screen = sign_at_a_terminal(customer.phone, "\n".join((*typed, "")), "--typed")
        self.shows(screen, RENT.account_number, "150,000 円")
        holds = customer.is_typed_rightly(screen.code, challenge, since)
        stage.check("openssl signs alike, with this time step", holds=holds)
        signed = customer.offering(screen.code, challenge, RENT)
        self.accepted("it is right", signed, challenge)
        second = customer.ask(RENT, profile=SigningProfile.TYPED)
        spent = customer.offering(screen.code, second, RENT)
        stage.refused("the same transfer again, by the same code", OtpReplayed, spent)
        next_one = customer.phone.sign_typed(*typed_of(second), openssl_ocra.PERIOD)
        self.accepted(
            "   by the next half minute's", customer.offering(next_one, second, RENT), second
        )

    def pay_wages(self, customer: Customer) -> None:
        """総合振込: several payees, one signature."""
        stage = self.stage
        stage.say("\n◆Three payees, one signature")
        typed = customer.asking(*WAGES, profile=SigningProfile.TYPED)
        stage.refused("nobody types three of them", InvalidRequest, typed)
        challenge = customer.ask(*WAGES)
        screen = sign_at_a_terminal(customer.phone, challenge.text or "")
        self.shows(screen, *(each.payee_name for each in WAGES), "3 件", "651,710 円")
        for what, carried_out in OTHER_WAGES.items():
            deed = customer.offering(screen.code, challenge, *carried_out)
            stage.refused(what, TransactionChanged, deed)
        whole = customer.offering(screen.code, challenge, *WAGES)
        self.accepted("all three, as they were shown", whole, challenge)

    def mix_up_codes(self, customer: Customer) -> None:
        """Offer each kind of code where the other one is wanted."""
        stage = self.stage
        stage.say("\n◆A code of a login is no signature, and a signature lets nobody in")
        logins = customer.logins()
        challenge = customer.ask_apart(logins, RENT)
        signature, login = customer.sign(challenge), customer.phone.code(1)
        phished = customer.offering(login, challenge, RENT)
        stage.refused("the code of a login for a transfer", OtpRejected, phished)
        stage.refused("a signature for a login", OtpRejected, customer.logging_in(signature))
        right = customer.offering(signature, challenge, RENT)
        self.accepted("   and for its transfer", right, challenge)

    def meet_a_neighbour(self, customer: Customer) -> None:
        """Offer a challenge of one customer for another, who has a token as well."""
        stage = self.stage
        stage.say("\n◆Another customer of the same bank")
        neighbour = self.bank.customer(self.neighbour)
        challenge = customer.ask(RENT)
        for whose, code in (
            ("his own", neighbour.sign(challenge)),
            ("its", customer.sign(challenge)),
        ):
            deed = neighbour.offering(code, challenge, RENT)
            stage.refused(f"the challenge is not his, by {whose} code", ChallengeOver, deed)
        right = customer.offering(customer.sign(challenge), challenge, RENT)
        self.accepted("whose it is can still answer it", right, challenge)

    def guess(self, customer: Customer) -> None:
        """Guess until the lock, which is the token's; the bank's staff help."""
        stage = self.stage
        stage.say("\n◆Guessing a signature locks the token, for logins too")
        challenge = customer.ask(RENT)
        right = customer.offering(customer.sign(challenge), challenge, RENT)
        *guesses, last = customer.wrong_codes(challenge, 5)
        for guess in guesses:
            stage.refused("a wrong code", OtpRejected, customer.offering(guess, challenge, RENT))
        stage.refused("the fifth", TokenLocked, customer.offering(last, challenge, RENT))
        stage.refused("the right one now", TokenLocked, right)
        login = customer.logging_in(customer.phone.code(1))
        stage.refused("the right code of a login", TokenLocked, login)
        self.bank.desk.unlock(customer.subscriber)
        self.accepted("unlocked by the bank's staff: the transfer", right, challenge)
        stage.accepted("   and the login", login)

    def go_elsewhere(self, customer: Customer) -> None:
        """Ask a bank that keeps it off, and let this bank's app scan another bank's code."""
        stage, elsewhere = self.stage, self.elsewhere
        stage.say("\n◆けんしん (Kenshin): 取引確認 is off there")
        asking = partial(
            elsewhere.core.create_transaction_challenge,
            Transaction((RENT,)),
            subscriber_ref=customer.subscriber,
        )
        stage.refused("a challenge", NotOffered, asking)
        text = Transaction((RENT,)).encoded(elsewhere.service_id, str(uuid4()))
        scanned = partial(customer.phone.sign, text)
        stage.refused("its name in a QR code, in this bank's app", AnotherBanksTransaction, scanned)

    def accepted(
        self, what: str, deed: Callable[[], Receipt], challenge: TransactionChallenge
    ) -> None:
        """Check that a signature is accepted, and that its receipt names what was signed."""
        receipt = self.stage.accepted(what, deed)
        digest = None if receipt is None else receipt.transaction_digest
        holds = digest == challenge.transaction_digest
        self.stage.check("   the receipt names it", holds=holds, shown=f"{digest}"[:16] + "…")

    def shows(self, screen: Screen, *words: str) -> None:
        """Print what the app shows, but for the code, and check that ``words`` are in it."""
        self.stage.say(f"{screen.shown}\n取引確認番号  {HIDDEN}")
        missing = [word for word in words if word not in screen.shown]
        self.stage.check("the app shows payee and amount", holds=not missing)


def walk(stage: Stage, place: Environment, profile: AuthorityProfile) -> None:
    """Walk it; the server and the apps' door run already."""
    with (
        bank_of(stage, place, profile) as bank,
        bank_of(stage, place, profile, ANOTHER_BANK) as elsewhere,
    ):
        Journey(bank, elsewhere).walk()
