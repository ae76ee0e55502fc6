# SPDX-License-Identifier: Apache-2.0
"""A token whose authority reaches its HSM through the shim."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Enrol
from development.environment import Environment
from development.vendor import Device, make_device
from support.custody.shim import Shim, ensure_built


@pytest.fixture
def device(enrol: Enrol) -> Device:
    """Return a time-based token in a customer's hand."""
    made = make_device("SHIMMED1")
    enrol(made)
    return made


@pytest.fixture
def shim(place: Environment, device: Device, tmp_path: Path) -> Shim:
    """Put the shim in front of the HSM; ``device`` came in by the real module before."""
    assert device
    ensure_built()
    shim = Shim(tmp_path)
    text = place.config.read_text()
    place.config.write_text(text.replace("/usr/lib/softhsm/libsofthsm2.so", str(shim.path)))
    return shim
