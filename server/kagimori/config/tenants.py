# SPDX-License-Identifier: Apache-2.0
"""The tenants' file: what each bank decides, with the domain's defaults.

The same models read the rules back from the database, where they are JSON in the
shape of the file.
"""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainSerializer

from kagimori.config.letters import MailTemplateSection, line
from kagimori.config.reading import ConfigError, Section, table_of, validated
from kagimori.domain.false_accept import odds_of
from kagimori.domain.policy import AttemptLimits, Operation, Windows
from kagimori.domain.tenant import (
    CUSTODY,
    OPERATIONS,
    Activation,
    FalseAcceptBounds,
    Registration,
    Reissue,
    Signing,
    SoftwareTokens,
    SubscriberNames,
    TenantPolicy,
    When,
)
from kagimori.domain.token import CustodyLabel, Hash
from kagimori.domain.transaction import LARGEST_AMOUNT, SigningProfile

_LIMITS: Final = AttemptLimits()
_WINDOWS: Final = Windows()
_TOKENS: Final = SoftwareTokens()
_ACTIVATION: Final = Activation()
_BOUNDS: Final = FalseAcceptBounds()
_REGISTRATION: Final = Registration()
_SIGNING: Final = Signing()

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FRACTION: Final = re.compile(r"[0-9]{1,12}(?:/[0-9]{1,12}|\.[0-9]{1,12})?")


class LimitsSection(Section):
    """How many wrong codes a token bears."""

    consecutive: int = Field(
        default=_LIMITS.consecutive, ge=1, le=100, strict=True, description="in a row, then LOCKED"
    )
    daily: int = Field(
        default=_LIMITS.daily,
        ge=1,
        le=1000,
        strict=True,
        description="on one calendar day of the tenant",
    )
    since_unlock: int = Field(
        default=_LIMITS.since_unlock, ge=1, le=1000, strict=True, description="in all, then LOCKED"
    )


class WindowsSection(Section):
    """Which steps a code may belong to, counted in steps."""

    time: int = Field(
        default=_WINDOWS.time,
        ge=0,
        le=10,
        strict=True,
        description="on both sides of the predicted step",
    )
    look_ahead: int = Field(
        default=_WINDOWS.look_ahead,
        ge=1,
        le=100,
        strict=True,
        description="counters of event-based tokens",
    )
    max_drift: int = Field(
        default=_WINDOWS.max_drift,
        ge=0,
        le=100,
        strict=True,
        description="how far a clock is followed",
    )
    resync_time: int = Field(
        default=_WINDOWS.resync_time,
        ge=1,
        le=250,
        strict=True,
        description="steps on both sides of the true time in a resynchronisation",
    )
    resync_look_ahead: int = Field(
        default=_WINDOWS.resync_look_ahead,
        ge=2,
        le=1000,
        strict=True,
        description="event-based: counters ahead of the last one in a resynchronisation",
    )


class TokensSection(Section):
    """The software tokens; a vendor's are as he delivers them."""

    hash: Hash = Field(default=_TOKENS.hash, description="SHA1, SHA256 or SHA512")
    digits: int = Field(
        default=_TOKENS.digits, ge=6, le=8, strict=True, description="digits of a code, 6 to 8"
    )
    period: int = Field(
        default=_TOKENS.period, ge=10, le=300, strict=True, description="seconds of a step"
    )
    transaction_signing: bool = Field(
        default=_TOKENS.transaction_signing, strict=True, description="取引確認 is offered"
    )


class OperationsSection(Section):
    """When an operation needs a code: ALWAYS, BY_CHOICE (of the customer) or NEVER."""

    LOGIN: When = Field(default=OPERATIONS[Operation.LOGIN], description="ログイン")
    TRANSFER: When = Field(default=OPERATIONS[Operation.TRANSFER], description="振込")
    BILL_PAYMENT: When = Field(
        default=OPERATIONS[Operation.BILL_PAYMENT], description="収納サービスへの支払"
    )


