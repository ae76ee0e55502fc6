# SPDX-License-Identifier: Apache-2.0
"""The cells of a card are nowhere in clear: on no disk, in no log, on no screen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.custody.hsm import MODULE
from support.post.printing import ALL, PrintDesk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

_CUSTOMERS = tuple(f"canary-{number}" for number in range(40))

# As the command would be, if it forgot to encrypt.
_WRITTEN_IN_CLEAR = """
from kagimori.adapters.parcel import FileParcel
FileParcel.stage = lambda self, octets: (self._file.write(clear), self._file.flush())
from kagimori.adapters.print_shop import CmsSheet
seal = CmsSheet.seal
def sealed(self):
    global clear
    clear = bytes(self._clear)
    return seal(self)
CmsSheet.seal = sealed
"""


@pytest.fixture
def watched(desk: PrintDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PrintDesk:
    """A desk all of whose files, temporary ones included, are below one directory."""
    (tmp_path / "temporary").mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "temporary"))
    desk.write_list(*_CUSTOMERS)
    return desk


def test_no_cell_is_on_disk_or_screen(watched: PrintDesk, tmp_path: Path) -> None:
    ended = watched.run_with("")
    assert ended.returncode == ALL, ended.stdout + ended.stderr
    cards = [card[2:] for card in watched.shop.read(watched.target)]
    assert len(cards) == len(_CUSTOMERS)
    _require_absent(cards, _all_of(tmp_path) + (ended.stdout + ended.stderr).encode())


def test_no_cell_is_on_disk_when_it_was_killed_with_all_of_them_in_memory(
    watched: PrintDesk, tmp_path: Path
) -> None:
    # The sheet goes through a pipe, which leaves nothing on a disk.
    reading, writing = os.pipe()
    killed = f"""
import os, signal
from kagimori.adapters.parcel import FileParcel
from kagimori.adapters.print_shop import CmsSheet
def killed(self):
    with open("/proc/{os.getpid()}/fd/{writing}", "wb") as out:
        out.write(self._clear)
    os.kill(os.getpid(), signal.SIGKILL)
CmsSheet.seal = killed
"""
    ended = watched.run_with(killed)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        sheet = pipe.read().decode().splitlines()
    assert ended.returncode == -signal.SIGKILL
    cards = [line.split(",")[2:] for line in sheet[1:]]
    assert len(cards) == len(_CUSTOMERS)
    _require_absent(cards, _all_of(tmp_path) + (ended.stdout + ended.stderr).encode())


def test_no_cell_is_in_an_error_that_ends_it(watched: PrintDesk, tmp_path: Path) -> None:
    broken = """
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
async def broken(self, cards, actor):
    raise RuntimeError(f"a fault of ours, with {cards[0]!r}")
SqlCardStock.add = broken
"""
    ended = watched.run_with(broken)
    assert "a fault of ours" in ended.stderr
    assert "canary-0" not in ended.stdout + ended.stderr
    cards = [card[2:] for card in watched.shop.read(watched.partial)]
    _require_absent(cards, _all_of(tmp_path) + (ended.stdout + ended.stderr).encode())


def test_a_cell_on_disk_would_be_found(watched: PrintDesk, tmp_path: Path) -> None:
    watched.run_with(_WRITTEN_IN_CLEAR)
    lines = _all_of(tmp_path).decode("utf-8", "replace").splitlines()
    (line,) = (line for line in lines if line.startswith("GC") and ",canary-7," in line)
    with pytest.raises(AssertionError, match="in clear"):
        _require_absent([line.split(",")[2:]], _all_of(tmp_path))


def _all_of(directory: Path) -> bytes:
    """Return the octets of every file below, but not what the tests keep of the shop."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return b"\n".join(path.read_bytes() for path in files)


def _require_absent(cards: list[list[str]], octets: bytes) -> None:
    """Look for three neighbours of each card, as somebody may have joined them.

    One cell of four digits is anywhere by chance; twelve digits in a row are those of
    three cells once in a million million.
    """
    for cells in cards:
        for joint in ("", ",", ";", "\t", " ", "', '", '", "', "\n"):
            for place in range(len(cells) - 2):
                together = joint.join(cells[place : place + 3]).encode()
                assert together not in octets, "a cell is there in clear"
