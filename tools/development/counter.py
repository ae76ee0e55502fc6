# SPDX-License-Identifier: Apache-2.0
"""The demo's hardware tokens in daily life: the counter, 同期ズレ補正, and the operator's lists."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from development.bank import Bank, bank_of, connection
from development.deliveries import (
    ABUKUMA,
    BROKEN,
    EXPIRING,
    FAST_CLOCK,
    HANDED_OUT,
    IN_HAND,
    OLD_BATTERY,
    POCKET,
)
from development.environment import Environment, kagimori
from development.stage import Stage
from development.steps import wait_within_step
from kagimori_client import (
    HardwareToken,
    HardwareTokenDesk,
    NotInStock,
    OtpRejected,
    OtpReplayed,
    TokenCondition,
    TokenNotActive,
    TokenRegistrar,
    TokenState,
    UnknownToken,
)

LOCKED = "KGTD00000107"
FIRST, SECOND = "taro", "hanako"
PRESSED = 30


@dataclass(frozen=True, slots=True)
class Counter:
    """The bank's counter: its staff, its customers' own page, and its core system."""

    stage: Stage
    place: Environment
    bank: Bank
    desk: HardwareTokenDesk
    page: TokenRegistrar

    def press_it_in_the_pocket(self) -> None:
        """Press an event-based token unseen; find it again by two codes; log in."""
        stage, bank = self.stage, self.bank
        stage.scene("6. An event-based token, pressed in the pocket: 同期ズレ補正")
        show, ask = partial(bank.show, POCKET), partial(bank.asking, POCKET)
        stage.accepted("the first code", ask(show()))
        lost = f"pressed {PRESSED} times unseen: beyond the look-ahead"
        stage.refused(lost, OtpRejected, ask(show(PRESSED)))
        first, second = show(PRESSED), show(PRESSED + 1)
        pair = partial(bank.channel.resynchronize, first, second, serial=POCKET)
        found = pair()
        what = "同期ズレ補正 (resynchronisation) by two codes in a row"
        stage.check(what, holds=True, shown=f"attempts left: {found.attempts_left}")
        stage.check("   it lets nobody in: it is no yes", holds=is_no_yes(found))
        stage.refused("   the second of them cannot log in", OtpReplayed, ask(second))
        stage.accepted("ログイン (login) by the next one", ask(show(PRESSED + 2)))
        stage.refused("the pair again, of which all is spent", OtpRejected, pair)
        spent = partial(
            bank.channel.resynchronize, show(PRESSED + 2), show(PRESSED + 3), serial=POCKET
        )
        stage.refused("a code that has logged in, and the next one", OtpRejected, spent)

    def hand_out_and_take_back(self) -> None:
        """Give a token to one customer, take it back, and give it to the next."""
        stage, show = self.stage, partial(self.bank.show, HANDED_OUT)
        ask = partial(self.bank.asking, HANDED_OUT)
        stage.scene("7. Over the counter: a token goes from one customer to the next")
        wait_within_step(60)
        before, now, after = show(-1), show(), show(1)
        self.shows("in the drawer", self.desk.status(HANDED_OUT), TokenState.IN_STOCK)
        self.shows("交付 (assign)", self.desk.assign(FIRST, HANDED_OUT), TokenState.ASSIGNED)
        stage.refused("   no login before 利用開始", TokenNotActive, ask(before))
        activate = partial(self.page.activate, FIRST, before)
        stage.accepted("利用開始 (activation) on the customer's page", activate)
        self.shows("   it is in use", self.desk.status(HANDED_OUT), TokenState.ACTIVE)
        stage.accepted("ログイン (login)", ask(now))
        back = self.desk.take_back(HANDED_OUT, TokenCondition.WORKING)
        self.shows("返却 (it comes back)", back, TokenState.RETURNED)
        stage.refused("   its codes are nobody's", UnknownToken, ask(after))
        again = self.desk.assign(SECOND, HANDED_OUT)
        self.shows("交付 to another customer", again, TokenState.ASSIGNED)
        shown = partial(self.page.activate, SECOND, now)
        stage.refused("   a code that the first one used", OtpReplayed, shown)
        stage.accepted("   利用開始 by a new one", partial(self.page.activate, SECOND, after))
        broken = self.desk.take_back(POCKET, TokenCondition.DEFECTIVE)
        self.shows("故障 (another one, which is broken)", broken, TokenState.DEFECTIVE)
        stage.refused(
            "   cannot be given out", NotInStock, partial(self.desk.assign, "jiro", POCKET)
        )

    def look_at_the_stock(self) -> None:
        """See the tokens as an operator does, beside the serving process."""
        stage = self.stage
        stage.scene("8. The operator's view: kagimori tokens, beside the serving process")
        listed = self.tokens("list", "--serial", "KGTD000002")
        stage.check("list: by how serial numbers begin", holds=counts(listed, 10))
        shown = self.tokens("show", HANDED_OUT)
        stage.check("show: no customer's number", holds=SECOND not in shown.stdout)
        due = self.tokens("due", "--within", "90d")
        planned = all(serial in due.stdout for serial in (EXPIRING, OLD_BATTERY))
        stage.check("due: what is to be exchanged", holds=planned)
        drifting = self.tokens("drifting")
        stage.check("drifting: a clock near the edge", holds=FAST_CLOCK in drifting.stdout)
        fast = self.bank.asking(FAST_CLOCK, self.bank.show(FAST_CLOCK))
        stage.accepted("   its codes are right all the same", fast)
        self.tokens("unlock", LOCKED)
        right = self.bank.asking(LOCKED, self.bank.show(LOCKED, 1))
        stage.accepted("unlock: the right code is accepted again", right)
        gone = self.tokens("defective", BROKEN, "--yes")
        stage.check("defective: its seed is destroyed", holds=gone.returncode == 0)
        left = self.tokens("list", "--state", "DEFECTIVE")
        stage.check("list --state DEFECTIVE", holds=counts(left, 2))

    def tokens(self, word: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``kagimori tokens`` for abukuma, and print what it prints."""
        self.stage.say(f"\n$ kagimori tokens {' '.join((word, *words))}")
        options = ("--config", self.place.config, "--tenant", "abukuma")
        done = kagimori("tokens", word, *words, *options)
        self.stage.say(done.stdout + done.stderr)
        return done

    def shows(self, what: str, token: HardwareToken, state: TokenState) -> None:
        """Check what the bank's staff read of a token."""
        word = f"{token.serial} {token.state.in_japanese()}"
        self.stage.check(what, holds=token.state is state, shown=word)


def live_with_tokens(stage: Stage, place: Environment) -> None:
    """Play the three scenes; the server runs already."""
    with ExitStack() as opened:
        bank = opened.enter_context(bank_of(stage, place, ABUKUMA, IN_HAND))
        desk = opened.enter_context(connection(HardwareTokenDesk, place, ABUKUMA, "operator"))
        page = opened.enter_context(connection(TokenRegistrar, place, ABUKUMA, "registrar"))
        counter = Counter(stage, place, bank, desk, page)
        scenes: tuple[Callable[[], None], ...] = (
            counter.press_it_in_the_pocket,
            counter.hand_out_and_take_back,
            counter.look_at_the_stock,
        )
        for scene in scenes:
            scene()


def is_no_yes(found: object) -> bool:
    """Return whether somebody who takes ``found`` for a yes is stopped."""
    try:
        bool(found)
    except TypeError:
        return True
    return False


def counts(done: subprocess.CompletedProcess[str], wanted: int) -> bool:
    """Return whether a list ends with so many tokens."""
    return done.returncode == 0 and done.stdout.splitlines()[-1] == f"tokens: {wanted}"
