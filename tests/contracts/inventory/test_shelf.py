# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the shelf's contract."""

from __future__ import annotations

from contracts.inventory.shelf_contract import CardContract, LifeContract
from contracts.inventory.shelf_list_contract import ListContract
from contracts.inventory.shelf_report_contract import DriftContract, DueContract


class TestLives(LifeContract):
    pass


class TestCards(CardContract):
    pass


class TestLists(ListContract):
    pass


class TestExchanges(DueContract):
    pass


class TestDrift(DriftContract):
    pass
