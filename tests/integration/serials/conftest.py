# SPDX-License-Identifier: Apache-2.0
"""A bank whose tokens go by serial number: its page, and its core system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kagimori_client import BankChannel, TokenRegistrar
from support.custody.hsm import HsmFiles, fresh_hsm
from support.databases.database import TestDatabase
from support.served.serial_bank import SerialBank, serial_bank
from support.tokens import OTHER_TENANT, TENANT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    tenants = {"kakeshin": TENANT, "abukuma": OTHER_TENANT}
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), tenants)


@pytest.fixture
def bank(files: HsmFiles, tmp_path: Path) -> Iterator[SerialBank]:
    database = TestDatabase(tmp_path)
    with serial_bank(files, database, tmp_path / "certificates") as bank:
        yield bank
    database.close()


@pytest.fixture
def page(bank: SerialBank) -> TokenRegistrar:
    return bank.connect(TokenRegistrar, "registrar")


@pytest.fixture
def core(bank: SerialBank) -> BankChannel:
    return bank.connect(BankChannel, "channel")
