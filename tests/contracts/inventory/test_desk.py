# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the counter's contract."""

from __future__ import annotations

from contracts.inventory.desk_contract import AssignContract, LookContract, ReturnContract


class TestLooks(LookContract):
    pass


class TestAssignments(AssignContract):
    pass


class TestReturns(ReturnContract):
    pass
