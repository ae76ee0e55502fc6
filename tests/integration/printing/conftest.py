# SPDX-License-Identifier: Apache-2.0
"""A print shop for every test of this room, and a desk for those that print."""

from __future__ import annotations

from pathlib import Path

import pytest

from development.environment import Environment
from support.post.print_shop import Shop
from support.post.printing import CUSTOMERS, PrintDesk


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.open(tmp_path / "shop")


@pytest.fixture
def desk(place: Environment, shop: Shop) -> PrintDesk:
    desk = PrintDesk(place, shop)
    desk.write_list(*CUSTOMERS)
    return desk
