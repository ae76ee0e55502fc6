# SPDX-License-Identifier: Apache-2.0
"""The client against a real listener: a receipt, or the error that says whose it is."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from development.certificates import AUTHORITY_TENANT, Identity
from kagimori.application.ports import BySerial, BySubscriber
from kagimori.domain import errors
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation as Domain
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    NotIdentified,
    Operation,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Receipt,
    RequestIdReused,
    TokenLocked,
    TokenNotActive,
    Unavailable,
    UnknownToken,
)
from kagimori_client.api.types.v1 import types_pb2
from kagimori_client.api.verification.v1 import verification_pb2
from kagimori_client.judging import judgement_of
from support.served.transport import (
    ACCEPTED,
    Answer,
    ScriptedVerify,
    Served,
    on_loop,
    serving,
    started,
)

CODE = "755224"
REF = "customer-4711"
PATIENCE = 30.0


@pytest.fixture
def bank(served: Served) -> Iterator[BankChannel]:
    with channel(served, served.bank()) as bank:
        yield bank


def channel(served: Served, identity: Identity, timeout: float = PATIENCE) -> BankChannel:
    return BankChannel(
        served.target,
        certificate=identity.certificate,
        private_key=identity.private_key.read_bytes(),
        authority_ca=str(served.authority.ca_file),
        timeout=timeout,
    )


def test_an_accepted_code_gives_a_receipt(bank: BankChannel, verify: ScriptedVerify) -> None:
    receipt = bank.verify(CODE, subscriber_ref=REF, operation=Operation.TRANSFER)
    assert receipt.number == "1234567"
    assert receipt.accepted_at == datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
    assert receipt.accepted_at.tzinfo is UTC
    # The very example of a bank's guide, in the way customers read it.
    assert receipt.in_japanese() == "受付番号 1234567 受付時刻 2003年07月16日 10時35分25秒"
    (asked,) = verify.asked
    assert asked["subject"] == BySubscriber(REF)
    assert asked["operation"] is Domain.TRANSFER
    assert asked["code"].reveal() == CODE
    assert asked["seconds_left"] <= PATIENCE


def test_a_serial_names_a_token_too(bank: BankChannel, verify: ScriptedVerify) -> None:
    bank.verify(CODE, serial="2V0716016FK2")
    assert verify.asked[0]["subject"] == BySerial("2V0716016FK2")
    assert verify.asked[0]["operation"] is Domain.LOGIN


@pytest.mark.parametrize(
    ("outcome", "left", "error"),
    [
        (Outcome.REJECTED, 4, OtpRejected),
        (Outcome.REPLAYED, 5, OtpReplayed),
        (Outcome.LOCKED, 0, TokenLocked),
        (Outcome.NOT_ACTIVE, None, TokenNotActive),
        (Outcome.UNKNOWN_TOKEN, None, UnknownToken),
    ],
)
def test_every_other_outcome_is_raised(
    bank: BankChannel,
    verify: ScriptedVerify,
    outcome: Outcome,
    left: int | None,
    error: type[OtpRefused],
) -> None:
    verify.answers.append(Verdict(outcome, attempts_left=left))
    refusal = failure(bank)
    assert type(refusal) is error
    assert isinstance(refusal, OtpRefused)
    assert refusal.attempts_left == left
    assert len(verify.asked) == 1


@pytest.mark.parametrize(
    "response",
    [
        verification_pb2.VerifyOtpResponse(),
        verification_pb2.VerifyOtpResponse(outcome=99),  # type: ignore[arg-type] # a later word
        verification_pb2.VerifyOtpResponse(outcome=types_pb2.OUTCOME_ACCEPTED),
    ],
)
def test_an_answer_that_is_not_known_is_never_a_yes(
    response: verification_pb2.VerifyOtpResponse,
) -> None:
    assert isinstance(judgement_of(response, uuid4()), AuthorityFault)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.RequestIdReused(), RequestIdReused),
        (errors.RecordTampered(), AuthorityFault),
        (KeyError(CODE), AuthorityFault),
    ],
)
def test_what_the_authority_fails_with(
    bank: BankChannel, verify: ScriptedVerify, error: Exception, raised: type[KagimoriError]
) -> None:
    verify.answers.append(error)
    assert type(failure(bank)) is raised
    assert len(verify.asked) == 1


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("code", {"code": "75522"}),
        ("code", {"code": " 755224"}),
        ("code", {"code": CODE.encode()}),
        ("code", {"code": int(CODE)}),
        ("code", {"code": f"{CODE}\ud800"}),
        ("subscriber_ref", {"subscriber_ref": REF.encode()}),
        ("serial", {"serial": b"SKTS00000001", "subscriber_ref": None}),
        ("operation", {"operation": "LOGIN"}),
        ("operation", {"operation": Operation.LOGIN.value}),
        ("subscriber_ref", {"subscriber_ref": "x" * 65}),
        ("serial", {"serial": "abc", "subscriber_ref": None}),
        ("subject", {"subscriber_ref": None}),
        ("subject", {"serial": "SKTS00000001"}),
    ],
)
def test_a_wrong_field_is_named(
    bank: BankChannel, verify: ScriptedVerify, field: str, changed: dict[str, Any]
) -> None:
    error = failure(bank, **changed)
    assert isinstance(error, InvalidRequest)
    assert error.field == field
    assert error.reason
    assert not verify.asked


def test_a_certificate_that_may_not(served: Served, verify: ScriptedVerify) -> None:
    with channel(served, served.bank(role="registrar")) as bank:
        assert type(failure(bank)) is NotAllowed
    with channel(served, served.authority.client("99999999", "channel")) as bank:
        assert type(failure(bank)) is NotIdentified
    with channel(served, served.authority.client(AUTHORITY_TENANT, "auditor")) as bank:
        assert type(failure(bank)) is NotAllowed
    assert not verify.asked


def test_an_outage_is_asked_again_under_the_same_request_id(
    bank: BankChannel, verify: ScriptedVerify
) -> None:
    verify.answers.extend(
        [errors.HsmUnavailable("the HSM gave no result", 0.05), errors.TokenBusy("busy", 0.05)]
    )
    assert bank.verify(CODE, subscriber_ref=REF).number == "1234567"
    assert len(verify.asked) == 3
    assert len({asked["request_id"] for asked in verify.asked}) == 1


def test_an_outage_that_lasts_tells_the_request_id(
    bank: BankChannel, verify: ScriptedVerify
) -> None:
    verify.answers.append(errors.StoreUnavailable("the database gave no answer", 3600.0))
    outage = failure(bank)
    assert isinstance(outage, Unavailable)
    assert outage.retry_after == 3600.0
    receipt = bank.verify(CODE, subscriber_ref=REF, request_id=outage.request_id)
    assert receipt.number == "1234567"
    assert {asked["request_id"] for asked in verify.asked} == {str(outage.request_id)}


def test_a_restart_of_one_worker_after_the_other_is_not_noticed(tmp_path: Path) -> None:
    with serving(tmp_path, reuse_port=True) as first:
        shared = replace(first.settings, listen=f"127.0.0.1:{first.server.port}")
        ended = threading.Event()
        with channel(first, first.bank(), timeout=5.0) as bank, ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask_until, bank, ended) for _ in range(4)]
            worker = first.server
            try:
                for _ in range(3):
                    following = on_loop(started(shared, first.verify, first.components))
                    on_loop(worker.stop(grace=1.0))
                    worker = following
            finally:
                ended.set()
            assert all(call.result(PATIENCE) > 0 for call in asking)
            on_loop(worker.stop(grace=1.0))


def ask_until(bank: BankChannel, ended: threading.Event) -> int:
    """Return how many calls were accepted, one after the other; the first failure is raised."""
    calls = 0
    while not ended.is_set():
        bank.verify(CODE, subscriber_ref=REF)
        calls += 1
    return calls


def test_each_call_has_its_own_request_id(bank: BankChannel, verify: ScriptedVerify) -> None:
    given = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
    bank.verify(CODE, subscriber_ref=REF)
    bank.verify(CODE, subscriber_ref=REF)
    bank.verify(CODE, subscriber_ref=REF, request_id=given)
    assert len({asked["request_id"] for asked in verify.asked}) == 3
    assert verify.asked[-1]["request_id"] == str(given)


def test_a_deadline_is_always_set(tmp_path: Path) -> None:
    gate = threading.Event()

    def stuck() -> Verdict:
        gate.wait(PATIENCE)
        return ACCEPTED

    with serving(tmp_path) as served, channel(served, served.bank(), timeout=0.3) as bank:
        served.verify.answers.append(stuck)
        try:
            outage = failure(bank)
        finally:
            gate.set()
    assert isinstance(outage, Unavailable)
    assert "DEADLINE_EXCEEDED" in str(outage)


def test_an_authority_that_is_not_there(served: Served) -> None:
    with BankChannel(
        "localhost:1",
        certificate=served.bank().certificate,
        private_key=served.bank().private_key,
        authority_ca=served.authority.ca_file,
    ) as bank:
        assert isinstance(failure(bank, timeout=1.0), Unavailable)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_a_timeout_that_is_none(served: Served, bank: BankChannel, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        bank.verify(CODE, subscriber_ref=REF, timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        channel(served, served.bank(), timeout=timeout)


@pytest.mark.parametrize(
    ("argument", "value", "takes"),
    [
        ("timeout", "5", "a positive number of seconds"),
        ("request_id", "0192b3c4-5d6e-7f80-9123-456789abcdef", "a uuid.UUID"),
        ("request_id", "", "a uuid.UUID"),
    ],
)
def test_an_argument_of_another_type_is_named(
    bank: BankChannel, verify: ScriptedVerify, argument: str, value: object, takes: str
) -> None:
    with pytest.raises(TypeError) as wrong:
        failure(bank, **{argument: value})
    assert str(wrong.value) == f"{argument} must be {takes}"
    assert not verify.asked


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        (Verdict(Outcome.REJECTED, attempts_left=4), {}),
        (errors.RecordTampered(), {}),
        (KeyError(CODE), {}),
        (errors.StoreUnavailable("the database gave no answer", 3600.0), {}),
        (None, {"code": f"{CODE}\n"}),
        (None, {"code": int(CODE)}),
        (None, {"code": CODE.encode()}),
        (None, {"code": f"{CODE}\ud800"}),
        (None, {"subscriber_ref": f"{REF}\x00"}),
    ],
)
def test_no_error_shows_a_code_or_a_customer(
    bank: BankChannel, verify: ScriptedVerify, answer: Answer | None, changed: dict[str, Any]
) -> None:
    if answer is not None:
        verify.answers.append(answer)
    error = failure(bank, **changed)
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    # The lines of this very test are quoted in the traceback; its values are not.
    assert CODE not in shown
    assert REF not in shown


def failure(bank: BankChannel, **changed: object) -> KagimoriError:
    asked: dict[str, Any] = {"code": CODE, "subscriber_ref": REF, **changed}
    try:
        bank.verify(**asked)
    except KagimoriError as error:
        return error
    msg = "the code was accepted"
    raise AssertionError(msg)


def test_the_receipt_is_a_value() -> None:
    first = judgement_of(
        verification_pb2.VerifyOtpResponse(
            outcome=types_pb2.OUTCOME_ACCEPTED,
            receipt=types_pb2.Receipt(
                number="1234567", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
            ),
        ),
        uuid4(),
    )
    assert isinstance(first, Receipt)
    assert first == replace(first)
    with pytest.raises(AttributeError):
        first.number = "7654321"  # type: ignore[misc] # frozen
