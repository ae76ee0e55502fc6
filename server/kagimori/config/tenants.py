# SPDX-License-Identifier: Apache-2.0
"""The tenants' file: what each bank decides, with the domain's defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field

from kagimori.config.reading import ConfigError, Section, table_of, validated
from kagimori.domain.policy import AttemptLimits, Windows
from kagimori.domain.tenant import TenantPolicy

_LIMITS: Final = AttemptLimits()
_WINDOWS: Final = Windows()


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


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be the IANA name of a time zone") from None
    return value


class TenantSection(Section):
    """One tenant of the tenants' file; the table's name is the tenant's."""

    service_id: str = Field(pattern=r"^[0-9]{8}$", description="サービスID, 8 digits")
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Asia/Tokyo", description="the tenant's calendar (IANA name)"
    )
    limits: LimitsSection = LimitsSection()
    windows: WindowsSection = WindowsSection()

    def policy(self, name: str) -> TenantPolicy:
        """Return the rules of the tenant called ``name``."""
        return TenantPolicy(
            name,
            self.service_id,
            ZoneInfo(self.time_zone),
            AttemptLimits(**self.limits.model_dump()),
            Windows(**self.windows.model_dump()),
        )


class _Tenants(BaseModel):
    tenants: dict[str, TenantSection]


def load_tenants(path: Path) -> dict[str, TenantPolicy]:
    """Return the rules of each tenant in the file, by name; raise `ConfigError`."""
    table = {"tenants": table_of(path)}
    sections = validated(_Tenants, table, path, skip=1).tenants
    policies = {name: section.policy(name) for name, section in sections.items()}
    if not policies:
        raise ConfigError(f"{path}: it names no tenant")
    if len({policy.service_id for policy in policies.values()}) != len(policies):
        msg = f"{path}: two tenants have one service_id"
        raise ConfigError(msg)
    return policies
