# SPDX-License-Identifier: Apache-2.0
"""A check that cannot fail proves nothing: here they do."""

from __future__ import annotations

import pytest
from pkcs11.exceptions import (
    AttributeSensitive,
    DeviceError,
    NoSuchKey,
    PKCS11Error,
    TemplateInconsistent,
    UserNotLoggedIn,
)

from kagimori.custody.checks.trial import Finding, WrongAnswerError, trial
from kagimori.custody.cryptoki_names import name_of


def raising(error: Exception) -> object:
    raise error


def refused(error: Exception | None, *codes: str) -> Finding:
    findings: list[Finding] = []
    with trial(findings, "keys", "kenshin") as on:
        on.refused("try", lambda: raising(error) if error else None, *codes)
    (finding,) = findings
    return finding


def test_the_refusal_that_is_wanted_passes() -> None:
    finding = refused(TemplateInconsistent(), "CKR_TEMPLATE_INCONSISTENT")
    assert finding.passed
    assert finding.answer == "CKR_TEMPLATE_INCONSISTENT"


def test_what_must_be_refused_and_is_done_fails() -> None:
    finding = refused(None, "CKR_TEMPLATE_INCONSISTENT")
    assert not finding.passed
    assert (finding.wanted, finding.answer) == ("CKR_TEMPLATE_INCONSISTENT", "done")


def test_a_fault_is_no_refusal() -> None:
    finding = refused(DeviceError(), "CKR_TEMPLATE_INCONSISTENT")
    assert not finding.passed
    assert finding.answer == "CKR_DEVICE_ERROR"


def test_one_of_several_refusals_passes() -> None:
    assert refused(AttributeSensitive(), "CKR_ACTION_PROHIBITED", "CKR_ATTRIBUTE_SENSITIVE").passed


def test_what_must_work_and_does_is_returned() -> None:
    findings: list[Finding] = []
    with trial(findings, "keys", "kenshin") as on:
        assert on.works("try", lambda: 42) == 42
    assert [finding.passed for finding in findings] == [True]


@pytest.mark.parametrize(
    ("error", "answer"),
    [(DeviceError(), "CKR_DEVICE_ERROR"), (WrongAnswerError("wrong HMAC"), "wrong HMAC")],
)
def test_what_must_work_and_does_not_ends_the_trial_of_that_key(
    error: Exception, answer: str
) -> None:
    findings: list[Finding] = []
    with trial(findings, "keys", "kenshin") as on:
        on.works("try", lambda: raising(error))
        on.works("never tried", lambda: 42)
    assert [(f.attempt, f.answer, f.passed) for f in findings] == [("try", answer, False)]


def test_what_must_hold_and_does_not_lets_the_trial_go_on() -> None:
    findings: list[Finding] = []
    with trial(findings, "keys", "kenshin") as on:
        on.holds("flags", lambda: raising(WrongAnswerError("DECRYPT=T")))
        on.works("next", lambda: 42)
    assert [(f.attempt, f.passed) for f in findings] == [("flags", False), ("next", True)]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (UserNotLoggedIn(), "CKR_USER_NOT_LOGGED_IN"),
        (PKCS11Error("Unmapped error code 0x1b"), "CKR_ACTION_PROHIBITED"),
        (PKCS11Error("Unmapped error code 0x68"), "CKR_KEY_FUNCTION_NOT_PERMITTED"),
        (PKCS11Error("Unmapped error code 0x80000001"), "CKR 0x80000001"),
        (NoSuchKey("No key matching"), "no such key"),
    ],
)
def test_refusals_have_the_names_of_pkcs11(error: PKCS11Error, name: str) -> None:
    assert name_of(error) == name
