# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contract of customers who bring their tokens."""

from __future__ import annotations

from contracts.enrollment.registration_contract import (
    ChoiceContract,
    ExchangeContract,
    StockContract,
    TriesContract,
)


class TestTries(TriesContract):
    pass


class TestChoices(ChoiceContract):
    pass


class TestExchanges(ExchangeContract):
    pass


class TestStock(StockContract):
    pass
