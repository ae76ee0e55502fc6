# SPDX-License-Identifier: Apache-2.0
"""What a bank decides about its tokens. Data, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from kagimori.domain.policy import AttemptLimits, Operation, Windows
from kagimori.domain.token import TOKEN_CUSTODY, CustodyLabel, Hash, MovingFactor, Profile
from kagimori.domain.transaction import SigningProfile


class When(StrEnum):
    """When an operation needs a code, once the customer has a token in use."""

    ALWAYS = "ALWAYS"
    BY_CHOICE = "BY_CHOICE"
    """Where the customer has chosen so (ログイン時の認証要否)."""
    NEVER = "NEVER"


class Reissue(StrEnum):
    """When a new token may be issued to a customer whose token was deregistered."""

    NEXT_DAY = "NEXT_DAY"
    """From the next calendar day of the tenant on (翌日以降)."""
    AT_ONCE = "AT_ONCE"


class SubscriberNames(StrEnum):
    """How the bank's own customer number is kept."""

    PLAIN = "PLAIN"
    HMAC = "HMAC"
    """As an HMAC under a key of the tenant's: the database does not tell it."""


OPERATIONS: Final[Mapping[Operation, When]] = MappingProxyType(
    {
        Operation.LOGIN: When.ALWAYS,
        Operation.TRANSFER: When.ALWAYS,
        Operation.BILL_PAYMENT: When.ALWAYS,
    }
)
"""What a tenant that says nothing asks a code for."""

CUSTODY: Final = TOKEN_CUSTODY - {CustodyLabel.CLEAR_TEXT}
"""The custody labels that a tenant that says nothing accepts.

A seed in clear, and cells that a print shop knows, must be asked for.
"""


@dataclass(frozen=True, slots=True)
class SoftwareTokens:
    """The profile of software tokens. ``period`` is in seconds."""

    hash: Hash = Hash.SHA1
    digits: int = 6
    period: int = 30
    transaction_signing: bool = False

    @property
    def profile(self) -> Profile:
        """Return how such a token computes its codes (RFC 6238)."""
        return Profile(MovingFactor.TIME, self.hash, self.digits, self.period)


@dataclass(frozen=True, slots=True)
class Activation:
    """How long, in days, and for how many wrong activation passwords an app can be set up."""

    days: int = 7
    tries: int = 5


@dataclass(frozen=True, slots=True)
class Registration:
    """How customers take tokens into use by serial number (利用開始), and exchange them.

    ``serial_length`` is how many characters a serial number has; ``unclaimed_days``
    how long an app's new token waits for a customer; ``daily_tries`` how often one
    customer may name serial numbers on one calendar day of the tenant's.
    An exchange is completed within ``replacement_minutes`` of its first step, or
    within ``assisted_hours`` of the approval by a second person of the bank, who
    has ``approval_hours`` for it. With ``grid_card`` two of its positions are asked
    for, within ``grid_minutes``. From the day ``cut_over`` in the
    tenant's calendar on, the password that came before the tokens is abolished.
    """

    serial_length: int = 12
    unclaimed_days: int = 30
    daily_tries: int = 10
    replacement_minutes: int = 10
    assisted_hours: int = 24
    approval_hours: int = 24
    grid_card: bool = False
    grid_minutes: int = 5
    cut_over: date | None = None


@dataclass(frozen=True, slots=True)
class Signing:
    """How customers sign transactions (取引確認), where `SoftwareTokens` offers it.

    A transfer of ``from_amount`` yen or more needs a signature; a challenge is answered
    within ``minutes``, in one of the ``profiles``.
    """

    from_amount: int = 1
    minutes: int = 5
    profiles: frozenset[SigningProfile] = frozenset({SigningProfile.SCANNED})


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """The letter トークン発行のご案内 and what it names.

    ``body`` holds ``${service_id}``, ``${user_id}``, ``${feature_phone_url}``,
    ``${smartphone_url}`` and ``${support}``, all of them. ``replay_subject`` and
    ``replay_body`` (with ``${support}``) tell a holder that a code was offered
    twice; both are empty where the tenant does not want that.
    """

    sender: str
    sender_name: str
    subject: str
    body: str
    feature_phone_url: str
    smartphone_url: str
    support: str
    replay_subject: str = ""
    replay_body: str = ""


@dataclass(frozen=True, slots=True)
class FalseAcceptBounds:
    """How likely, at most, guessing may succeed with one token."""

    per_day: Fraction = Fraction(1, 5_000)
    per_year: Fraction = Fraction(1, 1_000)


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """One bank's rules. ``name`` is for people, ``service_id`` for machines.

    ``issuer`` is the bank's name as customers know it. A tenant without ``mail``
    issues no software tokens by mail; one without ``registration`` has none registered by
    serial number.
    """

    name: str
    service_id: str
    zone: ZoneInfo
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    windows: Windows = field(default_factory=Windows)
    issuer: str = ""
    tokens: SoftwareTokens = SoftwareTokens()
    operations: Mapping[Operation, When] = field(default_factory=lambda: OPERATIONS)
    activation: Activation = Activation()
    reissue: Reissue = Reissue.NEXT_DAY
    custody: frozenset[CustodyLabel] = CUSTODY
    subscriber_names: SubscriberNames = SubscriberNames.PLAIN
    mail: MailTemplate | None = None
    registration: Registration | None = None
    signing: Signing = Signing()
    bounds: FalseAcceptBounds = FalseAcceptBounds()
