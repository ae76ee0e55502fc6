# SPDX-License-Identifier: Apache-2.0
"""The guide for a bank's developer: its code runs, and its tables leave nothing out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from unittest.mock import create_autospec
from uuid import uuid4

import pytest

import kagimori_client
from kagimori.api.enrollment.v1 import enrollment_pb2, grid_card_pb2
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2
from kagimori.domain import errors
from kagimori_client import BankDesk, KagimoriError, NotNow, OtpRefused, Outage
from support.pages import serial_page
from support.pages.bank_page import ACCEPTED, ADDRESS, CODE, ISSUED, PASSWORD, REF, RELEASED
from support.pages.guide import GUIDE, README, Page, blocks, section, written
from support.pages.scripted_registry import Registry, Script


@pytest.mark.parametrize("page", [GUIDE, README], ids=lambda page: page.name)
def test_every_name_that_a_page_imports_is_there(page: Path) -> None:
    text = page.read_text()
    assert blocks(text)
    imported = re.findall(r"^from kagimori_client import (.+)$", text, re.MULTILINE)
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names
    assert names <= set(kagimori_client.__all__)


def test_every_error_has_a_row_that_says_whose_it_is() -> None:
    rows = set(
        re.findall(r"^\| `(\w+)`", section("What can come back, and whose it is"), re.MULTILINE)
    )
    leaves = {
        leaf.__name__ for branch in KagimoriError.__subclasses__() for leaf in leaves_of(branch)
    }
    assert leaves <= rows


def test_every_refusal_of_a_customer_has_words_in_both_languages() -> None:
    rows = re.findall(
        r"^\| `(\w+)`[^|]*\|([^|]+)\|([^|]+)\|$", section("What to tell the customer"), re.MULTILINE
    )
    said = {name: (japanese.strip(), english.strip()) for name, japanese, english in rows}
    for kind in (*leaves_of(OtpRefused), *leaves_of(NotNow), kagimori_client.Unavailable):
        japanese, english = said[kind.__name__]
        assert re.search(r"[ぁ-ん]", japanese), kind
        assert english.isascii() or "…" in english, kind


def leaves_of(branch: type[KagimoriError]) -> list[type[KagimoriError]]:
    """Return the client's own leaves: other packages may have theirs."""
    kinds = branch.__subclasses__()
    return [kind for kind in kinds if kind.__module__ == "kagimori_client.errors"]


@pytest.fixture
def page(registry: Registry, script: Script) -> Iterator[Page]:
    """The bank's page as the guide writes it."""
    assert not script.asked
    title = "A customer's way to a token, and back"
    page = written(registry, title, {"page-1": "registrar", "core-1": "channel"})
    with page["registrar"], page["bank"]:
        yield page


@pytest.fixture
def counter(registry: Registry, script: Script) -> Iterator[Page]:
    """The bank's counter as the guide writes it."""
    assert not script.asked
    page = written(registry, "Hardware tokens at the counter", {"suzuki": "operator"})
    with page["counter"]:
        yield page


def test_the_guides_page_leads_a_customer_to_a_token_and_back(page: Page, script: Script) -> None:
    nobody = enrollment_pb2.Enrollment(status=enrollment_pb2.ENROLLMENT_STATUS_NOT_REGISTERED)
    script.answers.append(enrollment_pb2.GetEnrollmentResponse(enrollment=nobody))
    assert page["menu"](REF) == ("登録状況 未登録", "トークン発行")

    script.answers.append(enrollment_pb2.IssueSoftwareTokenResponse(enrollment=ISSUED))
    shown = page["issue"](REF, ADDRESS, PASSWORD, uuid4())
    assert "サービスID 10112231  ユーザID 999800000001" in shown
    assert PASSWORD not in shown

    script.answers.append(ACCEPTED)
    assert "受付番号 1234567" in page["activate"](REF, CODE, uuid4())

    needed = verification_pb2.GetOtpRequirementResponse(
        requirement=verification_pb2.OTP_REQUIREMENT_OTP, has_token=True
    )
    accepted = verification_pb2.VerifyOtpResponse(
        outcome=types_pb2.OUTCOME_ACCEPTED, receipt=ACCEPTED.receipt
    )
    script.answers.extend([needed, accepted])
    assert page["needs_code"](REF) is True
    assert page["log_in"](REF, CODE, uuid4()) == "トップページ"

    script.answers.append(enrollment_pb2.DeregisterTokenResponse(enrollment=RELEASED))
    assert "2012年04月26日以降" in page["deregister"](REF)

    unneeded = verification_pb2.GetOtpRequirementResponse(
        requirement=verification_pb2.OTP_REQUIREMENT_NONE
    )
    script.answers.append(unneeded)
    assert page["needs_code"](REF) is False


