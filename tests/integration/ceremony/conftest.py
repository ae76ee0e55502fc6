# SPDX-License-Identifier: Apache-2.0
"""One held ceremony for each file of tests."""

from __future__ import annotations

import pytest

from support.custody.ceremony import VENDORS, Held
from support.custody.hsm import TENANTS, hold_ceremony, write_plan


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    files = write_plan(tmp_path_factory.mktemp("hsm"), TENANTS, VENDORS)
    return Held(files, hold_ceremony(files))
