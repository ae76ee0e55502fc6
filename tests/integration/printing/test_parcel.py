# SPDX-License-Identifier: Apache-2.0
"""The file on its way to the print shop: durable first, named last, and nobody else's."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from kagimori.adapters.parcel import parcel, partial_of

ENVELOPED = bytes.fromhex("3082028306092a864886f70d010703a0820273") + bytes(600)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cards.cms"


def test_it_has_its_name_only_when_it_is_released(target: Path) -> None:
    with parcel(target) as mine:
        mine.stage(ENVELOPED)
        assert not target.exists()
        assert partial_of(target).read_bytes() == ENVELOPED
        mine.release()
    assert target.read_bytes() == ENVELOPED
    assert not partial_of(target).exists()
    assert target.stat().st_mode & 0o777 == 0o600


def test_file_and_directory_are_synced_before_it_counts_as_staged(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, int]] = []

    def note(descriptor: int) -> None:
        is_directory = os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112 - a link
        synced.append((is_directory, partial_of(target).stat().st_size))

    monkeypatch.setattr(os, "fsync", note)
    with parcel(target) as mine:
        mine.stage(ENVELOPED)
    assert synced == [(False, len(ENVELOPED)), (True, len(ENVELOPED))]


def test_what_was_never_staged_is_gone(target: Path) -> None:
    with parcel(target):
        assert partial_of(target).exists()
    assert list(target.parent.iterdir()) == []


def test_what_could_not_be_staged_is_gone(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), parcel(target) as mine:
        mine.stage(ENVELOPED)
    assert list(target.parent.iterdir()) == []


def test_what_was_staged_stays_whatever_happens(target: Path) -> None:
    def broken() -> None:
        with parcel(target) as mine:
            mine.stage(ENVELOPED)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with parcel(target) as mine:
        assert mine.left() == ENVELOPED
    assert partial_of(target).read_bytes() == ENVELOPED


def test_something_shorter_can_be_staged_over_what_was_left(target: Path) -> None:
    partial_of(target).write_bytes(ENVELOPED + b"and more")
    with parcel(target) as mine:
        assert mine.left() == ENVELOPED + b"and more"
        mine.stage(ENVELOPED)
        mine.release()
    assert target.read_bytes() == ENVELOPED


@pytest.mark.parametrize("size", [0, 17, 40])
def test_a_file_that_was_cut_off_while_it_was_written_is_known_by_its_beginning(
    target: Path, size: int
) -> None:
    partial_of(target).write_bytes(ENVELOPED[:size])
    with parcel(target) as mine:
        assert mine.left() == (ENVELOPED[:size] or None)


def test_a_file_that_is_not_ours_is_left_alone(target: Path) -> None:
    partial_of(target).write_bytes(b"my diary")
    with pytest.raises(FileExistsError, match="not of this command"), parcel(target) as mine:
        mine.left()
    assert partial_of(target).read_bytes() == b"my diary"


def test_only_one_run_has_it_at_a_time(target: Path) -> None:
    with parcel(target) as mine:
        mine.stage(ENVELOPED)
        with pytest.raises(BlockingIOError, match="another run"), parcel(target):
            pass
        assert partial_of(target).read_bytes() == ENVELOPED
    with parcel(target) as mine:
        assert mine.left() == ENVELOPED


@pytest.mark.parametrize("how", ["released", "taken away"])
def test_a_run_that_has_waited_for_the_lock_does_not_take_another_file_for_its_own(
    target: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    partial = partial_of(target)
    partial.write_bytes(ENVELOPED)
    flock = fcntl.flock

    def meanwhile(file: int, operation: int) -> None:
        flock(file, operation)
        if how == "released":
            partial.rename(target)
        else:
            partial.unlink()
            partial.write_bytes(b"a third run's")

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with pytest.raises(BlockingIOError, match="another run"), parcel(target):
        pass
    kept = target if how == "released" else partial
    assert kept.exists()


@pytest.mark.parametrize("kind", ["file", "dead link"])
def test_nothing_that_is_there_is_written_over(target: Path, kind: str) -> None:
    if kind == "file":
        target.write_bytes(b"cards of last year")
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError), parcel(target):
        pass
    assert not partial_of(target).exists()


def test_a_file_that_came_meanwhile_is_not_written_over(target: Path) -> None:
    with parcel(target) as mine:
        mine.stage(ENVELOPED)
        target.write_bytes(b"cards of last year")
        with pytest.raises(FileExistsError):
            mine.release()
    assert target.read_bytes() == b"cards of last year"
    assert partial_of(target).read_bytes() == ENVELOPED


def test_a_link_in_its_place_is_not_followed(target: Path) -> None:
    elsewhere = target.with_name("elsewhere")
    partial_of(target).symlink_to(elsewhere)
    with pytest.raises(OSError, match="Too many levels"), parcel(target):
        pass
    assert not elsewhere.exists()


def test_a_pipe_in_its_place_is_refused(target: Path) -> None:
    os.mkfifo(partial_of(target))
    with pytest.raises(FileExistsError, match="no file"), parcel(target):
        pass