def test_the_guides_menu_knows_every_status(page: Page) -> None:
    assert set(page["OFFER"]) == set(kagimori_client.EnrollmentStatus)


def test_the_guides_page_is_sorry_for_what_is_refused(page: Page, script: Script) -> None:
    refusals = [errors.LiveToken(), errors.NotProvisioned(), errors.NoToken()]
    script.answers.extend(refusals)
    assert page["issue"](REF, ADDRESS, PASSWORD, uuid4()) == "LiveToken"
    assert page["activate"](REF, CODE, uuid4()) == "NotProvisioned"
    assert page["deregister"](REF) == "NoToken"


def test_nobody_comes_in_by_the_guides_page_because_the_authority_is_away(
    page: Page, script: Script
) -> None:
    script.answers.append(errors.StoreUnavailable("the database gave no answer", 3600.0))
    with pytest.raises(Outage):
        page["needs_code"](REF)


def test_the_guides_desk_unlocks(page: Page, desk: BankDesk, script: Script) -> None:
    barred_no_more = enrollment_pb2.Enrollment(
        status=enrollment_pb2.ENROLLMENT_STATUS_PROVISIONED, serial="2V0716016FK2"
    )
    script.answers.append(enrollment_pb2.UnlockTokenResponse())
    script.answers.append(enrollment_pb2.GetEnrollmentResponse(enrollment=barred_no_more))
    assert page["unlock"](desk, REF) == "トークン発行済"


@pytest.fixture
def serials(registry: Registry, script: Script) -> Iterator[Page]:
    """The page for tokens by serial number as the guide writes it."""
    assert not script.asked
    title = "Tokens by serial number"
    page = written(registry, title, {"page-1": "registrar", "core-1": "channel"})
    with page["registrar"], page["bank"]:
        yield page


def test_the_guides_page_takes_a_token_into_use_by_its_serial_number(
    serials: Page, script: Script
) -> None:
    script.answers.extend([serial_page.ASKED, serial_page.REGISTERED])
    challenge, shown = serials["ask_for_positions"](REF)
    assert "(1)(ウ)、(2)(カ)" in shown
    answer = challenge.answer("5224", "7082")
    words = (REF, serial_page.SERIAL, serial_page.CODE, False, answer, uuid4())
    assert "受付番号 1234567" in serials["register"](*words)
    asked = script.asked[-1].request
    assert (asked.login_otp, asked.grid_answer.second) == (2, "7082")
    assert asked.grid_answer.challenge_id == serial_page.ASKED.challenge_id


@pytest.mark.parametrize(
    ("word", "day", "shown"),
    [
        (verification_pb2.OTP_REQUIREMENT_OTP, "", "ワンタイムパスワード"),
        (verification_pb2.OTP_REQUIREMENT_NONE, "", ""),
        (verification_pb2.OTP_REQUIREMENT_NONE, "2027-01-15", "2027年01月15日に廃止"),
        (verification_pb2.OTP_REQUIREMENT_REGISTRATION, "2027-01-15", "利用登録を行ってください"),
    ],
)
def test_the_guides_page_asks_for_what_an_operation_needs(
    serials: Page,
    script: Script,
    word: verification_pb2.OtpRequirement,
    day: str,
    shown: str,
) -> None:
    told = verification_pb2.GetOtpRequirementResponse(requirement=word, cut_over_on=day)
    script.answers.append(told)
    assert shown in serials["what_to_ask"](REF)


def test_the_guides_page_exchanges_a_token_and_ends_its_use(serials: Page, script: Script) -> None:
    script.answers.extend(
        [serial_page.CHOSEN, serial_page.BEGUN, serial_page.REPLACED, serial_page.TERMINATED]
    )
    assert serials["choose"](REF, login_otp=False) == "ログイン時に認証しない"
    assert "10時45分" in serials["begin_exchange"](REF, CODE, uuid4())
    receipt = serials["complete_exchange"](REF, serial_page.SERIAL, CODE, uuid4())
    # The guide shows the very receipt.
    assert receipt in section("Tokens by serial number")
    assert "受付番号 1234567" in serials["stop"](REF, CODE, uuid4())


