# SPDX-License-Identifier: Apache-2.0
"""Where a customer is on the way to a token, and back (登録状況)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final


class EnrollmentStatus(StrEnum):
    """登録状況 (kagimori.enrollment.v1.EnrollmentStatus)."""

    NOT_REGISTERED = "NOT_REGISTERED"
    """There is no enrolment."""
    ISSUED = "ISSUED"
    """The customer has been sent the letter; the app is not set up yet."""
    PROVISIONED = "PROVISIONED"
    """The app shows codes; the customer has not activated it."""
    ACTIVE = "ACTIVE"
    """Codes are asked for."""
    LOCKED = "LOCKED"
    """Too many wrong codes: the bank's staff can unlock it (`BankDesk.unlock`)."""
    RELEASED = "RELEASED"
    """Deregistered; ``reissue_from`` tells when a new token may be issued."""
    VOID = "VOID"
    """The activation password was wrong too often, or its time is over: issue anew."""

    def in_japanese(self) -> str:
        """Return the word that a bank's page shows for it."""
        return _IN_JAPANESE[self]


_IN_JAPANESE: Final = {
    EnrollmentStatus.NOT_REGISTERED: "未登録",
    EnrollmentStatus.ISSUED: "申請済",
    EnrollmentStatus.PROVISIONED: "トークン発行済",
    EnrollmentStatus.ACTIVE: "利用中",
    EnrollmentStatus.LOCKED: "利用停止中",
    EnrollmentStatus.RELEASED: "利用解除",
    EnrollmentStatus.VOID: "無効",
}


class LetterStatus(StrEnum):
    """What became of the mail トークン発行のご案内 (kagimori.enrollment.v1.LetterStatus)."""

    PENDING = "PENDING"
    """It is sent as soon as the mail server takes it."""
    SENT = "SENT"
    """The mail server has taken it."""
    REFUSED = "REFUSED"
    """The mail server has refused it for good: the address may be wrong."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One customer's enrolment (kagimori.enrollment.v1.Enrollment).

    ``service_id`` (サービスID, 8 digits) is the bank's; ``user_id`` (ユーザID, 12
    digits) is for the app's set-up, empty with NOT_REGISTERED and in no repr;
    ``serial`` is empty before the app is set up.

    ``issued_at`` is aware, in UTC, and so is ``deadline``: until when the app can
    be set up, with ISSUED and VOID. ``reissue_from`` is the first day, in the
    bank's calendar, on which a new token may be issued, with RELEASED.
    ``letter`` goes with ISSUED. ``login_otp`` is whether the customer chose that a
    login needs a code (ログイン時の認証要否), with ACTIVE and LOCKED where the bank
    leaves that to him. Each is None where it does not apply.
    """

    status: EnrollmentStatus
    service_id: str
    user_id: str = field(default="", repr=False)
    serial: str = ""
    issued_at: datetime | None = None
    deadline: datetime | None = None
    reissue_from: date | None = None
    letter: LetterStatus | None = None
    login_otp: bool | None = None