class ActivationSection(Section):
    """How long an app can be set up, and how often that may be tried."""

    days: int = Field(
        default=_ACTIVATION.days, ge=1, le=90, strict=True, description="from the issue on"
    )
    tries: int = Field(
        default=_ACTIVATION.tries,
        ge=1,
        le=10,
        strict=True,
        description="wrong activation passwords, then VOID",
    )


class RegistrationSection(Section):
    """How customers register tokens by serial number, and exchange them."""

    serial_length: int = Field(
        default=_REGISTRATION.serial_length,
        ge=6,
        le=32,
        strict=True,
        description="characters of a serial number",
    )
    unclaimed_days: int = Field(
        default=_REGISTRATION.unclaimed_days,
        ge=1,
        le=365,
        strict=True,
        description="that an app's new token waits for its customer",
    )
    daily_tries: int = Field(
        default=_REGISTRATION.daily_tries,
        ge=1,
        le=100,
        strict=True,
        description="how often a customer may name serial numbers on one calendar day",
    )
    replacement_minutes: int = Field(
        default=_REGISTRATION.replacement_minutes,
        ge=1,
        le=60,
        strict=True,
        description="between the two steps of an exchange",
    )
    assisted_hours: int = Field(
        default=_REGISTRATION.assisted_hours,
        ge=1,
        le=168,
        strict=True,
        description="to complete an exchange that two persons agreed on",
    )
    approval_hours: int = Field(
        default=_REGISTRATION.approval_hours,
        ge=1,
        le=168,
        strict=True,
        description="for the second person to approve",
    )
    grid_card: bool = Field(
        default=_REGISTRATION.grid_card,
        strict=True,
        description="two positions of お客様カード are asked for",
    )
    grid_minutes: int = Field(
        default=_REGISTRATION.grid_minutes,
        ge=1,
        le=60,
        strict=True,
        description="to answer a challenge",
    )
    cut_over: date | None = Field(
        default=None,
        description="first day without the fixed password that came before the tokens",
    )


class SigningSection(Section):
    """How customers sign transactions, where `tokens.transaction_signing` offers it."""

    from_amount: int = Field(
        default=_SIGNING.from_amount,
        ge=1,
        le=LARGEST_AMOUNT,
        strict=True,
        description="yen from which on a transfer needs a signature; less needs what"
        " `operations` says",
    )
    minutes: int = Field(
        default=_SIGNING.minutes, ge=1, le=60, strict=True, description="to answer a challenge"
    )
    profiles: Annotated[frozenset[SigningProfile], Field(min_length=1), PlainSerializer(sorted)] = (
        Field(
            default=_SIGNING.profiles,
            description="how a token learns what it signs: a list of "
            + ", ".join(f"`{profile}`" for profile in SigningProfile),
        )
    )


def _fraction(value: object) -> Fraction:
    # A decimal of TOML is a float, whose shortest words are what was written.
    text = f"{Decimal(str(value)):f}" if isinstance(value, float) else value
    if isinstance(text, Fraction):
        return text
    if not isinstance(text, str) or not _FRACTION.fullmatch(text):
        raise ValueError(_NO_CHANCE)
    fraction = _exact(text)
    if not 0 < fraction <= 1:
        raise ValueError(_NO_CHANCE)
    return fraction


def _exact(text: str) -> Fraction:
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(_NO_CHANCE) from None


_NO_CHANCE: Final = 'must be a chance as "1/5000" or 0.0002: above 0, and 1 at most'

Chance = Annotated[Fraction, BeforeValidator(_fraction), PlainSerializer(str)]


class BoundsSection(Section):
    """How likely, at most, guessing one token's code may succeed.

    A policy that exceeds them is refused: see `kagimori tenants apply`.
    """

    per_day: Chance = Field(default=_BOUNDS.per_day, description='in a day, as "1/5000"')
    per_year: Chance = Field(
        default=_BOUNDS.per_year, description="in a year, without an unlock by the bank's staff"
    )


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be the IANA name of a time zone") from None
    return value


