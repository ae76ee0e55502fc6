# SPDX-License-Identifier: Apache-2.0
"""A bank whose customers sign transfers, and one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kagimori_client import BankChannel
from support.custody.hsm import HsmFiles, fresh_hsm
from support.databases.database import TestDatabase
from support.phones.signing import SigningToken
from support.served.signing_bank import SigningBank, signing_bank
from support.tokens import OTHER_TENANT, TENANT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    tenants = {"kumamoto": TENANT, "kitashin": OTHER_TENANT}
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), tenants)


@pytest.fixture
def bank(files: HsmFiles, tmp_path: Path) -> Iterator[SigningBank]:
    database = TestDatabase(tmp_path)
    with signing_bank(files, database, tmp_path / "certificates") as bank:
        yield bank
    database.close()


@pytest.fixture
def core(bank: SigningBank) -> BankChannel:
    return bank.connect(BankChannel, "channel")


@pytest.fixture
def app(bank: SigningBank) -> SigningToken:
    """The customer's phone."""
    return bank.enrol()
