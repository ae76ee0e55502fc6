# SPDX-License-Identifier: Apache-2.0
"""A listener for token apps, and one customer whose token was issued."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from support.banks.provisioning import Scene
from support.databases.database import TestDatabase
from support.served.provisioning_front import Front, listening


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    database = TestDatabase(tmp_path)
    scene = Scene(database)
    scene.issue()
    yield scene
    database.close()
    scene.hasher.close()


@pytest.fixture
def front(tmp_path: Path, scene: Scene) -> Iterator[Front]:
    with listening(tmp_path / "front", scene) as front:
        yield front


@pytest.fixture
def line(front: Front) -> Iterator[grpc.Channel]:
    with front.channel() as channel:
        yield channel
