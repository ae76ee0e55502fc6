# SPDX-License-Identifier: Apache-2.0
"""交換 by serial number: one token for another, or nothing, over the wire with oathtool."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kagimori_client import (
    BankChannel,
    EnrollmentStatus,
    NoToken,
    OtpRejected,
    ReplacementExpired,
    ReplacementNotBegun,
    SameToken,
    TokenRegistrar,
    UnknownToken,
)
from support.custody.hsm import MODULE
from support.served.serial_bank import SerialBank
from support.served.serial_names import HANAKO, PERIODS, SECOND, SERIAL, TARO

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


@pytest.mark.parametrize("period", PERIODS)
def test_an_exchange_puts_the_new_token_in_the_olds_place(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel, period: int
) -> None:
    old, new = bank.deliver(SERIAL, period=period), bank.deliver(SECOND, period=period)
    page.register_token(HANAKO, SERIAL, bank.shown(old, -1 if period else 0), login_otp=False)
    begun = datetime.now(tz=UTC)
    assert page.begin_replacement(HANAKO, bank.shown(old, 0 if period else 1)) > begun
    # Until it is completed the old one is in use.
    core.verify(bank.shown(old, 1 if period else 2), subscriber_ref=HANAKO)
    receipt = page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0))
    assert (receipt.serial_after, receipt.serial_before) == (SECOND, SERIAL)
    assert receipt.in_japanese().endswith(f"変更後 {SECOND} 変更前 {SERIAL}")
    assert int(receipt.number) > 0
    enrolled = page.status(HANAKO)
    assert (enrolled.status, enrolled.serial) == (EnrollmentStatus.ACTIVE, SECOND)
    assert enrolled.login_otp is False
    assert core.verify(bank.shown(new, 1), subscriber_ref=HANAKO).number
    with pytest.raises(UnknownToken):
        core.verify(bank.shown(old, 3), serial=SERIAL)
    row = bank.row(SERIAL)
    assert (row["state"], row["subscriber"]) == ("RETURNED", None)


def test_a_code_of_the_old_token_in_the_new_ones_place_changes_nothing(
    bank: SerialBank, page: TokenRegistrar, core: BankChannel
) -> None:
    old, new = bank.registered(page), bank.deliver(SECOND)
    page.begin_replacement(HANAKO, bank.shown(old, 1))
    before = bank.kept()
    with pytest.raises(OtpRejected):
        page.complete_replacement(HANAKO, SECOND, bank.shown(old, 2))
    assert bank.kept() == before
    core.verify(bank.shown(old, 2), subscriber_ref=HANAKO)
    # The exchange is still open.
    assert page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0)).serial_after == SECOND


def test_an_exchange_is_for_another_token(bank: SerialBank, page: TokenRegistrar) -> None:
    old = bank.registered(page)
    page.begin_replacement(HANAKO, bank.shown(old, 1))
    before = bank.kept()
    with pytest.raises(SameToken):
        page.complete_replacement(HANAKO, SERIAL, bank.shown(old, 2))
    assert bank.kept() == before


def test_an_exchange_begins_with_a_code_of_the_old_token(
    bank: SerialBank, page: TokenRegistrar
) -> None:
    old, new = bank.registered(page), bank.deliver(SECOND)
    with pytest.raises(OtpRejected):
        page.begin_replacement(HANAKO, bank.shown(old, 30))
    before = bank.kept()
    with pytest.raises(ReplacementNotBegun):
        page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0))
    with pytest.raises(NoToken):
        page.begin_replacement(TARO, bank.shown(new, 0))
    assert bank.kept() == before


def test_an_exchange_has_its_time(bank: SerialBank, page: TokenRegistrar) -> None:
    old, new = bank.registered(page), bank.deliver(SECOND)
    page.begin_replacement(HANAKO, bank.shown(old, 1))
    # Ten minutes have passed since.
    bank.database.run("UPDATE replacements SET complete_by = begun_at")
    before = bank.kept()
    with pytest.raises(ReplacementExpired):
        page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0))
    assert bank.kept() == before
    page.begin_replacement(HANAKO, bank.shown(old, 2))
    assert page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0)).serial_before == SERIAL


def test_an_exchange_is_done_once(bank: SerialBank, page: TokenRegistrar) -> None:
    old, new = bank.registered(page), bank.deliver(SECOND)
    page.begin_replacement(HANAKO, bank.shown(old, 1))
    page.complete_replacement(HANAKO, SECOND, bank.shown(new, 0))
    third = bank.deliver("2V0716016FK4")
    before = bank.kept()
    with pytest.raises(ReplacementNotBegun):
        page.complete_replacement(HANAKO, "2V0716016FK4", bank.shown(third, 0))
    assert bank.kept() == before
