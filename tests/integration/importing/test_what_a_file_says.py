# SPDX-License-Identifier: Apache-2.0
"""What a file says of a token besides its seed is honoured: its counter, and its validity."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from development import oathtool
from development.vendor import make_device
from kagimori_client import BankChannel, OtpRefused, TokenNotActive
from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, NOTHING, Desk, into_use, key_of
from support.vendors.rewrapping import delivered

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

VENDOR = "kagi-keywrap"
PRESSED = make_device("KAGI00000001", period=0, counter=41)
CLOCK = make_device("KAGI00000002")
NOW = datetime.now(UTC).replace(microsecond=0)
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(days=9)


def imported(desk: Desk, *keys: dict[str, object]) -> tuple[int, str]:
    """Import what python-pskc wrote of ``keys``, each for a customer."""
    path = desk.place.directory / "vendor.xml"
    key = desk.place.transport_key(VENDOR)
    file = delivered(path, "kw-aes256", key, keys=keys)
    devices = [device for device in (PRESSED, CLOCK) if device.serial in path.read_text()]
    return desk.run(file, *into_use(devices), vendor=VENDOR)


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def test_what_comes_before_a_token_s_counter_is_spent(desk: Desk, bank: BankChannel) -> None:
    code, said = imported(desk, key_of(PRESSED))
    assert (code, desk.column("last_step")) == (ALL, [40]), said
    holder = f"customer-{PRESSED.serial}"
    for spent in (39, 40):
        with pytest.raises(OtpRefused):
            bank.verify(oathtool.event_code(PRESSED, spent), subscriber_ref=holder)
    assert bank.verify(oathtool.event_code(PRESSED, 41), subscriber_ref=holder).number


def test_a_token_whose_time_has_not_begun_is_not_in_use_yet(desk: Desk, bank: BankChannel) -> None:
    policy = {"policy.start_date": SOON, "policy.expiry_date": LATER}
    code, said = imported(desk, key_of(CLOCK, **policy), key_of(PRESSED))
    assert code == ALL, said
    # In the order of their serials.
    assert desk.column("not_before") == [None, microseconds(SOON)]
    assert desk.column("not_after") == [None, microseconds(LATER)]
    with pytest.raises(TokenNotActive):
        bank.verify(oathtool.time_code(CLOCK, time.time()), subscriber_ref=holder_of_the_clock())
    first = oathtool.event_code(PRESSED, 41)
    assert bank.verify(first, subscriber_ref=f"customer-{PRESSED.serial}").number


def test_a_token_whose_time_ends_soon_is_good_until_then(desk: Desk, bank: BankChannel) -> None:
    policy = {"policy.start_date": NOW - timedelta(days=1), "policy.expiry_date": SOON}
    code, said = imported(desk, key_of(CLOCK, **policy))
    assert (code, desk.column("not_after")) == (ALL, [microseconds(SOON)]), said

    def shown(steps: int) -> str:
        return oathtool.time_code(CLOCK, time.time(), steps)

    assert bank.verify(shown(0), subscriber_ref=holder_of_the_clock()).number
    with closing(sqlite3.connect(desk.place.database, timeout=30)) as database, database:
        database.execute("UPDATE tokens SET not_after = ?", (microseconds(NOW),))
    with pytest.raises(TokenNotActive):
        bank.verify(shown(1), subscriber_ref=holder_of_the_clock())


def test_a_token_whose_time_is_over_does_not_come_in(desk: Desk) -> None:
    over = {"policy.expiry_date": NOW - timedelta(seconds=1)}
    code, said = imported(desk, key_of(CLOCK, **over))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "EXPIRED" in said


def holder_of_the_clock() -> str:
    return f"customer-{CLOCK.serial}"
