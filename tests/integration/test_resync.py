# SPDX-License-Identifier: Apache-2.0
"""Tokens at the edges of their windows and back again: SoftHSM judges what oathtool shows."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import grpc
import pytest

from development.vendor import Device
from kagimori.domain.policy import AttemptLimits
from kagimori.domain.tenant import TenantPolicy
from support.served.served_bank import NOON, ServedBank, served_bank
from support.served.transport import failure_of
from support.tokens import TENANT, rfc4226, ten_digits

pytestmark = pytest.mark.softhsm

PERIOD = 30
GONE = {"REPLAYED", "REJECTED"}
"""What is said of a code that is good no more."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedBank]:
    with served_bank(tmp_path_factory.mktemp("bank")) as bank:
        yield bank


@pytest.fixture(autouse=True)
def _at_noon(bank: ServedBank) -> None:
    bank.clock.now = NOON


def event_codes(device: Device, count: int = 130) -> list[str]:
    """Return the codes that so many presses of the button show, by oathtool."""
    return _oathtool(device, "--hotp", "--counter=0", f"--window={count - 1}")


def time_codes(device: Device, first: int, last: int, at: float = NOON) -> dict[int, str]:
    """Return the codes from ``first`` to ``last`` steps off ``at``, by oathtool."""
    now = f"--now=@{int(at) + first * PERIOD}"
    codes = _oathtool(
        device, "--totp", f"--time-step-size={PERIOD}s", now, f"--window={last - first}"
    )
    return dict(zip(range(first, last + 1), codes, strict=True))


def _oathtool(device: Device, *options: str) -> list[str]:
    command = ["oathtool", *options, f"--digits={device.digits}", "-"]
    done = subprocess.run(
        command, input=device.seed.hex(), capture_output=True, check=True, text=True
    )
    return done.stdout.split()


def used_up_to(bank: ServedBank, last: int, digits: int = 6) -> tuple[Device, list[str]]:
    """Return an event-based token whose code of ``last`` was accepted, and its codes."""
    device = bank.enrol(digits=digits)
    codes = event_codes(device)
    assert bank.verify(device, codes[last]) == "ACCEPTED"
    return device, codes


@pytest.mark.parametrize("digits", [6, 8])
@pytest.mark.parametrize(
    ("ahead", "outcome"),
    [(-1, "REJECTED"), (0, "REPLAYED"), (1, "ACCEPTED"), (10, "ACCEPTED"), (11, "REJECTED")],
)
def test_a_counter_is_looked_for_ten_presses_ahead(
    bank: ServedBank, digits: int, ahead: int, outcome: str
) -> None:
    device, codes = used_up_to(bank, 5, digits)
    assert bank.verify(device, codes[5 + ahead]) == outcome


@pytest.mark.parametrize(
    ("ahead", "outcome"),
    [
        (0, "REJECTED"),  # the first code was accepted before
        (1, "SYNCHRONIZED"),
        (99, "SYNCHRONIZED"),
        (100, "REJECTED"),
    ],
)
def test_two_codes_of_a_counter_bring_it_back_within_a_hundred(
    bank: ServedBank, ahead: int, outcome: str
) -> None:
    last = 5
    device, codes = used_up_to(bank, last)
    first = last + ahead
    assert bank.resync(device, codes[first], codes[first + 1]) == outcome
    found = outcome == "SYNCHRONIZED"
    assert bank.row(device)["last_step"] == (first + 1 if found else last)


def test_after_it_the_next_code_is_good_and_neither_of_the_two_ever_again(
    bank: ServedBank,
) -> None:
    device, codes = used_up_to(bank, 0)
    assert bank.verify(device, codes[61]) == "REJECTED"
    assert bank.resync(device, codes[60], codes[61]) == "SYNCHRONIZED"
    for code in (codes[60], codes[61]):
        assert bank.verify(device, code) in GONE
    assert bank.verify(device, codes[62]) == "ACCEPTED"
    for code in (codes[60], codes[61]):
        assert bank.verify(device, code) in GONE
    for first in (59, 60, 61, 62):
        assert bank.resync(device, codes[first], codes[first + 1]) == "REJECTED"
    assert bank.row(device)["last_step"] == 62


@pytest.mark.parametrize(
    ("first", "second"),
    [(21, 20), (20, 22), (20, 20), (4, 5), (5, 6), (20, 3)],
    ids=["swapped", "not in a row", "twice the same", "accepted last", "accepted first", "spent"],
)
def test_other_codes_bring_nothing_back(bank: ServedBank, first: int, second: int) -> None:
    device, codes = used_up_to(bank, 5)
    assert bank.resync(device, codes[first], codes[second]) == "REJECTED"
    assert bank.row(device)["last_step"] == 5
    assert bank.row(device)["failures"] == 1


