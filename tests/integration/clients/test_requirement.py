# SPDX-License-Identifier: Apache-2.0
"""A channel asks whether a code is needed; only a clear no is a no."""

from __future__ import annotations

from typing import Any, assert_type

import pytest

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    InvalidRequest,
    NotAllowed,
    Operation,
    OtpRequirement,
    Requirement,
    Unavailable,
)
from support.pages.bank_page import (
    AWAY,
    AWAY_FOR_LONG,
    PATIENCE,
    REF,
    failure,
)
from support.pages.scripted_registry import Registry, Script


@pytest.mark.parametrize(
    ("wire", "has_token", "needs"),
    [
        (verification_pb2.OTP_REQUIREMENT_NONE, False, Requirement.NONE),
        (verification_pb2.OTP_REQUIREMENT_NONE, True, Requirement.NONE),
        (verification_pb2.OTP_REQUIREMENT_OTP, True, Requirement.OTP),
    ],
)
def test_a_channel_is_told_whether_a_code_is_needed(
    channel: BankChannel,
    script: Script,
    wire: verification_pb2.OtpRequirement,
    has_token: bool,  # noqa: FBT001 - a case
    needs: Requirement,
) -> None:
    script.answers.append(
        verification_pb2.GetOtpRequirementResponse(requirement=wire, has_token=has_token)
    )
    told = assert_type(channel.requirement(REF, Operation.TRANSFER), OtpRequirement)
    assert told == OtpRequirement(needs, has_token=has_token)
    asked = script.only.request
    assert (asked.subscriber_ref, asked.operation) == (REF, types_pb2.OPERATION_TRANSFER)


@pytest.mark.parametrize("word", [0, 99])
def test_a_requirement_that_is_not_known_never_means_none(
    channel: BankChannel, script: Script, word: verification_pb2.OtpRequirement
) -> None:
    script.answers.append(verification_pb2.GetOtpRequirementResponse(requirement=word))
    error = failure(lambda: channel.requirement(REF, Operation.LOGIN))
    assert type(error) is AuthorityFault


def test_an_outage_never_means_that_no_code_is_needed(channel: BankChannel, script: Script) -> None:
    script.answers.extend([AWAY, AWAY_FOR_LONG])
    assert type(failure(lambda: channel.requirement(REF, Operation.LOGIN))) is Unavailable
    assert len(script.asked) == 2


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("subscriber_ref", (REF.encode(), Operation.LOGIN)),
        ("operation", (REF, "LOGIN")),
        ("operation", (REF, Operation.LOGIN.value)),
    ],
)
def test_a_question_that_can_be_none_is_not_sent(
    channel: BankChannel, script: Script, field: str, arguments: tuple[Any, Any]
) -> None:
    wrong = failure(lambda: channel.requirement(*arguments))
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == field
    assert not script.asked


def test_a_registrar_may_not_ask_what_a_channel_asks(registry: Registry, script: Script) -> None:
    with BankChannel(registry.target, **registry.files(), timeout=PATIENCE) as channel:
        error = failure(lambda: channel.requirement(REF, Operation.LOGIN))
    assert type(error) is NotAllowed
    assert not script.asked
