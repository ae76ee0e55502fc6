# SPDX-License-Identifier: Apache-2.0
"""SQLite and PostgreSQL keep the contracts of resynchronisation and of a token's time."""

from __future__ import annotations

from contracts.verification.resync_contract import ResyncContract
from contracts.verification.validity_contract import NobodysContract, ValidityContract


class TestResynchronisations(ResyncContract):
    pass


class TestValidity(ValidityContract):
    pass


class TestNobodys(NobodysContract):
    pass
