# SPDX-License-Identifier: Apache-2.0
"""あぶくま信用金庫: two customers with a card each, and hardware tokens of both kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from development import pages
from development.environment import Environment, kagimori
from development.family_b import ABUKUMA, KAKESHIN, Branch, Customer, branch_of
from development.in_hand import HardwareInHand, Token
from development.print_shop import Card, PrintShop
from development.stage import Stage
from development.vendor import write_pskc
from kagimori_client import (
    GridAnswer,
    GridAnswerRejected,
    GridCardLocked,
    GridChallenge,
    Operation,
    OtpReplayed,
    Requirement,
    TokenState,
    UnknownToken,
)
from kagimori_client.token import AuthorityProfile

SUBSCRIBERS = ("0071001", "0071002")
UNKNOWN = "SKTS99999999"
_ON_THE_TOKEN = """
ハードウェアトークンの場合
・シリアル番号は裏面を参照
・ワンタイムパスワードはボタンを押して表示"""
VENDOR, ALGORITHM = "kagi-keywrap", "kw-aes256"
TENANT = "abukuma"


@dataclass(frozen=True, slots=True)
class Journey:
    """Two customers of あぶくま信用金庫, with all who take part.

    ``serials`` are those of the tokens in the vendor's file: the first one goes by the
    time, the second one by its button.
    """

    branch: Branch
    hanako: Customer
    taro: Customer
    shop: PrintShop
    serials: tuple[str, str]

    @property
    def stage(self) -> Stage:
        """Return where it is shown."""
        return self.branch.stage

    def walk(self) -> None:
        """Go through the bank's guide, and through what can go wrong beside it."""
        by_time, by_event = self.take_delivery()
        cards = self.print_cards()
        self.read_of_the_cut_over()
        self.begin_to_use(cards[self.hanako.subscriber], by_time)
        self.name_what_is_nobodys(cards[self.taro.subscriber], by_time)
        self.misread_the_card(cards[self.taro.subscriber], by_event)
        self.exchange_and_back(self.hanako, by_time)
        self.exchange_and_back(self.taro, by_event)

    def take_delivery(self) -> tuple[HardwareInHand, HardwareInHand]:
        """当金庫から配布されたハードウェアトークン: their seeds come in the vendor's file."""
        place, drawer = self.branch.place, self.branch.drawer
        by_time = drawer.device(self.serials[0])
        by_event = drawer.device(self.serials[1], period=0)
        file = place.directory / "vendors" / f"{self.serials[0]}.pskcxml"
        write_pskc(file, (by_time, by_event), place.transport_key(VENDOR), ALGORITHM)
        done = kagimori(
            *("import-tokens", file, "--config", place.config),
            *("--tenant", TENANT, "--vendor", VENDOR),
        )
        self.stage.say(done.stdout + done.stderr)
        self.stage.check("two hardware tokens: by time, and by event", holds=not done.returncode)
        return HardwareInHand(by_time), HardwareInHand(by_event)

    def print_cards(self) -> dict[str, Card]:
        """お客様カード: printed by a shop that alone can read the file."""
        place = self.branch.place
        customers = [self.hanako.subscriber, self.taro.subscriber]
        file = self.shop.directory / f"cards-{customers[0]}.cms"
        done = self.shop.order(place, TENANT, customers, file)
        self.stage.say(f"\n$ kagimori print-cards --tenant {TENANT}\n{done.stdout}{done.stderr}")
        self.stage.check("お客様カード: cards are printed", holds=not done.returncode)
        cards = self.shop.print(file)
        whole = list(cards) == customers
        numbers = ", ".join(card.number for card in cards.values())
        self.stage.check("   the print shop opens the file by openssl", holds=whole, shown=numbers)
        return cards

    def read_of_the_cut_over(self) -> None:
        """現在ご利用の暗証用/資金移動用パスワードは…に廃止."""
        stage, customer = self.stage, self.hanako
        stage.say(
            "\n【インターネットバンキングによる振込等のお取引には、ワンタイムパスワードが必要となります。】"
        )
        customer.has_none()
        told = self.branch.core.requirement(customer.subscriber, Operation.TRANSFER)
        stage.say(pages.cut_over(told.cut_over))
        stage.check(
            "a customer without a token reads of that day",
            holds=told.cut_over is not None and told.needs in _before_or_after(told.cut_over),
            shown=told.needs.name,
        )

    def begin_to_use(self, card: Card, token: HardwareInHand) -> None:
        """利用開始, with two figures from the card."""
        stage, customer = self.stage, self.hanako
        stage.say(_ON_THE_TOKEN)
        stage.say(pages.registration(token.serial, login_otp=True))
        challenge = self.ask(customer)
        wrong = customer.registering(token.serial, token.upcoming(), answer=card.misread(challenge))
        stage.refused("one of the two is wrong", GridAnswerRejected, wrong)
        again = self.ask(customer)
        same = again.columns == challenge.columns
        stage.check("the same two are asked for again", holds=same, shown=_named(again))
        code = customer.register(token, login_otp=True, answer=card.read(again))
        after = self.branch.page.create_grid_challenge(customer.subscriber)
        other = after.columns != challenge.columns
        stage.check("after a right answer: others", holds=other, shown=_named(after))
        stage.refused("the code cannot log in", OtpReplayed, customer.offering(code))
        customer.use(Operation.LOGIN, token)
        customer.use(Operation.TRANSFER, token)

    def name_what_is_nobodys(self, card: Card, bound: HardwareInHand) -> None:
        """Name serial numbers that another customer cannot have: one answer to all."""
        stage, customer = self.stage, self.taro
        stage.say("\nシリアル番号: another customer types some that are not his")
        foreign = self.branch.phone(f"{customer.subscriber} foreign", KAKESHIN)
        tried = {
            "one that nobody has": (UNKNOWN, bound.upcoming()),
            "another bank's, and its right code": (foreign.serial, foreign.show()),
            "another customer's, and its right code": (bound.serial, bound.upcoming()),
        }
        answers = [
            stage.refused(what, UnknownToken, self.answered(customer, card, serial, code))
            for what, (serial, code) in tried.items()
        ]
        told = {(type(answer), answer.args if answer else ()) for answer in answers}
        stage.check("   ... all three are one and the same answer", holds=len(told) == 1)
        self.hanako.is_in_use(bound, login_otp=True)

    def misread_the_card(self, card: Card, token: HardwareInHand) -> None:
        """Guess until the card is locked; the bank's staff help."""
        stage, customer = self.stage, self.taro
        stage.say("\nお客様カード: somebody guesses")
        for left in (4, 3, 2, 1):
            error = stage.refused(
                "   wrong", GridAnswerRejected, self.judged(customer, card.misread)
            )
            if getattr(error, "attempts_left", None) != left:
                stage.check(f"   ... with {left} attempts left", holds=False)
        stage.refused("   the fifth", GridCardLocked, self.judged(customer, card.misread))
        stage.refused("   the right ones now", GridCardLocked, self.judged(customer, card.read))
        unlock = partial(self.branch.desk.unlock_grid_card, customer.subscriber)
        stage.done("the bank's staff unlock the card", unlock, lambda _: "")
        stage.say(pages.registration(token.serial, login_otp=True))
        customer.register(token, login_otp=True, answer=card.read(self.ask(customer)))
        customer.use(Operation.LOGIN, token)

    def exchange_and_back(self, customer: Customer, token: HardwareInHand) -> None:
        """交換: from a hardware token to the app, and to the same hardware token again."""
        stage = self.stage
        kind = "goes by the time" if token.device.period else "goes by its button"
        stage.say(f"\n交換: {token.serial}, which {kind}, for the app")
        app = self.branch.phone(f"{customer.subscriber} phone")
        stage.say(app.screen())
        spent = customer.prove(token)
        customer.name(app, instead_of=token)
        self.is_back(token)
        stage.refused("   its codes are nobody's", UnknownToken, self.branch.by_serial(token))
        customer.use(Operation.BILL_PAYMENT, app)
        stage.say(f"\n交換: and back to {token.serial}")
        customer.prove(app)
        stage.refused(
            "a code that it was used with", OtpReplayed, customer.completing(token.serial, spent)
        )
        customer.name(token, instead_of=app)
        stage.refused("   the app's codes are nobody's", UnknownToken, self.branch.by_serial(app))
        customer.use(Operation.TRANSFER, token)

    def is_back(self, token: Token) -> None:
        """See a hardware token in stock again."""
        told = self.branch.counter.status(token.serial)
        shown = f"{told.serial} {told.state.in_japanese()}"
        self.stage.check(
            "   the bank has it back", holds=told.state is TokenState.RETURNED, shown=shown
        )

    def ask(self, customer: Customer) -> GridChallenge:
        """Show the page 確認用パスワード入力."""
        challenge = self.branch.page.create_grid_challenge(customer.subscriber)
        self.stage.say(pages.card(challenge))
        return challenge

    def answered(
        self, customer: Customer, card: Card, serial: str, code: str
    ) -> Callable[[], object]:
        """Return the deed of 利用開始 with the right figures from the card."""
        challenge = self.branch.page.create_grid_challenge(customer.subscriber)
        return customer.registering(serial, code, answer=card.read(challenge))

    def judged(
        self, customer: Customer, read: Callable[[GridChallenge], GridAnswer]
    ) -> Callable[[], object]:
        """Return the deed of answering the next challenge, and nothing else."""
        page = self.branch.page
        challenge = page.create_grid_challenge(customer.subscriber)
        return partial(page.verify_grid_answer, customer.subscriber, read(challenge))


def _before_or_after(cut_over: date) -> set[Requirement]:
    """Return what a transfer may need without a token, the day of which can begin meanwhile."""
    today = datetime.now(UTC).astimezone(pages.JAPAN).date()
    about_now = (today, today + timedelta(days=1))
    return {Requirement.NONE if day < cut_over else Requirement.REGISTRATION for day in about_now}


def _named(challenge: GridChallenge) -> str:
    first, second = challenge.columns
    return f"(1)({first}) (2)({second})"


def walk(stage: Stage, place: Environment, profile: AuthorityProfile) -> None:
    """Walk the guide; the server and the apps' door run already."""
    shop = PrintShop.open(place.directory / "print-shop")
    with branch_of(stage, place, profile, ABUKUMA) as branch:
        hanako, taro = map(branch.customer, SUBSCRIBERS)
        Journey(branch, hanako, taro, shop, ("SKTS00000001", "SKTS00000002")).walk()
