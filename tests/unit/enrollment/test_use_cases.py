# SPDX-License-Identifier: Apache-2.0
"""What a bank's page hears about its customers' enrolments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fakes.vault import hotp
from kagimori.application.enrollment.requirement import Needs, Requirement
from kagimori.application.enrollment.standing import Standing
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.domain.enrollment import LetterState
from kagimori.domain.errors import (
    AlreadyActive,
    InvalidField,
    LiveToken,
    NotIdentified,
    NotLocked,
    NotOffered,
    NoToken,
    NotProvisioned,
    ReissueTooEarly,
    RequestIdReused,
)
from kagimori.domain.lifecycle import State, Status
from kagimori.domain.outcome import Outcome
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Reissue, SubscriberNames, When
from kagimori.domain.token import CustodyLabel
from support.banks.desk import ADDRESS, PASSWORD, Desk
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, identity, token

WRONG = "000000"


def active(desk: Desk) -> None:
    desk.issue()
    desk.provision()
    assert desk.activate(desk.code(0)).outcome is Outcome.ACCEPTED


def test_an_issue_answers_with_a_user_id_and_a_deadline(desk: Desk) -> None:
    standing = desk.issue()
    assert standing.status is Status.ISSUED
    assert len(standing.user_id) == 12
    assert standing.user_id.isdigit()
    assert standing.user_id[0] != "0"
    assert standing.issued_at is not None
    assert standing.deadline == standing.issued_at + timedelta(days=7)
    assert standing == desk.status()
    assert standing.letter is LetterState.PENDING


def test_what_is_kept_tells_neither_password_nor_digits(desk: Desk) -> None:
    desk.issue()
    (row,) = desk.run("SELECT * FROM enrollments")
    assert str(row["password_hash"]).startswith("$argon2id$")
    assert PASSWORD not in str(row)
    (letter,) = desk.run("SELECT * FROM outbox")
    assert PASSWORD not in str(letter)
    assert PASSWORD not in str(desk.run("SELECT * FROM audit"))


def test_the_same_order_again_has_the_same_answer_and_no_second_letter(desk: Desk) -> None:
    request_id = str(uuid4())
    first = desk.issue(request_id)
    assert desk.issue(request_id) == first
    assert len(desk.run("SELECT * FROM outbox")) == 1
    assert len(desk.run("SELECT * FROM audit")) == 1


@pytest.mark.parametrize(
    "other", [{"address": "taro@mail.example"}, {"password": "482916"}], ids=str
)
def test_another_order_cannot_use_its_id(desk: Desk, other: dict[str, str]) -> None:
    request_id = str(uuid4())
    before = desk.issue(request_id)
    with pytest.raises(RequestIdReused):
        desk.issue(request_id, **other)
    assert desk.status() == before


def test_whoever_has_a_token_gets_no_second_one(desk: Desk) -> None:
    desk.issue()
    for go_on in (lambda: None, desk.provision, lambda: desk.activate(desk.code(0))):
        go_on()
        with pytest.raises(LiveToken):
            desk.issue()


def test_whoever_has_a_hardware_token_gets_no_second_one(desk: Desk) -> None:
    desk.bank.enrol()
    with pytest.raises(LiveToken):
        desk.issue()
    assert desk.status() == Standing(Status.ACTIVE, serial=SERIAL)
    with pytest.raises(NotOffered):
        desk.deregister()
    assert desk.requirement() == Requirement(Needs.OTP, has_token=True)


def test_a_user_id_that_is_taken_is_drawn_again(desk: Desk) -> None:
    drawn = iter(["100000000001", "100000000001", "100000000002"])
    desk._issue._draw_user_id = lambda: next(drawn)
    assert desk.issue(subscriber="another").user_id == "100000000001"
    assert desk.issue().user_id == "100000000002"


@pytest.mark.parametrize(
    "change",
    [{"mail": None}, {"custody": frozenset(CustodyLabel) - {CustodyLabel.SEALED_BY_APP}}],
    ids=["no mail", "not sealed by apps"],
)
def test_a_bank_that_does_not_offer_it_issues_nothing(
    desk: Desk, change: dict[str, object]
) -> None:
    desk.change_policy(**change)
    with pytest.raises(NotOffered):
        desk.issue()
    assert desk.status() == Standing(Status.NOT_REGISTERED)


@pytest.mark.parametrize("address", ["", "hanako", "hanako@", "hanako@bank", "はなこ@bank.example"])
def test_an_address_that_no_letter_reaches_changes_nothing(desk: Desk, address: str) -> None:
    with pytest.raises(InvalidField, match="mail_address"):
        desk.issue(address=address)
    assert not desk.run("SELECT * FROM enrollments")


def test_a_bank_that_is_served_no_more_is_nobody(desk: Desk) -> None:
    del desk.policies[TENANT]
    for ask in (desk.issue, desk.status, desk.deregister, desk.unlock, desk.requirement):
        with pytest.raises(NotIdentified):
            ask()
    with pytest.raises(NotIdentified):
        desk.log_in(WRONG)


def test_the_deadline_voids(desk: Desk) -> None:
    desk.issue()
    desk.let_the_deadline_pass()
    standing = desk.status()
    assert (standing.status, standing.letter) == (Status.VOID, None)
    with pytest.raises(NoToken):
        desk.deregister()
    assert desk.issue().status is Status.ISSUED


def test_the_first_code_is_spent_and_cannot_log_in(desk: Desk) -> None:
    active(desk)
    assert desk.status().status is Status.ACTIVE
    assert desk.log_in(desk.code(0)) is Outcome.REPLAYED
    assert desk.log_in(desk.code(1)) is Outcome.ACCEPTED


def test_an_activation_names_the_rule_that_forbids_it(desk: Desk) -> None:
    with pytest.raises(NoToken):
        desk.activate(WRONG)
    desk.issue()
    with pytest.raises(NotProvisioned):
        desk.activate(WRONG)
    desk.provision()
    request_id = str(uuid4())
    accepted = desk.activate(desk.code(0), request_id)
    assert desk.activate(desk.code(0), request_id) == accepted
    with pytest.raises(AlreadyActive):
        desk.activate(desk.code(1))
    assert desk.log_in(desk.code(1)) is Outcome.ACCEPTED


def test_wrong_codes_bar_the_token_until_the_staff_unlock_it(desk: Desk) -> None:
    desk.issue()
    desk.provision()
    outcomes = [desk.activate(WRONG).outcome for _ in range(3)]
    assert outcomes == [Outcome.REJECTED, Outcome.REJECTED, Outcome.LOCKED]
    assert desk.status().status is Status.BARRED
    assert desk.activate(desk.code(0)).outcome is Outcome.LOCKED
    desk.unlock(BySerial(desk.status().serial))
    assert desk.status().status is Status.PROVISIONED
    assert desk.activate(desk.code(0)).outcome is Outcome.ACCEPTED


def test_only_a_locked_token_is_unlocked(desk: Desk) -> None:
    for subject in (BySubscriber("nobody"), BySerial("NOBODYS")):
        with pytest.raises(NoToken):
            desk.unlock(subject)
    active(desk)
    with pytest.raises(NotLocked):
        desk.unlock()
    for _ in range(3):
        desk.log_in(WRONG)
    desk.unlock()
    assert desk.log_in(desk.code(1)) is Outcome.ACCEPTED


def test_another_banks_token_is_not_unlocked(desk: Desk) -> None:
    row = identity(tenant=OTHER_TENANT)
    desk.bank.inventory.add([token(row, state=State.LOCKED)], "importer")
    with pytest.raises(NoToken):
        desk.unlock(BySerial(SERIAL))


def test_a_deregistered_customer_needs_no_code_and_waits_for_the_next_day(desk: Desk) -> None:
    active(desk)
    standing = desk.deregister()
    tomorrow = datetime.now(UTC).astimezone(desk.policies[TENANT].zone).date() + timedelta(days=1)
    assert (standing.status, standing.reissue_from) == (Status.RELEASED, tomorrow)
    assert desk.deregister() == standing == desk.status()
    assert desk.requirement() == Requirement(Needs.NONE, has_token=False)
    assert desk.log_in(desk.code(1)) is Outcome.UNKNOWN_TOKEN
    with pytest.raises(ReissueTooEarly, match=tomorrow.isoformat()):
        desk.issue()
    desk.sleep_until_tomorrow()
    assert desk.issue().user_id != standing.user_id


def test_where_the_bank_says_so_a_new_token_is_issued_at_once(desk: Desk) -> None:
    desk.change_policy(reissue=Reissue.AT_ONCE)
    active(desk)
    desk.deregister()
    assert desk.issue().status is Status.ISSUED


def test_a_deregistration_needs_no_hsm(desk: Desk) -> None:
    active(desk)
    desk.bank.vault.go_down()
    assert desk.deregister().status is Status.RELEASED


@pytest.mark.parametrize(
    ("when", "needs"),
    [(When.ALWAYS, Needs.OTP), (When.BY_CHOICE, Needs.NONE), (When.NEVER, Needs.NONE)],
)
def test_what_needs_a_code_is_the_banks_rule(desk: Desk, when: When, needs: Needs) -> None:
    desk.change_policy(operations={Operation.TRANSFER: when})
    desk.issue()
    desk.provision()
    assert desk.requirement(Operation.TRANSFER) == Requirement(Needs.NONE, has_token=False)
    desk.activate(desk.code(0))
    assert desk.requirement(Operation.TRANSFER) == Requirement(needs, has_token=True)
    assert desk.requirement(Operation.LOGIN) == Requirement(Needs.NONE, has_token=True)
    for _ in range(3):
        desk.log_in(WRONG)
    assert desk.requirement(Operation.TRANSFER) == Requirement(needs, has_token=True)


def test_a_bank_that_wants_it_has_its_numbers_kept_as_digests(desk: Desk) -> None:
    desk.change_policy(subscriber_names=SubscriberNames.HMAC)
    active(desk)
    assert desk.log_in(desk.code(1)) is Outcome.ACCEPTED
    for table in ("tokens", "enrollments", "outbox", "requests", "audit"):
        assert SUBSCRIBER not in str(desk.run(f"SELECT * FROM {table}"))  # noqa: S608 - our own
    (row,) = desk.run("SELECT subscriber FROM enrollments")
    assert (
        row["subscriber"]
        == desk.bank.vault.fingerprint(TENANT, b"name " + SUBSCRIBER.encode()).hex()
    )
    assert desk.requirement() == Requirement(Needs.OTP, has_token=True)
    desk.deregister()


def test_a_letter_tells_of_a_code_offered_twice(desk: Desk) -> None:
    active(desk)
    assert desk.log_in(desk.code(0)) is Outcome.REPLAYED
    assert len(desk.run("SELECT * FROM outbox")) == 1
    mail = desk.policies[TENANT].mail
    assert mail is not None
    desk.change_policy(mail=type(mail)(**{**_fields(mail), "replay_body": "${support}"}))
    for _ in range(2):
        assert desk.log_in(desk.code(0)) is Outcome.REPLAYED
    kinds = [row["kind"] for row in desk.run("SELECT kind, recipient FROM outbox ORDER BY kind")]
    assert kinds == ["ISSUED", "REPLAYED"]


def test_rules_change_while_they_are_followed(desk: Desk) -> None:
    active(desk)
    desk.change_policy(limits=type(desk.policies[TENANT].limits)(consecutive=1))
    assert desk.log_in(WRONG) is Outcome.LOCKED


def test_the_code_of_another_app_activates_nothing(desk: Desk) -> None:
    desk.issue()
    desk.provision()
    stranger = hotp(b"a seed that another app drew", 0, 6)
    assert desk.activate(stranger).outcome is Outcome.REJECTED


def test_addresses_are_shown_by_nothing(desk: Desk) -> None:
    desk.issue()
    customer = desk.bank.run(desk.store.customer(TENANT, BySubscriber(SUBSCRIBER)))
    shown = repr((customer, desk.status()))
    for secret in (ADDRESS, PASSWORD, SUBSCRIBER, "argon2"):
        assert secret not in shown


def _fields(mail: object) -> dict[str, str]:
    return {name: getattr(mail, name) for name in mail.__slots__}  # type: ignore[attr-defined]
