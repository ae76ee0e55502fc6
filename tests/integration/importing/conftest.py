# SPDX-License-Identifier: Apache-2.0
"""A desk for every test of this room."""

from __future__ import annotations

import pytest

from development.environment import Environment
from support.vendors.import_desk import Desk


@pytest.fixture
def desk(place: Environment) -> Desk:
    return Desk(place)
