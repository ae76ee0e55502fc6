# SPDX-License-Identifier: Apache-2.0
"""A place is proved by writing there, and left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from kagimori.custody.places import prove_writable
from kagimori.custody.refusal import CeremonyRefused


def test_a_place_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    prove_writable("record", tmp_path / "kept" / "ceremony.json")
    prove_writable("record", tmp_path / "new" / "deep" / "ceremony.json")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]


def test_a_place_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CeremonyRefused, match=r"^record: cannot be written: Not a directory: "):
        prove_writable("record", tmp_path / "file" / "ceremony.json")
    with pytest.raises(CeremonyRefused, match=r"^record: cannot be written: .*/proc/x/y$"):
        prove_writable("record", Path("/proc/x/y"))
