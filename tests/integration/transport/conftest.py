# SPDX-License-Identifier: Apache-2.0
"""A listener with scripted answers behind it, one for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from support.served.transport import (
    ScriptedVerify,
    Served,
    serving,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("listener")) as served:
        yield served


@pytest.fixture
def verify(served: Served) -> ScriptedVerify:
    served.verify.asked.clear()
    served.verify.begun.clear()
    served.verify.answers.clear()
    return served.verify


@pytest.fixture(scope="module")
def line(served: Served) -> Iterator[grpc.Channel]:
    with served.channel(served.bank()) as channel:
        yield channel
