# SPDX-License-Identifier: Apache-2.0
"""An enrolment is a value with every word of the wire, and shows nobody's user ID."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from kagimori_client import (
    AuthorityFault,
    Enrollment,
    EnrollmentStatus,
    LetterStatus,
    OtpRequirement,
    Requirement,
)
from kagimori_client.api.enrollment.v1 import enrollment_pb2, login_otp_pb2
from kagimori_client.api.verification.v1 import verification_pb2
from kagimori_client.enrolling import enrollment_of
from kagimori_client.requirement import requirement_of

# 登録状況 as the banks' guides show it; what they do not show, in their manner.
SHOWN = {
    EnrollmentStatus.NOT_REGISTERED: "未登録",
    EnrollmentStatus.ISSUED: "申請済",
    EnrollmentStatus.PROVISIONED: "トークン発行済",
    EnrollmentStatus.ACTIVE: "利用中",
    EnrollmentStatus.LOCKED: "利用停止中",
    EnrollmentStatus.RELEASED: "利用解除",
    EnrollmentStatus.VOID: "無効",
}
A_WORD_OF_A_LATER_DAY = 99


def of(**fields: object) -> Enrollment:
    return enrollment_of(enrollment_pb2.Enrollment(**fields), None)  # type: ignore[arg-type] # whatever the wire holds


@pytest.mark.parametrize("status", EnrollmentStatus)
def test_every_status_is_shown_in_japanese(status: EnrollmentStatus) -> None:
    assert status.in_japanese() == SHOWN[status]


def test_every_status_of_the_wire_is_known_by_its_name() -> None:
    wire = dict(enrollment_pb2.EnrollmentStatus.items())
    assert wire.pop("ENROLLMENT_STATUS_UNSPECIFIED") == 0
    known = {name: f"ENROLLMENT_STATUS_{of(status=word).status}" for name, word in wire.items()}
    assert known == {name: name for name in wire}
    assert len(known) == len(EnrollmentStatus)


def test_every_letter_of_the_wire_is_known_by_its_name() -> None:
    wire = dict(enrollment_pb2.LetterStatus.items())
    assert wire.pop("LETTER_STATUS_UNSPECIFIED") == 0
    known = {
        name: f"LETTER_STATUS_{of(status=2, letter=word).letter}" for name, word in wire.items()
    }
    assert known == {name: name for name in wire}
    assert len(known) == len(LetterStatus)


def test_every_requirement_of_the_wire_is_known_by_its_name() -> None:
    wire = dict(verification_pb2.OtpRequirement.items())
    assert wire.pop("OTP_REQUIREMENT_UNSPECIFIED") == 0
    assert {f"OTP_REQUIREMENT_{member.name}": member.value for member in Requirement} == wire


def test_every_choice_of_the_wire_is_known() -> None:
    wire = dict(login_otp_pb2.LoginOtp.items())
    known = {name: of(status=4, login_otp=word).login_otp for name, word in wire.items()}
    assert known == {
        "LOGIN_OTP_UNSPECIFIED": None,
        "LOGIN_OTP_REQUIRED": True,
        "LOGIN_OTP_NOT_REQUIRED": False,
    }


def test_a_choice_of_a_later_day_is_none_of_both() -> None:
    assert of(status=4, login_otp=A_WORD_OF_A_LATER_DAY).login_otp is None


def test_a_letter_of_a_later_day_hides_no_enrolment() -> None:
    assert of(status=2, letter=A_WORD_OF_A_LATER_DAY).letter is None


@pytest.mark.parametrize("day", ["2012-4-26", "tomorrow", "2012-02-30"])
def test_a_day_that_is_none_is_the_authoritys_fault(day: str) -> None:
    with pytest.raises(AuthorityFault):
        of(status=6, reissue_from=day)


def test_an_enrolment_is_a_value_that_shows_no_user_id() -> None:
    enrolled = Enrollment(
        EnrollmentStatus.RELEASED,
        "10112231",
        user_id="999800000001",
        issued_at=datetime(2012, 4, 25, tzinfo=UTC),
        reissue_from=date(2012, 4, 26),
    )
    assert enrolled == replace(enrolled)
    assert "999800000001" not in repr(enrolled)
    with pytest.raises(AttributeError):
        enrolled.user_id = "999800000002"  # type: ignore[misc] # frozen


def test_a_requirement_is_a_value() -> None:
    needed = OtpRequirement(Requirement.OTP, has_token=True)
    assert needed == OtpRequirement(Requirement.OTP, has_token=True)
    with pytest.raises(AttributeError):
        needed.needs = Requirement.NONE  # type: ignore[misc] # frozen


def test_the_day_of_the_cut_over_is_a_day_or_none() -> None:
    needed = verification_pb2.GetOtpRequirementResponse(
        requirement=verification_pb2.OTP_REQUIREMENT_REGISTRATION, cut_over_on="2027-01-15"
    )
    assert requirement_of(needed) == OtpRequirement(
        Requirement.REGISTRATION, has_token=False, cut_over=date(2027, 1, 15)
    )
    needed.cut_over_on = ""
    assert requirement_of(needed).cut_over is None


@pytest.mark.parametrize("day", ["9999年99月99日", "2027-1-15", "tomorrow"])
def test_a_cut_over_on_no_day_is_the_authoritys_fault(day: str) -> None:
    needed = verification_pb2.GetOtpRequirementResponse(
        requirement=verification_pb2.OTP_REQUIREMENT_NONE, cut_over_on=day
    )
    with pytest.raises(AuthorityFault):
        requirement_of(needed)


def test_a_need_of_a_later_day_is_never_taken_for_none() -> None:
    needed = verification_pb2.GetOtpRequirementResponse()
    needed.requirement = A_WORD_OF_A_LATER_DAY  # type: ignore[assignment] # whatever the wire holds
    with pytest.raises(AuthorityFault):
        requirement_of(needed)
