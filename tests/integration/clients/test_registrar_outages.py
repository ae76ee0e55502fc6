# SPDX-License-Identifier: Apache-2.0
"""No answer, or nobody to ask: one deadline, one request_id, and certificates that do not count."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from google.protobuf.message import Message

from development.certificates import A_DAY, Identity, new_authority
from kagimori_client import (
    NotAllowed,
    NotIdentified,
    TokenRegistrar,
    Unavailable,
)
from support.pages.bank_page import (
    ACCEPTED,
    AWAY,
    AWAY_FOR_LONG,
    EVERY_CALL,
    PATIENCE,
    UNDER_AN_ID,
    WITHOUT_ONE,
    Call,
    activate,
    deregister,
    failure,
    issue,
    status,
)
from support.pages.scripted_registry import BANK, Registry, Script, files_of, listening


@pytest.mark.parametrize(("call", "answer"), UNDER_AN_ID)
def test_an_outage_is_asked_again_under_the_same_request_id(
    registrar: TokenRegistrar, script: Script, call: Call, answer: Message
) -> None:
    script.answers.extend([AWAY, AWAY, answer])
    # gRPC tells a long deadline by coarse steps.
    call(registrar, timeout=5.0)
    assert len(script.asked) == 3
    assert len({asked.request.request_id for asked in script.asked}) == 1
    first, *_, last = script.asked
    assert first.request == last.request
    assert first.deadline > last.deadline


@pytest.mark.parametrize(("call", "answer"), WITHOUT_ONE)
def test_what_has_no_request_id_is_asked_again_as_it_was(
    registrar: TokenRegistrar, script: Script, call: Call, answer: Message
) -> None:
    script.answers.extend([AWAY, answer])
    call(registrar)
    first, second = script.asked
    assert first.request == second.request


@pytest.mark.parametrize(("call", "answer"), UNDER_AN_ID)
def test_an_outage_that_lasts_tells_the_request_id_to_go_on_with(
    registrar: TokenRegistrar, script: Script, call: Call, answer: Message
) -> None:
    script.answers.extend([AWAY_FOR_LONG, answer])
    outage = failure(lambda: call(registrar))
    assert isinstance(outage, Unavailable)
    assert outage.retry_after == 3600.0
    call(registrar, request_id=outage.request_id)
    assert {asked.request.request_id for asked in script.asked} == {str(outage.request_id)}


def test_an_outage_of_a_call_without_a_request_id_names_none(
    registrar: TokenRegistrar, script: Script
) -> None:
    script.answers.append(AWAY_FOR_LONG)
    outage = failure(lambda: status(registrar))
    assert outage.request_id is None
    assert "request_id" not in str(outage)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_a_deadline_is_always_set(tmp_path: Path, call: Call) -> None:
    gate = threading.Event()

    def stuck() -> Message:
        gate.wait(PATIENCE)
        return ACCEPTED

    with (
        listening(tmp_path) as registry,
        TokenRegistrar(registry.target, **registry.files(), timeout=0.3) as registrar,
    ):
        registry.script.answers.append(stuck)
        try:
            outage = failure(lambda: call(registrar))
        finally:
            gate.set()
    assert isinstance(outage, Unavailable)
    assert "DEADLINE_EXCEEDED" in str(outage)


@pytest.mark.parametrize("role", ["channel", "operator"])
@pytest.mark.parametrize("call", [issue, activate, deregister])
def test_another_role_may_not(registry: Registry, script: Script, role: str, call: Call) -> None:
    with TokenRegistrar(registry.target, **registry.files(role), timeout=PATIENCE) as registrar:
        assert type(failure(lambda: call(registrar))) is NotAllowed
    assert not script.asked


def test_a_bank_that_is_not_known_is_nobody(registry: Registry, script: Script) -> None:
    stranger = files_of(registry.identity("registrar", "99999999"), registry.authority)
    with TokenRegistrar(registry.target, **stranger, timeout=PATIENCE) as registrar:
        assert type(failure(lambda: status(registrar))) is NotIdentified
    assert not script.asked


@pytest.fixture
def expired(registry: Registry) -> dict[str, Path]:
    identity = registry.authority.issue(
        "expired", [_name()], ExtendedKeyUsageOID.CLIENT_AUTH, valid_for=-A_DAY
    )
    return files_of(identity, registry.authority)


@pytest.fixture
def of_another_authority(registry: Registry, tmp_path: Path) -> dict[str, Path]:
    other: Identity = new_authority(tmp_path).client(BANK, "registrar")
    return files_of(other, registry.authority)


@pytest.fixture
def trusting_another_authority(registry: Registry, tmp_path: Path) -> dict[str, Path]:
    return files_of(registry.identity("registrar"), new_authority(tmp_path))


def _name() -> x509.GeneralName:
    uri = f"spiffe://kagimori.example/tenant/{BANK}/role/registrar/id/core-1"
    return x509.UniformResourceIdentifier(uri)


@pytest.mark.parametrize("files", ["expired", "of_another_authority", "trusting_another_authority"])
def test_a_certificate_that_does_not_count_gets_no_answer(
    registry: Registry, script: Script, files: str, request: pytest.FixtureRequest
) -> None:
    wrong: dict[str, Path] = request.getfixturevalue(files)
    with TokenRegistrar(registry.target, **wrong, timeout=2.0) as registrar:
        assert type(failure(lambda: issue(registrar))) is Unavailable
    assert not script.asked
