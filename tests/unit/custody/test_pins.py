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
    pins.draw_missing(section, pins.choose(section), said.append)
    drawn = [(tmp_path / "hsm" / name).read_text().strip() for name in ("user.pin", "so.pin")]
    assert all(len(pin) == 20 and pin.isdecimal() for pin in drawn)
    assert drawn[0] != drawn[1]
    assert len(said) == 2
    assert not any(pin in line for pin in drawn for line in said)


def test_a_drawn_pin_is_its_owners_alone(section: PartitionSection, tmp_path: Path) -> None:
    pins.draw_missing(section, pins.choose(section), print)
    mode = (tmp_path / "hsm" / "user.pin").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_pin_that_exists_is_kept(section: PartitionSection, tmp_path: Path) -> None:
    (tmp_path / "hsm").mkdir()
    (tmp_path / "hsm" / "user.pin").write_text("4711\n")
    drawn = pins.draw_missing(section, pins.choose(section), print)
    assert drawn.user.get_secret_value() == "4711"
    assert (tmp_path / "hsm" / "user.pin").read_text() == "4711\n"


def test_a_missing_pin_is_told_before_it_is_read(section: PartitionSection, tmp_path: Path) -> None:
    assert pins.missing_file(section) == tmp_path / "hsm" / "user.pin"
    with pytest.raises(CeremonyRefused, match=r"the user of serving.*user\.pin"):
        pins.read(section)


def test_pins_show_in_no_repr(section: PartitionSection) -> None:
    pins.draw_missing(section, pins.choose(section), print)
    read = pins.read(section)
    assert read.user.get_secret_value() not in repr(read)


def test_choosing_writes_nothing(section: PartitionSection, tmp_path: Path) -> None:
    assert pins.choose(section) == pins.ChosenPins(None, None)
    assert not list(tmp_path.iterdir())


def test_two_sources_may_name_one_file(tmp_path: Path) -> None:
    file = {"file": tmp_path / "one.pin"}
    section = PartitionSection.model_validate({"label": "serving", "pin": file, "so_pin": file})
    drawn = pins.draw_missing(section, pins.choose(section), print)
    assert drawn.user == drawn.security_officer
    assert drawn == pins.read(section)


@pytest.mark.parametrize("length", [3, 256])
def test_a_pin_that_no_partition_takes_is_not_chosen(
    section: PartitionSection, tmp_path: Path, length: int
) -> None:
    (tmp_path / "hsm").mkdir()
    (tmp_path / "hsm" / "so.pin").write_text("7" * length)
    with pytest.raises(CeremonyRefused, match="the security officer of serving: a PIN has 4 to"):
        pins.choose(section)