class TenantSection(Section):
    """One tenant of the tenants' file; the table's name is the tenant's."""

    service_id: str = Field(pattern=r"^[0-9]{8}$", description="サービスID, 8 digits")
    issuer: Annotated[str, Field(strict=True, max_length=100), AfterValidator(line)] = Field(
        "", description="the bank's name as its customers know it"
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Tokyo", description="the tenant's calendar (IANA name)"
    )
    reissue: Reissue = Field(
        Reissue.NEXT_DAY,
        description="when a customer may have a new token after 利用解除: NEXT_DAY or AT_ONCE",
    )
    custody: Annotated[
        frozenset[CustodyLabel],
        Field(min_length=1),
        PlainSerializer(sorted),
    ] = Field(
        CUSTODY,
        description="where a token's seed may have been: a list of "
        + ", ".join(f"`{label}`" for label in CustodyLabel),
    )
    subscriber_names: SubscriberNames = Field(
        SubscriberNames.PLAIN,
        description="how the bank's customer numbers are kept: PLAIN or HMAC;"
        " fixed once there are tokens",
    )
    tokens: TokensSection = TokensSection()
    limits: LimitsSection = LimitsSection()
    windows: WindowsSection = WindowsSection()
    bounds: BoundsSection = BoundsSection()
    operations: OperationsSection = OperationsSection()
    activation: ActivationSection = ActivationSection()
    mail: MailTemplateSection | None = None
    registration: RegistrationSection | None = None
    signing: SigningSection = SigningSection()

    def policy(self, name: str) -> TenantPolicy:
        """Return the rules of the tenant called ``name``."""
        return TenantPolicy(
            name,
            self.service_id,
            ZoneInfo(self.time_zone),
            AttemptLimits(**self.limits.model_dump()),
            Windows(**self.windows.model_dump()),
            issuer=self.issuer,
            tokens=SoftwareTokens(**self.tokens.model_dump()),
            operations={
                Operation(name): when for name, when in self.operations.model_dump().items()
            },
            activation=Activation(**self.activation.model_dump()),
            reissue=self.reissue,
            custody=self.custody,
            subscriber_names=self.subscriber_names,
            mail=None if self.mail is None else self.mail.template(),
            registration=None
            if self.registration is None
            else Registration(**self.registration.model_dump()),
            signing=Signing(**self.signing.model_dump()),
            bounds=FalseAcceptBounds(self.bounds.per_day, self.bounds.per_year),
        )

    def text(self) -> str:
        """Return the rules as the database keeps them: every key, in one order."""
        return json.dumps(
            self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a tenant's name is 1 to 64 of a-z, A-Z, 0-9, - and _")
    return value


class _Tenants(BaseModel):
    tenants: dict[Annotated[str, AfterValidator(_name)], TenantSection]


def load_tenants(path: Path) -> dict[str, TenantPolicy]:
    """Return the rules of each tenant in the file, by name; raise `ConfigError`."""
    return {name: section.policy(name) for name, section in read_tenants(path).items()}


def read_tenants(path: Path) -> dict[str, TenantSection]:
    """Return each tenant's table in the file, by name; raise `ConfigError`.

    Rules that make guessing too easy are refused, with the arithmetic.
    """
    table = {"tenants": table_of(path)}
    sections = validated(_Tenants, table, path, skip=1).tenants
    if not sections:
        raise ConfigError(f"{path}: it names no tenant")
    if len({section.service_id for section in sections.values()}) != len(sections):
        msg = f"{path}: two tenants have one service_id"
        raise ConfigError(msg)
    too_likely = [
        f"{path}: {name}.bounds.per_{odds.span}: {odds}"
        for name, section in sections.items()
        for odds in odds_of(section.policy(name))
        if not odds.is_allowed
    ]
    if too_likely:
        raise ConfigError("\n".join(too_likely))
    return sections


def policy_of(name: str, text: str) -> TenantPolicy:
    """Return the rules that `TenantSection.text` wrote; raise `ConfigError`."""
    place = Path("database") / name
    try:
        table = json.loads(text)
    except ValueError:
        raise ConfigError(f"{place}: the rules are not JSON") from None
    return validated(TenantSection, table, place).policy(name)
