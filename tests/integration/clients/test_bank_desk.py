# SPDX-License-Identifier: Apache-2.0
"""The bank's staff unlock, once for each decision."""

from __future__ import annotations

from typing import Any

import pytest

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.domain import errors
from kagimori_client import (
    AuthorityFault,
    BankDesk,
    EnrollmentStatus,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    NotLocked,
    NoToken,
    Unavailable,
)
from support.pages.bank_page import (
    AWAY,
    PATIENCE,
    REF,
    failure,
)
from support.pages.scripted_registry import BANK, Registry, Script


def test_the_banks_staff_unlock_by_customer_or_by_serial(desk: BankDesk, script: Script) -> None:
    script.answers.extend([enrollment_pb2.UnlockTokenResponse()] * 3)
    desk.unlock(REF)
    desk.unlock(subscriber_ref=REF)
    desk.unlock(serial="2V0716016FK2")
    named = [asked.request.WhichOneof("subject") for asked in script.asked]
    assert named == ["subscriber_ref", "subscriber_ref", "serial"]
    assert script.asked[0].request.subscriber_ref == REF
    assert script.asked[2].request.serial == "2V0716016FK2"
    assert script.asked[0].caller.endswith(f"/tenant/{BANK}/role/operator/id/core-1")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.NotLocked(), NotLocked),
        (errors.NoToken(), NoToken),
        (errors.InvalidField("serial", "must be 1 to 32 of [0-9A-Z]"), InvalidRequest),
        (AWAY, Unavailable),
        (errors.RecordTampered(), AuthorityFault),
    ],
)
def test_an_unlocking_is_asked_for_once(
    desk: BankDesk, script: Script, error: errors.AuthorityError, raised: type[KagimoriError]
) -> None:
    script.answers.append(error)
    assert type(failure(lambda: desk.unlock(REF))) is raised
    assert len(script.asked) == 1


@pytest.mark.parametrize("names", [{}, {"subscriber_ref": REF, "serial": "2V0716016FK2"}])
def test_an_unlocking_names_one_token(
    desk: BankDesk, script: Script, names: dict[str, Any]
) -> None:
    wrong = failure(lambda: desk.unlock(**names))
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == "subject"
    assert not script.asked


def test_an_unlocking_has_a_deadline(desk: BankDesk, script: Script) -> None:
    script.answers.append(enrollment_pb2.UnlockTokenResponse())
    desk.unlock(REF, timeout=7.0)
    assert script.only.deadline <= 7.0
    with pytest.raises(ValueError, match="timeout"):
        desk.unlock(REF, timeout=0)


def test_the_banks_staff_see_the_status(desk: BankDesk, script: Script) -> None:
    locked = enrollment_pb2.Enrollment(
        status=enrollment_pb2.ENROLLMENT_STATUS_LOCKED, service_id=BANK, serial="2V0716016FK2"
    )
    script.answers.append(enrollment_pb2.GetEnrollmentResponse(enrollment=locked))
    seen = desk.status(REF)
    assert (seen.status, seen.serial) == (EnrollmentStatus.LOCKED, "2V0716016FK2")


@pytest.mark.parametrize("role", ["channel", "registrar"])
def test_only_the_banks_staff_unlock(registry: Registry, script: Script, role: str) -> None:
    with BankDesk(registry.target, **registry.files(role), timeout=PATIENCE) as desk:
        assert type(failure(lambda: desk.unlock(REF))) is NotAllowed
    assert not script.asked
