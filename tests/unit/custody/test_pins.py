# SPDX-License-Identifier: Apache-2.0
"""PINs are drawn into files that do not exist, and never said."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from kagimori.custody import pins
from kagimori.custody.plan import PartitionSection
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def section(tmp_path: Path) -> PartitionSection:
    return PartitionSection.model_validate(
        {
            "label": "serving",
            "pin": {"file": tmp_path / "hsm" / "user.pin"},
            "so_pin": {"file": tmp_path / "hsm" / "so.pin"},
        }
    )


def test_missing_pins_are_drawn_and_not_said(section: PartitionSection, tmp_path: Path) -> None:
    said: list[str] = []
    pins.draw_missing(section, said.append)
    drawn = [(tmp_path / "hsm" / name).read_text().strip() for name in ("user.pin", "so.pin")]
    assert all(len(pin) == 20 and pin.isdecimal() for pin in drawn)
    assert drawn[0] != drawn[1]
    assert len(said) == 2
    assert not any(pin in line for pin in drawn for line in said)


def test_a_drawn_pin_is_its_owners_alone(section: PartitionSection, tmp_path: Path) -> None:
    pins.draw_missing(section, print)
    mode = (tmp_path / "hsm" / "user.pin").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_pin_that_exists_is_kept(section: PartitionSection, tmp_path: Path) -> None:
    (tmp_path / "hsm").mkdir()
    (tmp_path / "hsm" / "user.pin").write_text("4711\n")
    pins.draw_missing(section, print)
    assert pins.read(section).user.get_secret_value() == "4711"


def test_a_missing_pin_is_told_before_it_is_read(section: PartitionSection, tmp_path: Path) -> None:
    assert pins.missing_file(section) == tmp_path / "hsm" / "user.pin"
    with pytest.raises(CeremonyRefused, match=r"the user of serving.*user\.pin"):
        pins.read(section)


def test_pins_show_in_no_repr(section: PartitionSection) -> None:
    pins.draw_missing(section, print)
    read = pins.read(section)
    assert read.user.get_secret_value() not in repr(read)