def test_the_guides_page_is_sorry_for_a_serial_number_that_is_refused(
    serials: Page, script: Script
) -> None:
    script.answers.extend([errors.LiveToken(), errors.ReplacementExpired(), errors.NoToken()])
    words = (REF, serial_page.SERIAL, serial_page.CODE, True, None, uuid4())
    assert serials["register"](*words) == "LiveToken"
    assert serials["complete_exchange"](REF, serial_page.SERIAL, CODE, uuid4()) == (
        "ReplacementExpired"
    )
    assert serials["stop"](REF, CODE, uuid4()) == "NoToken"


def test_the_guides_desk_unlocks_a_card(serials: Page, desk: BankDesk, script: Script) -> None:
    script.answers.append(grid_card_pb2.UnlockGridCardResponse())
    assert "解除しました" in serials["unlock_card"](desk, REF)
    assert script.only.request.subscriber_ref == REF


def test_the_guides_two_persons_call_what_their_desk_has(serials: Page) -> None:
    """Their desk's own calls are told of where it is tested."""
    desk = create_autospec(kagimori_client.ReplacementDesk, instance=True)
    reason = kagimori_client.ReplacementReason.LOST
    assert serials["propose"](desk, REF, reason) is desk.propose.return_value.proposal_id
    number = uuid4()
    assert serials["approve"](desk, REF, number) is desk.approve.return_value.complete_by
    desk.propose.assert_called_once_with(REF, reason)
    desk.approve.assert_called_once_with(number, REF)


HARDWARE: Final = "2V0716016FK2"


def hardware(state: enrollment_pb2.TokenState) -> enrollment_pb2.Token:
    return enrollment_pb2.Token(
        serial=HARDWARE,
        state=state,
        kind=enrollment_pb2.TOKEN_KIND_EVENT_BASED,
        digits=6,
        manufacturer="Kagi",
        model="K-1",
        expires_at=datetime(2031, 3, 31, tzinfo=UTC),
    )


def test_the_guides_counter_hands_a_token_out_and_takes_it_back(
    counter: Page, script: Script
) -> None:
    assigned = hardware(enrollment_pb2.TOKEN_STATE_ASSIGNED)
    script.answers.append(enrollment_pb2.AssignTokenResponse(token=assigned))
    assert counter["hand_out"](REF, HARDWARE) == "トークン 2V0716016FK2 交付済 (6桁)"

    active = hardware(enrollment_pb2.TOKEN_STATE_ACTIVE)
    script.answers.append(enrollment_pb2.GetTokenResponse(token=active))
    assert counter["look_up"](HARDWARE) == "Kagi K-1 利用中 2031年03月31日まで"

    for works, state in (
        (True, enrollment_pb2.TOKEN_STATE_RETURNED),
        (False, enrollment_pb2.TOKEN_STATE_DEFECTIVE),
    ):
        script.answers.append(enrollment_pb2.ReturnTokenResponse(token=hardware(state)))
        _, can_be_given_out = counter["take_back"](HARDWARE, works)
        assert can_be_given_out is works


def test_the_guides_counter_finds_a_token_again(counter: Page, script: Script) -> None:
    found = verification_pb2.ResynchronizeTokenResponse(
        outcome=verification_pb2.RESYNC_OUTCOME_SYNCHRONIZED
    )
    script.answers.append(found)
    request_id = uuid4()
    said = counter["resynchronize"](HARDWARE, "755224", "287082", request_id)
    assert "次のワンタイムパスワード" in said
    asked = script.only.request
    assert (asked.first_code, asked.second_code) == ("755224", "287082")
    assert asked.request_id == str(request_id)


def test_the_guides_counter_is_sorry_for_what_is_refused(counter: Page, script: Script) -> None:
    lost = verification_pb2.ResynchronizeTokenResponse(
        outcome=verification_pb2.RESYNC_OUTCOME_REJECTED
    )
    script.answers.extend([errors.NotInStock(), errors.NotAssigned(), lost])
    assert counter["hand_out"](REF, HARDWARE) == "NotInStock"
    assert counter["take_back"](HARDWARE, works=True) == "NotAssigned"
    assert counter["resynchronize"](HARDWARE, "755224", "287082", uuid4()) == "OtpRejected"