def test_a_code_may_have_ten_digits(bank: ServedBank) -> None:
    # oathtool shows eight at most: these are the RFC's own, RFC 4226, Appendix D.
    codes = ten_digits()
    device = bank.enrol(digits=10, seed=rfc4226()[0].seed)
    assert bank.verify(device, codes[0]) == "ACCEPTED"
    assert bank.verify(device, codes[0]) == "REPLAYED"
    assert bank.resync(device, codes[6], codes[7]) == "SYNCHRONIZED"
    assert bank.verify(device, codes[8]) == "ACCEPTED"
    six = failure_of(lambda: bank.verify(device, codes[9][-6:]))
    assert (six.code, six.field) == (grpc.StatusCode.INVALID_ARGUMENT, "code")


@pytest.mark.parametrize("off", [-20, -5, 5, 20])
def test_a_clock_comes_back_and_is_followed_from_there(bank: ServedBank, off: int) -> None:
    device = bank.enrol(PERIOD)
    codes = time_codes(device, off - 1, off + 90)
    assert bank.verify(device, codes[off]) == "REJECTED"
    assert bank.resync(device, codes[off - 1], codes[off]) == "SYNCHRONIZED"
    assert bank.row(device)["drift"] == off
    for code in (codes[off - 1], codes[off]):
        assert bank.verify(device, code) in GONE
    # The next one is good in its step, and the clock is followed a step at a time: back
    # to the true time, but no further away than it was found.
    back = 1 if off < 0 else -1
    for step, wanted in ((1, off), (20, off + back), (40, off + 2 * back)):
        bank.clock.now = NOON + step * PERIOD
        assert bank.verify(device, codes[step + wanted]) == "ACCEPTED"
        assert bank.row(device)["drift"] == wanted


@pytest.mark.parametrize("off", [-21, 21])
def test_a_clock_that_is_further_off_does_not(bank: ServedBank, off: int) -> None:
    device = bank.enrol(PERIOD)
    codes = time_codes(device, off - 1, off)
    assert bank.resync(device, codes[off - 1], codes[off]) == "REJECTED"
    assert bank.row(device)["drift"] == 0


def test_an_accepted_code_of_a_clock_is_refused_as_half_of_a_pair(bank: ServedBank) -> None:
    device = bank.enrol(PERIOD)
    codes = time_codes(device, -2, 2)
    assert bank.verify(device, codes[0]) == "ACCEPTED"
    for first in (-1, 0):
        assert bank.resync(device, codes[first], codes[first + 1]) == "REJECTED"
    assert bank.resync(device, codes[1], codes[2]) == "SYNCHRONIZED"


def test_the_same_request_has_the_same_answer_and_is_no_logins(bank: ServedBank) -> None:
    device, codes = used_up_to(bank, 0)
    request_id = str(uuid4())
    for _ in range(2):
        told = bank.resync(device, codes[60], codes[61], request_id=request_id)
        assert told == "SYNCHRONIZED"
    for code in (codes[60], codes[61]):
        refused = failure_of(partial(bank.verify, device, code, request_id=request_id))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ("12345", "123456", "first_code"),
        ("123456", "１２３４５６", "second_code"),  # noqa: RUF001 - full-width on purpose
        ("123456", "1234567", "second_code"),
        ("1234567", "1234567", "first_code"),  # the token shows six digits
    ],
)
def test_a_wrong_field_is_named_and_costs_nothing(
    bank: ServedBank, first: str, second: str, field: str
) -> None:
    device = bank.enrol()
    refused = failure_of(lambda: bank.resync(device, first, second))
    assert (refused.code, refused.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert first not in refused.details
    assert second not in refused.details
    assert bank.row(device)["failures"] == 0


def test_wrong_pairs_lock_the_token_for_logins_too(bank: ServedBank) -> None:
    before = bank.policies[TENANT]
    bank.policies[TENANT] = TenantPolicy("abukuma", TENANT, before.zone, AttemptLimits())
    try:
        device = bank.enrol()
        codes = event_codes(device, 4)
        told = [bank.resync(device, codes[1], codes[0]) for _ in range(5)]
        assert told == ["REJECTED"] * 4 + ["LOCKED"]
        assert bank.resync(device, codes[2], codes[3]) == "LOCKED"
        assert bank.verify(device, codes[0]) == "LOCKED"
    finally:
        bank.policies[TENANT] = before


def test_a_serial_that_is_nobodys_is_unknown(bank: ServedBank) -> None:
    device = Device("NOBODYS", bytes(20))
    assert bank.resync(device, "123456", "123457") == "UNKNOWN_TOKEN"
