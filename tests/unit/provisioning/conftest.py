# SPDX-License-Identifier: Apache-2.0
"""One customer with a token issued, in a database of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.banks.provisioning import Scene
from support.databases.database import TestDatabase


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    database = TestDatabase(tmp_path)
    scene = Scene(database)
    scene.issue()
    yield scene
    database.close()
    scene.hasher.close()
