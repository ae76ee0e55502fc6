# SPDX-License-Identifier: Apache-2.0
"""取引確認 on the wire: who may call, what the use cases are asked, and what a log line has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import grpc
import pytest
from structlog.testing import capture_logs

from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2 as pb
from kagimori.api.verification.v1.verification_pb2_grpc import VerificationServiceStub
from kagimori.application.signing.create import MadeChallenge
from kagimori.application.verification.verify import Caller
from kagimori.domain import errors
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.transaction import (
    AccountType,
    Challenge,
    SigningProfile,
    Transaction,
    Transfer,
)
from support.processes.calls import PATIENCE, REQUEST_ID, eventually
from support.served.transport import (
    ACCEPTED,
    BANK,
    Component,
    ScriptedSigning,
    ScriptedVerify,
    Served,
    failure_of,
    on_loop,
    open_channel,
    settings_of,
    started,
)

CHALLENGE_ID: Final = "0192b3c4-5d6e-7f80-9123-456789abcde0"
CUSTOMER: Final = "customer-4711"
CODE: Final = "75522493"
CALLER: Final = Caller(BANK, "core-1")
PAID: Final = Transaction(
    (Transfer("0001", "023", AccountType.SAVINGS, "4567890", "ｸﾏﾓﾄ ﾊﾅｺ", 1_234_567, ""),)
)
TOLD: Final = pb.Transaction(
    currency="JPY",
    transfers=[
        pb.Transfer(
            bank_code="0001",
            branch_code="023",
            account_type=pb.ACCOUNT_TYPE_SAVINGS,
            account_number="4567890",
            payee_name="ｸﾏﾓﾄ ﾊﾅｺ",
            amount=1_234_567,
        )
    ],
)
AT: Final = datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)


@pytest.fixture
def signing(served: Served) -> ScriptedSigning:
    scripted = served.signing
    for each in (scripted.challenge, scripted.judge):
        each.asked.clear()
        each.answers.clear()
    scripted.judge.begun.clear()
    return scripted


def stub_of(channel: grpc.Channel) -> VerificationServiceStub:
    return VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated


def asking(**changed: Any) -> pb.CreateTransactionChallengeRequest:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "subscriber_ref": CUSTOMER,
        "profile": pb.SIGNING_PROFILE_TYPED,
        "transaction": TOLD,
        **changed,
    }
    return pb.CreateTransactionChallengeRequest(**fields)


def answering(**changed: Any) -> pb.VerifyTransactionRequest:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "subscriber_ref": CUSTOMER,
        "challenge_id": CHALLENGE_ID,
        "transaction": TOLD,
        "code": CODE,
        **changed,
    }
    return pb.VerifyTransactionRequest(**fields)


def test_a_challenge_is_asked_for_and_told(line: grpc.Channel, signing: ScriptedSigning) -> None:
    challenge = Challenge("10112231", CHALLENGE_ID, PAID)
    signing.challenge.answers.append(MadeChallenge(challenge, SigningProfile.TYPED, AT))
    told = stub_of(line).CreateTransactionChallenge(asking(), timeout=PATIENCE)
    assert signing.challenge.asked == [
        (CALLER, REQUEST_ID, CUSTOMER, SigningProfile.TYPED, PAID),
    ]
    assert (told.challenge_id, told.text) == (CHALLENGE_ID, "")
    assert (told.typed_account, told.typed_amount) == ("4567890", "1234567")
    assert told.expires_at.ToDatetime(tzinfo=UTC) == AT


def test_a_code_is_offered_with_all_that_it_is_about(
    line: grpc.Channel, signing: ScriptedSigning
) -> None:
    told = stub_of(line).VerifyTransaction(answering(), timeout=PATIENCE)
    (asked,) = signing.judge.asked
    assert (asked["caller"], asked["request_id"]) == (CALLER, REQUEST_ID)
    assert (asked["subscriber_ref"], asked["challenge_id"]) == (CUSTOMER, CHALLENGE_ID)
    assert asked["transaction"] == PAID
    assert asked["code"].reveal() == CODE
    assert asked["seconds_left"] > 0
    assert told.outcome == types_pb2.OUTCOME_ACCEPTED
    assert told.receipt.transaction_digest == signing.digest
    assert told.receipt.number == "1234567"


@pytest.mark.parametrize(
    ("role", "tenant"),
    [("registrar", BANK), ("operator", BANK), ("hsm-admin", "_authority")],
)
def test_only_a_channel_may_ask(
    served: Served, signing: ScriptedSigning, role: str, tenant: str
) -> None:
    with served.channel(served.bank(role, tenant)) as other:
        stub = stub_of(other)
        for rpc, request in (
            (stub.CreateTransactionChallenge, asking()),
            (stub.VerifyTransaction, answering()),
        ):
            told = failure_of(lambda: rpc(request, timeout=PATIENCE))  # noqa: B023 - called here
            assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert not signing.judge.asked
    assert not signing.challenge.asked


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (errors.TransactionChanged(), "TRANSACTION_CHANGED"),
        (errors.ChallengeOver(), "CHALLENGE_OVER"),
        (errors.CannotSign(), "CANNOT_SIGN"),
    ],
    ids=["changed", "over", "cannot"],
)
def test_a_refusal_has_its_reason_and_its_line(
    line: grpc.Channel, signing: ScriptedSigning, refusal: errors.AuthorityError, reason: str
) -> None:
    signing.judge.answers.append(refusal)
    with capture_logs() as logs:
        told = failure_of(lambda: stub_of(line).VerifyTransaction(answering(), timeout=PATIENCE))
    assert (told.code, told.reason) == (grpc.StatusCode.FAILED_PRECONDITION, reason)
    (entry,) = logs
    assert (entry["reason"], entry["challenge_id"]) == (reason, CHALLENGE_ID)


def test_the_line_of_a_call_has_its_names_and_its_outcome_and_no_more(
    line: grpc.Channel, signing: ScriptedSigning
) -> None:
    signing.judge.answers.append(Verdict(Outcome.REJECTED, attempts_left=4))
    with capture_logs() as logs:
        stub_of(line).VerifyTransaction(answering(), timeout=PATIENCE)
    (entry,) = logs
    assert entry.pop("milliseconds") >= 0
    assert entry == {
        "event": "rpc",
        "log_level": "info",
        "method": "/kagimori.verification.v1.VerificationService/VerifyTransaction",
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "operation": "SIGNATURE",
        "request_id": REQUEST_ID,
        "challenge_id": CHALLENGE_ID,
        "outcome": "REJECTED",
        "status": "OK",
    }


def test_what_is_no_request_id_is_not_logged_as_one(
    line: grpc.Channel, signing: ScriptedSigning
) -> None:
    with capture_logs() as logs:
        for rpc, request in (
            (stub_of(line).CreateTransactionChallenge, asking(request_id=CODE)),
            (stub_of(line).VerifyTransaction, answering(request_id=CODE)),
            (stub_of(line).VerifyTransaction, answering(challenge_id=CODE)),
        ):
            failure_of(lambda: rpc(request, timeout=PATIENCE))  # noqa: B023 - called here
    assert [entry["field"] for entry in logs] == ["request_id", "request_id", "challenge_id"]
    assert CODE not in str(logs)
    assert not signing.judge.asked


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    closed = threading.Event()
    yield closed
    closed.set()


def test_a_caller_who_gives_up_leaves_nothing_behind(
    line: grpc.Channel,
    signing: ScriptedSigning,
    gate: threading.Event,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def waiting() -> Verdict:
        gate.wait(PATIENCE)
        return ACCEPTED

    signing.judge.answers.append(waiting)
    with capture_logs() as logs, caplog.at_level(logging.INFO):
        call = stub_of(line).VerifyTransaction.future(answering(), timeout=PATIENCE)
        eventually(lambda: len(signing.judge.begun) == 1)
        call.cancel()
        eventually(lambda: len(logs) == 1)
    assert signing.judge.begun[0].cancelled()
    assert logs[0]["status"] == "CANCELLED"
    assert not caplog.records


def test_a_server_that_signs_nothing_says_so(served: Served) -> None:
    components = {"hsm": Component(), "database": Component()}
    server = on_loop(started(settings_of(served.authority), ScriptedVerify(), components))
    target = f"localhost:{server.port}"
    try:
        with open_channel(target, served.authority.ca_file, served.bank()) as other:
            stub = stub_of(other)
            for rpc, request in (
                (stub.CreateTransactionChallenge, asking()),
                (stub.VerifyTransaction, answering()),
            ):
                told = failure_of(lambda: rpc(request, timeout=PATIENCE))  # noqa: B023 - called here
                assert told.reason == "NOT_OFFERED"
    finally:
        on_loop(server.stop(grace=0.5))
