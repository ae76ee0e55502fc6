# SPDX-License-Identifier: Apache-2.0
"""Who is who in the tests of tokens by serial number."""

from __future__ import annotations

from typing import Final

import pytest

HANAKO, TARO = "customer-4711", "customer-4712"
SERIAL, SECOND = "2V0716016FK2", "2V0716016FK3"
PERIODS: Final = [pytest.param(0, id="event"), pytest.param(30, id="time")]
"""What makes a token's next code: its button, or the clock."""
