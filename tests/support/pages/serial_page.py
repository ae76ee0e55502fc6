# SPDX-License-Identifier: Apache-2.0
"""What a customer typed of his token and his card, and answers that an authority gives to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from google.protobuf.message import Message

from kagimori.api.enrollment.v1 import enrollment_pb2, grid_card_pb2, login_otp_pb2
from kagimori.api.enrollment.v1 import registration_pb2 as pb
from kagimori.api.types.v1 import types_pb2
from kagimori_client import GridAnswer, TokenRegistrar
from support.pages.bank_page import REF, Call

SERIAL: Final = "2V0716016FK2"
OLD_SERIAL: Final = "2V0716016FK1"
CODE: Final = "755224"
CHALLENGE_ID: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcde0")
READ: Final = GridAnswer(CHALLENGE_ID, "5224", "7082")
SECRETS: Final = (REF, CODE, READ.first, READ.second)
UNTIL: Final = datetime(2003, 7, 16, 1, 45, 25, tzinfo=UTC)

_RECEIPT: Final = types_pb2.Receipt(
    number="1234567", accepted_at=datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)
)
_YES: Final = types_pb2.OUTCOME_ACCEPTED
REGISTERED: Final = pb.RegisterTokenResponse(outcome=_YES, receipt=_RECEIPT)
TERMINATED: Final = pb.TerminateTokenResponse(outcome=_YES, receipt=_RECEIPT)
BEGUN: Final = pb.BeginReplacementResponse(outcome=_YES, complete_by=UNTIL)
REPLACED: Final = pb.CompleteReplacementResponse(
    outcome=_YES, receipt=_RECEIPT, serial_after=SERIAL, serial_before=OLD_SERIAL
)
CHOSEN: Final = enrollment_pb2.SetLoginOtpResponse(
    enrollment=enrollment_pb2.Enrollment(
        status=enrollment_pb2.ENROLLMENT_STATUS_ACTIVE,
        serial=SERIAL,
        login_otp=login_otp_pb2.LOGIN_OTP_NOT_REQUIRED,
    )
)
ASKED: Final = grid_card_pb2.CreateGridChallengeResponse(
    challenge_id=str(CHALLENGE_ID), columns=["ウ", "カ"], answer_by=UNTIL
)
RIGHT: Final = grid_card_pb2.VerifyGridAnswerResponse(
    outcome=grid_card_pb2.GRID_OUTCOME_ACCEPTED, attempts_left=5
)


def register(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {
        "subscriber_ref": REF,
        "serial": SERIAL,
        "code": CODE,
        "login_otp": True,
        "grid_answer": READ,
        **changed,
    }
    return registrar.register_token(**words)


def choose(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {"subscriber_ref": REF, "login_otp": False, **changed}
    return registrar.set_login_otp(**words)


def terminate(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {"subscriber_ref": REF, "code": CODE, **changed}
    return registrar.terminate(**words)


def begin(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {"subscriber_ref": REF, "code": CODE, **changed}
    return registrar.begin_replacement(**words)


def complete(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {"subscriber_ref": REF, "serial": SERIAL, "code": CODE, **changed}
    return registrar.complete_replacement(**words)


def challenge(registrar: TokenRegistrar, **changed: object) -> object:
    words: dict[str, Any] = {"subscriber_ref": REF, **changed}
    return registrar.create_grid_challenge(**words)


def answer(registrar: TokenRegistrar, **changed: object) -> None:
    words: dict[str, Any] = {"subscriber_ref": REF, "answer": READ, **changed}
    registrar.verify_grid_answer(**words)


UNDER_AN_ID: Final[list[tuple[Call, Message]]] = [
    (register, REGISTERED),
    (terminate, TERMINATED),
    (begin, BEGUN),
    (complete, REPLACED),
    (answer, RIGHT),
]
WITHOUT_ONE: Final[list[tuple[Call, Message]]] = [(choose, CHOSEN), (challenge, ASKED)]
EVERY_CALL: Final[list[Call]] = [call for call, _ in (*UNDER_AN_ID, *WITHOUT_ONE)]
