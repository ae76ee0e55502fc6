# SPDX-License-Identifier: Apache-2.0
"""What a bank hears about its customers' codes."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from fakes.vault import hotp
from kagimori.application.ports import BySerial, BySubscriber, Subject
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import InvalidField, NotIdentified, RequestIdReused
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import SubscriberNames
from support.banks.bank import CODES, SEED, Bank
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, Vector, rfc6238

DAY = 86_400


def enrol(bank: Bank, vector: Vector) -> None:
    """Give the customer a time-based token instead."""
    forget(bank)
    bank.enrol(vector.profile, vector.seed)


def forget(bank: Bank) -> None:
    for table in ("tokens", "devices"):
        bank.database.run(f"DELETE FROM {table}")  # noqa: S608 - our own


def test_the_right_code_is_accepted_once(bank: Bank) -> None:
    accepted = bank.ask(CODES[0])
    assert accepted.outcome is Outcome.ACCEPTED
    assert accepted.receipt is not None
    assert bank.ask(CODES[0]).outcome is Outcome.REPLAYED
    assert bank.ask(CODES[0], subject=BySerial(SERIAL)).outcome is Outcome.REPLAYED
    assert bank.ask(CODES[0], operation=Operation.TRANSFER).outcome is Outcome.REPLAYED
    assert bank.attempts() == (0, 0, 0)


def test_the_look_ahead_is_ten_codes(bank: Bank) -> None:
    assert bank.ask(CODES[9]).outcome is Outcome.ACCEPTED
    assert bank.ask(hotp(SEED, 20, 6)).outcome is Outcome.REJECTED
    assert bank.ask(hotp(SEED, 19, 6)).outcome is Outcome.ACCEPTED


def test_a_skipped_code_is_gone(bank: Bank) -> None:
    bank.ask(CODES[5])
    assert bank.ask(CODES[3]).outcome is Outcome.REJECTED


def test_a_wrong_code_costs_an_attempt(bank: Bank) -> None:
    assert bank.ask("000000") == Verdict(Outcome.REJECTED, None, 4)
    assert bank.attempts() == (1, 1, 1)


def test_a_locked_token_costs_no_search(bank: Bank) -> None:
    outcomes = [bank.ask("000000").outcome for _ in range(5)]
    assert outcomes == [Outcome.REJECTED] * 4 + [Outcome.LOCKED]
    searches = bank.vault.searches
    assert bank.ask(CODES[0]) == Verdict(Outcome.LOCKED, None, 0)
    assert bank.vault.searches == searches


@pytest.mark.parametrize("vector", [v for v in rfc6238() if v.step > 1], ids=str)
def test_codes_of_the_rfc_are_accepted_in_their_step(bank: Bank, vector: Vector) -> None:
    enrol(bank, vector)
    bank.now = vector.step * 30 + 29
    assert bank.ask(vector.code).outcome is Outcome.ACCEPTED
    assert bank.ask(vector.code).outcome is Outcome.REPLAYED


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        (-31, Outcome.REJECTED),
        (-30, Outcome.ACCEPTED),
        (0, Outcome.ACCEPTED),
        (59, Outcome.ACCEPTED),
        (60, Outcome.REJECTED),
    ],
)
def test_a_time_code_is_good_one_step_on_either_side(
    bank: Bank, seconds: int, outcome: Outcome
) -> None:
    vector = rfc6238()[-1]
    enrol(bank, vector)
    bank.now = vector.step * 30 + seconds
    assert bank.ask(vector.code).outcome is outcome


def test_a_used_step_stays_used_when_the_clock_goes_back(bank: Bank) -> None:
    # 1111111109 and 1111111111 lie in neighbouring steps (RFC 6238, Appendix B).
    before, after = (v for v in rfc6238() if v.step in {37037036, 37037037} and v.code[0] in "01")
    enrol(bank, before)
    bank.now = after.step * 30
    assert bank.ask(after.code).outcome is Outcome.ACCEPTED
    bank.now = before.step * 30
    assert bank.ask(before.code).outcome is Outcome.REPLAYED
    assert bank.ask(after.code).outcome is Outcome.REPLAYED


@pytest.mark.parametrize("subject", [BySerial("NOBODYS"), BySubscriber("nobody")], ids=str)
def test_an_unknown_name_costs_the_same_search(bank: Bank, subject: Subject) -> None:
    assert bank.ask(CODES[0], subject=subject) == Verdict(Outcome.UNKNOWN_TOKEN)
    assert bank.vault.searches == 1
    assert bank.vault.codes == 3


def test_another_banks_token_is_unknown(bank: Bank) -> None:
    foreigner = Caller(OTHER_TENANT, "internet-banking")
    for subject in (BySerial(SERIAL), None):
        verdict = bank.ask(CODES[0], subject=subject, caller=foreigner)
        assert verdict == Verdict(Outcome.UNKNOWN_TOKEN)
    assert bank.ask(CODES[0]).outcome is Outcome.ACCEPTED


def test_a_code_of_the_wrong_length_is_the_callers_mistake(bank: Bank) -> None:
    with pytest.raises(InvalidField, match="6 digits"):
        bank.ask("94287082")
    assert bank.vault.searches == 0
    assert bank.attempts() == (0, 0, 0)


def test_the_same_request_has_one_answer_and_one_search(bank: Bank) -> None:
    request = str(uuid4())
    first = bank.ask(CODES[0], request_id=request)
    assert bank.ask(CODES[0], request_id=request) == first
    assert bank.vault.searches == 1


@pytest.mark.parametrize(
    "change",
    [
        {"code": CODES[1]},
        {"operation": Operation.TRANSFER},
        {"subject": BySubscriber(SUBSCRIBER)},
        {"subject": BySubscriber(SERIAL)},
    ],
    ids=str,
)
def test_another_request_cannot_use_its_id(bank: Bank, change: dict[str, object]) -> None:
    first: dict[str, object] = {
        "code": CODES[0],
        "request_id": str(uuid4()),
        "subject": BySerial(SERIAL),
    }
    bank.ask(**first)  # type: ignore[arg-type]
    with pytest.raises(RequestIdReused):
        bank.ask(**(first | change))  # type: ignore[arg-type]


def test_the_day_is_the_tenants(bank: Bank) -> None:
    bank.now = 1_775_001_600  # 2026-04-01T00:00:00Z, 09:00 in Tokyo
    bank.ask("000000")
    bank.now += 15 * 3600 - 1
    bank.ask("000000")
    assert bank.attempts() == (2, 2, 2)
    bank.now += 1  # midnight in Tokyo
    bank.ask("000000")
    assert bank.attempts() == (3, 1, 3)


def test_patient_guessing_between_logins_ends_with_the_days_budget(bank: Bank) -> None:
    for login in range(4):
        bank.ask("000000")
        bank.ask("111111")
        if login < 3:
            assert bank.ask(CODES[login]).outcome is Outcome.ACCEPTED
    assert bank.ask(CODES[9]) == Verdict(Outcome.LOCKED, None, 0)
    bank.now += DAY
    assert bank.ask(CODES[9]).outcome is Outcome.ACCEPTED


def test_drift_is_followed(bank: Bank) -> None:
    vector = rfc6238()[-1]
    enrol(bank, vector)
    for press, off in enumerate([1, 2, 3, 4]):
        step = vector.step + 100 * press
        bank.now = step * 30
        code = hotp(vector.seed, step + off, 8, vector.profile.hash)
        assert bank.ask(code).outcome is Outcome.ACCEPTED
    assert bank.database.run("SELECT drift FROM tokens") == [{"drift": 4}]


def test_the_calendar_follows_the_tenants_zone_while_it_serves(bank: Bank) -> None:
    bank.now = 1_775_001_600  # 2026-04-01T00:00:00Z, still 31 March in Honolulu
    bank.ask("000000")
    assert bank.attempts() == (1, 1, 1)
    before = bank.policies[TENANT]
    bank.policies[TENANT] = replace(before, zone=ZoneInfo("Pacific/Honolulu"))
    bank.database.run("UPDATE tokens SET day = '2026-03-30'")
    bank.ask("000000")
    assert bank.database.run("SELECT day FROM tokens") == [{"day": "2026-03-31"}]


def test_a_tenant_that_is_served_no_more_is_nobody(bank: Bank) -> None:
    del bank.policies[TENANT]
    with pytest.raises(NotIdentified):
        bank.ask(CODES[0])
    assert bank.attempts() == (0, 0, 0)


def test_a_number_that_is_kept_as_a_digest_names_its_token(bank: Bank) -> None:
    bank.policies[TENANT] = replace(bank.policies[TENANT], subscriber_names=SubscriberNames.HMAC)
    assert bank.ask(CODES[0]).outcome is Outcome.UNKNOWN_TOKEN
    digest = bank.vault.fingerprint(TENANT, b"name " + SUBSCRIBER.encode()).hex()
    forget(bank)
    bank.enrol(subscriber=digest)
    assert bank.ask(CODES[0]).outcome is Outcome.ACCEPTED
    assert bank.ask(CODES[1], subject=BySerial(SERIAL)).outcome is Outcome.ACCEPTED
