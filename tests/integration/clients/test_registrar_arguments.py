# SPDX-License-Identifier: Apache-2.0
"""What a bank's page hands in wrong is named, never sent and never shown."""

from __future__ import annotations

import traceback
from uuid import UUID

import pytest

from kagimori.domain import errors
from kagimori_client import (
    InvalidRequest,
    TokenRegistrar,
)
from support.pages.bank_page import (
    ADDRESS,
    AWAY_FOR_LONG,
    CODE,
    EVERY_CALL,
    PASSWORD,
    REF,
    SECRETS,
    Call,
    activate,
    deregister,
    failure,
    issue,
    status,
)
from support.pages.scripted_registry import Script

GIVEN = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")


@pytest.mark.parametrize("call", EVERY_CALL)
@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_a_timeout_that_is_none(
    registrar: TokenRegistrar, script: Script, call: Call, timeout: float
) -> None:
    with pytest.raises(ValueError, match="timeout"):
        call(registrar, timeout=timeout)
    assert not script.asked


@pytest.mark.parametrize("call", [issue, activate])
@pytest.mark.parametrize(
    ("wrong", "takes"),
    [
        ({"timeout": "5"}, "timeout must be a positive number of seconds"),
        ({"request_id": str(GIVEN)}, "request_id must be a uuid.UUID"),
        ({"request_id": ""}, "request_id must be a uuid.UUID"),
    ],
)
def test_an_argument_of_another_type_is_named(
    registrar: TokenRegistrar, script: Script, call: Call, wrong: dict[str, object], takes: str
) -> None:
    with pytest.raises(TypeError) as error:
        call(registrar, **wrong)
    assert str(error.value) == takes
    assert not script.asked


@pytest.mark.parametrize(
    ("call", "field", "value"),
    [
        (issue, "subscriber_ref", REF.encode()),
        (issue, "mail_address", ADDRESS.encode()),
        (issue, "mail_address", None),
        (issue, "activation_password", PASSWORD.encode()),
        (issue, "activation_password", int(PASSWORD)),
        (issue, "activation_password", f"{PASSWORD}\ud800"),
        (activate, "subscriber_ref", None),
        (activate, "code", CODE.encode()),
        (activate, "code", int(CODE)),
        (deregister, "subscriber_ref", 4711),
        (status, "subscriber_ref", f"{REF}\ud800"),
    ],
)
def test_what_can_be_no_field_is_named_and_never_sent(
    registrar: TokenRegistrar,
    script: Script,
    call: Call,
    field: str,
    value: object,
) -> None:
    wrong = failure(lambda: call(registrar, **{field: value}))
    assert isinstance(wrong, InvalidRequest)
    assert wrong.field == field
    assert not script.asked


def test_a_field_that_the_authority_refuses_is_named(
    registrar: TokenRegistrar, script: Script
) -> None:
    script.answers.append(errors.InvalidField("activation_password", "must be 4 to 8 ASCII digits"))
    wrong = failure(lambda: issue(registrar))
    assert isinstance(wrong, InvalidRequest)
    assert (wrong.field, wrong.reason) == ("activation_password", "must be 4 to 8 ASCII digits")


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        (issue, {}),
        (activate, {}),
        (deregister, {}),
        (status, {}),
        (issue, {"activation_password": PASSWORD.encode()}),
        (issue, {"activation_password": int(PASSWORD)}),
        (issue, {"activation_password": f"{PASSWORD}\ud800"}),
        (issue, {"mail_address": ADDRESS.encode()}),
        (activate, {"code": CODE.encode()}),
        (status, {"subscriber_ref": f"{REF}\ud800"}),
    ],
)
@pytest.mark.parametrize("answer", [AWAY_FOR_LONG, errors.RecordTampered(), errors.NoToken()])
def test_no_error_shows_what_the_customer_typed(
    registrar: TokenRegistrar,
    script: Script,
    call: Call,
    changed: dict[str, object],
    answer: errors.AuthorityError,
) -> None:
    script.answers.append(answer)
    error = failure(lambda: call(registrar, **changed))
    # The lines of this very test are quoted in the traceback; its values are not.
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    for secret in SECRETS:
        assert secret not in shown
    assert all(secret not in repr(registrar) for secret in SECRETS)
