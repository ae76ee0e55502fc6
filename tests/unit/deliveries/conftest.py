# SPDX-License-Identifier: Apache-2.0
"""An authority that takes deliveries in, for every test of this room."""

from __future__ import annotations

import pytest

from support.vendors.import_authority import Authority


@pytest.fixture
def authority() -> Authority:
    return Authority()
