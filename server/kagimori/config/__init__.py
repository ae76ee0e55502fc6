# SPDX-License-Identifier: Apache-2.0
"""The configuration: one TOML file, read whole and refused by the key's name.

Relative paths are relative to the file they stand in. ``docs/configuration.md``
is generated from the models here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from kagimori.config.mail import MailSection
from kagimori.config.provisioning import ProvisioningSection
from kagimori.config.reading import (
    AnchoredPath,
    ConfigError,
    Environment,
    Section,
    read,
)
from kagimori.config.secrets import PasswordSource, PinSource
from kagimori.config.sections import (
    DatabaseSection,
    HsmSection,
    ImportingSection,
    LogSection,
    ServerSection,
)
from kagimori.config.tenants import (
    LimitsSection,
    TenantSection,
    WindowsSection,
    load_tenants,
    policy_of,
    read_tenants,
)

__all__ = [
    "AnchoredPath",
    "Config",
    "ConfigError",
    "DatabaseSection",
    "Environment",
    "HsmSection",
    "ImportingSection",
    "LimitsSection",
    "LogSection",
    "MailSection",
    "PasswordSource",
    "PinSource",
    "ProvisioningSection",
    "Section",
    "ServerSection",
    "TenantSection",
    "WindowsSection",
    "load",
    "load_tenants",
    "policy_of",
    "read",
    "read_tenants",
]


class Config(Section):
    """The whole file."""

    tenants: AnchoredPath = Field(
        description="the tenants' file, for the ceremony and `kagimori tenants apply`"
    )
    server: ServerSection
    hsm: HsmSection
    database: DatabaseSection
    log: LogSection = LogSection()
    provisioning: ProvisioningSection | None = Field(None, description="needed by provision only")
    mail: MailSection | None = Field(None, description="needed by mail only")


def load(path: Path) -> Config:
    """Read the configuration file at ``path``; raise `ConfigError`."""
    return read(Config, path)
