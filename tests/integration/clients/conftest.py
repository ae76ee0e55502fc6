# SPDX-License-Identifier: Apache-2.0
"""A bank's connections to an authority of scripted answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kagimori_client import BankChannel, BankDesk, HardwareTokenDesk, TokenRegistrar
from support.pages.bank_page import PATIENCE
from support.pages.scripted_registry import Registry, Script, listening


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with listening(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def script(registry: Registry) -> Script:
    registry.script.asked.clear()
    registry.script.answers.clear()
    return registry.script


@pytest.fixture
def registrar(registry: Registry) -> Iterator[TokenRegistrar]:
    with TokenRegistrar(registry.target, **registry.files(), timeout=PATIENCE) as registrar:
        yield registrar


@pytest.fixture
def desk(registry: Registry) -> Iterator[BankDesk]:
    with BankDesk(registry.target, **registry.files("operator"), timeout=PATIENCE) as desk:
        yield desk


@pytest.fixture
def channel(registry: Registry) -> Iterator[BankChannel]:
    with BankChannel(registry.target, **registry.files("channel"), timeout=PATIENCE) as channel:
        yield channel


@pytest.fixture
def counter(registry: Registry) -> Iterator[HardwareTokenDesk]:
    files = registry.files("operator")
    with HardwareTokenDesk(registry.target, **files, timeout=PATIENCE) as counter:
        yield counter
