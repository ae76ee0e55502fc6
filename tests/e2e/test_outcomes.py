# SPDX-License-Identifier: Apache-2.0
"""Every outcome as a bank sees it, against the real server, HSM and database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from conftest import ABUKUMA, KENSHIN, Enrol, channel_of
from development import oathtool
from development.environment import Environment
from development.server import ServerProcess
from development.steps import wait_within_step
from development.vendor import Device, make_device
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    KagimoriError,
    OtpRejected,
    OtpReplayed,
    RequestIdReused,
    TokenLocked,
    TokenNotActive,
    UnknownToken,
)

DEVICE = make_device("SERIAL1")


def shown(device: Device, steps: int = 0) -> str:
    return oathtool.time_code(device, time.time(), steps)


def wrong(device: Device) -> str:
    near = {shown(device, steps) for steps in range(-4, 5)}
    return next(code for code in (f"{n:06d}" for n in range(100)) if code not in near)


def test_a_subscriber_is_as_good_a_name_as_a_serial(enrol: Enrol, bank: BankChannel) -> None:
    enrol(DEVICE)
    code = shown(DEVICE)
    bank.verify(code, subscriber_ref="customer-1")
    with pytest.raises(OtpReplayed):
        bank.verify(code, serial="SERIAL1")


def test_a_retry_gets_the_first_answer_and_another_code_none(
    enrol: Enrol, bank: BankChannel
) -> None:
    enrol(DEVICE)
    request_id, code = uuid4(), shown(DEVICE)
    first = bank.verify(code, serial="SERIAL1", request_id=request_id)
    assert bank.verify(code, serial="SERIAL1", request_id=request_id) == first
    with pytest.raises(RequestIdReused):
        bank.verify(wrong(DEVICE), serial="SERIAL1", request_id=request_id)


def test_the_limit_locks_and_the_right_code_is_refused_too(enrol: Enrol, bank: BankChannel) -> None:
    enrol(DEVICE)
    left = []
    for _ in range(4):
        with pytest.raises(OtpRejected) as refusal:
            bank.verify(wrong(DEVICE), serial="SERIAL1")
        left.append(refusal.value.attempts_left)
    assert left == [4, 3, 2, 1]
    for code in (wrong(DEVICE), shown(DEVICE), shown(DEVICE, 1)):
        with pytest.raises(TokenLocked):
            bank.verify(code, serial="SERIAL1")


@pytest.mark.parametrize("towards", [-1, 1])
def test_one_step_off_is_accepted_once_and_two_are_not(
    enrol: Enrol, bank: BankChannel, towards: int
) -> None:
    enrol(DEVICE)
    wait_within_step(30, 10.0)
    near = shown(DEVICE, towards)
    with pytest.raises(OtpRejected):
        bank.verify(shown(DEVICE, 2 * towards), serial="SERIAL1")
    bank.verify(near, serial="SERIAL1")
    with pytest.raises(OtpReplayed):
        bank.verify(near, serial="SERIAL1")


def test_an_older_code_is_spent_once_a_later_one_was_accepted(
    enrol: Enrol, bank: BankChannel
) -> None:
    enrol(DEVICE)
    wait_within_step(30, 10.0)
    earlier = shown(DEVICE)
    bank.verify(shown(DEVICE, 1), serial="SERIAL1")
    with pytest.raises(OtpReplayed):
        bank.verify(earlier, serial="SERIAL1")


def test_what_is_not_the_callers_gets_one_answer(
    place: Environment, enrol: Enrol, bank: BankChannel
) -> None:
    in_stock = make_device("INSTOCK1")
    enrol(DEVICE)
    enrol(in_stock, assign=False)
    with channel_of(place, KENSHIN) as foreign:
        asks = [
            lambda: bank.verify("123456", serial="NOSUCH"),
            lambda: bank.verify("123456", subscriber_ref="nobody"),
            lambda: bank.verify(shown(in_stock), serial="INSTOCK1"),
            lambda: foreign.verify(shown(DEVICE), serial="SERIAL1"),
        ]
        answers = {_refusal(ask) for ask in asks}
    assert len(answers) == 1
    assert answers.pop()[0] is UnknownToken


def test_an_assigned_token_is_not_active(
    place: Environment, enrol: Enrol, bank: BankChannel
) -> None:
    enrol(DEVICE)
    with sqlite3.connect(place.database) as database:
        database.execute("UPDATE tokens SET state = 'ASSIGNED'")
    with pytest.raises(TokenNotActive):
        bank.verify(shown(DEVICE), serial="SERIAL1")


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE tokens SET blob = (SELECT blob FROM tokens WHERE serial = 'SERIAL2')",
        "UPDATE tokens SET subscriber = 'thief' WHERE serial = 'SERIAL1'",
        "UPDATE tokens SET period = 3600",
        "UPDATE tokens SET custody = 'UNWRAPPED_IN_HSM'",
        "UPDATE tokens SET t0 = t0 + 30",
    ],
)
def test_a_row_that_was_tampered_with_is_refused(
    place: Environment, enrol: Enrol, bank: BankChannel, tampering: str
) -> None:
    enrol(DEVICE, make_device("SERIAL2"), vendor="kagi-cbc")
    with sqlite3.connect(place.database) as database:
        database.execute(tampering)
    with pytest.raises(AuthorityFault, match="integrity"):
        bank.verify(shown(DEVICE), serial="SERIAL1")
    with sqlite3.connect(place.database) as database:
        token_id, *spent = database.execute(
            "SELECT token_id, failures, lease FROM tokens WHERE serial = 'SERIAL1'"
        ).fetchone()
    assert spent == [0, None]
    incident = _last_logged(place, "RECORD_TAMPERED")
    assert token_id in incident


def test_killed_after_an_acceptance_the_code_stays_spent(place: Environment, enrol: Enrol) -> None:
    devices = [make_device(f"KILL{number}") for number in range(5)]
    enrol(*devices)
    for device in devices:
        running = ServerProcess(place).start()
        with channel_of(place, ABUKUMA) as bank:
            code = shown(device)
            bank.verify(code, serial=device.serial)
            running.kill()
        with ServerProcess(place), channel_of(place, ABUKUMA) as bank, pytest.raises(OtpReplayed):
            bank.verify(code, serial=device.serial)


def _last_logged(place: Environment, word: str) -> str:
    """Return the last line with ``word``, waiting for it: lines gather before they are written."""
    give_up = time.monotonic() + 10
    while True:
        lines = (place.directory / "server.log").read_text().splitlines()
        if found := [line for line in lines if word in line]:
            return found[-1]
        assert time.monotonic() < give_up, lines[-3:]
        time.sleep(0.02)


def _refusal(ask: Callable[[], object]) -> tuple[type[Exception], str]:
    with pytest.raises(KagimoriError) as refusal:
        ask()
    return type(refusal.value), str(refusal.value.args[0])
