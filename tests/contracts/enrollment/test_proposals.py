# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contract of two persons."""

from __future__ import annotations

from contracts.enrollment.decision_contract import DecideContract, RaceContract
from contracts.enrollment.proposal_contract import ListContract, ProposeContract


class TestProposals(ProposeContract):
    pass


class TestDecisions(DecideContract):
    pass


class TestLists(ListContract):
    pass


class TestRaces(RaceContract):
    pass
