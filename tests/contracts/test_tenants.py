# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the tenants' contract."""

from __future__ import annotations

from contracts.tenants_contract import TenantsContract


class TestTenants(TenantsContract):
    pass
