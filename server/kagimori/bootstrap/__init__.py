# SPDX-License-Identifier: Apache-2.0
"""Wires one process together from its configuration, or says why it cannot.

A module for each kind of process; what they share is in ``parts``.
"""

from __future__ import annotations

from kagimori.bootstrap.enrolling import EnrollmentDesk
from kagimori.bootstrap.importing import importing, receiving
from kagimori.bootstrap.refusals import LoginRefused, StartError, refusals
from kagimori.bootstrap.serving import Authority, serving
from kagimori.bootstrap.tenants import TenantDesk, tenant_desk, tenants_in_force
from kagimori.config import Config

__all__ = [
    "Authority",
    "EnrollmentDesk",
    "LoginRefused",
    "StartError",
    "TenantDesk",
    "importing",
    "migrate",
    "receiving",
    "serving",
    "tenant_desk",
    "tenants_in_force",
]


def migrate(config: Config) -> str:
    """Create the database or bring it up to date; return its revision."""
    # Here and not above: nobody who serves waits for Alembic.
    from kagimori.adapters.sql import migrations  # noqa: PLC0415

    with refusals():
        return migrations.upgrade(config.database.url, config.database.secret())
