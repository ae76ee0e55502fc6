# SPDX-License-Identifier: Apache-2.0
"""The record is written whole or not at all."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from kagimori.custody import plan, record
from kagimori.custody.canary import Canary
from kagimori.custody.keys import MadeKey
from support.custody.hsm import write_plan

if TYPE_CHECKING:
    from pathlib import Path

KEY = MadeKey("10112001/row/1", "row", "serving", "10112001", None, 1, None, None)
CANARY = Canary("10112001", 1, b"\x01\x02", b"\x03", b"\x04")


def test_the_record_is_for_everybody_to_read(tmp_path: Path) -> None:
    the_plan, _ = plan.read(write_plan(tmp_path).plan)
    record.write(the_plan, [KEY], [CANARY], 7)
    written = json.loads(the_plan.record.read_text())
    assert stat.S_IMODE(the_plan.record.stat().st_mode) == 0o644
    assert written["schema"] == 1
    assert written["canaries"] == [
        {
            "tenant": "10112001",
            "key_version": 1,
            "blob": "0102",
            "challenge": "03",
            "response": "04",
        }
    ]
    assert written["checks"] == {"passed": 7}
    assert written["made_at"].endswith("+00:00")


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    the_plan, _ = plan.read(write_plan(tmp_path).plan)
    the_plan.record.mkdir()
    before = set(tmp_path.iterdir())
    with pytest.raises(OSError, match="directory"):
        record.write(the_plan, [KEY], [CANARY], 7)
    assert set(tmp_path.iterdir()) == before
