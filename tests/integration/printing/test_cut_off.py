# SPDX-License-Identifier: Apache-2.0
"""A run that is killed at any point leaves nobody with a card that nobody has printed."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from development import environment
from kagimori.adapters.parcel import parcel
from support.custody.hsm import MODULE
from support.databases.postgres import Cluster
from support.post.printing import ALL, CUSTOMERS, EARLIER, NOTHING, UNFINISHED, PrintDesk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

_DIE = """
import os, signal
from pathlib import Path
from kagimori.adapters import parcel
from kagimori.adapters.parcel import FileParcel
from kagimori.adapters.print_shop import CmsSheet
from kagimori.adapters.sql.inventory import card_stock
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.adapters.vault import HsmImportVault

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def after(function):
    def then(*arguments):
        function(*arguments)
        die()
    return then

def half(self, octets):
    self._file.write(octets[: len(octets) // 2])
    self._file.flush()
    die()

async def added_and_dead(self, cards, actor, add=SqlCardStock.add):
    await add(self, cards, actor)
    die()
"""

_NOT_LIVE = {
    "before a card is drawn": "HsmImportVault.draw_cards = die",
    "with all cells in memory": "CmsSheet.seal = die",
    "with the sheet encrypted": "FileParcel.stage = die",
    "with the file half written": "FileParcel.stage = half",
    "with the file written": "os.fsync = die",
    "with the file durable": "SqlCardStock.add = die",
    "amid the transaction": "card_stock._written_down = die",
}
_LIVE = {
    "with the transaction durable": "SqlCardStock.add = added_and_dead",
    "before the file is renamed": "FileParcel.release = die",
}
_DONE = {
    "before the new name is durable": "Path.rename = after(Path.rename)",
    "with all done": "FileParcel.release = after(FileParcel.release)",
}


@pytest.fixture
def printed(desk: PrintDesk) -> PrintDesk:
    """A desk whose customers have cards already, from an earlier file."""
    desk.print(*CUSTOMERS)
    desk.target.rename(desk.place.directory / "earlier.cms")
    return desk


def kill(desk: PrintDesk, point: str) -> None:
    died = desk.run_with(f"{_DIE}\n{point}\n")
    assert died.returncode == -signal.SIGKILL, died.stdout + died.stderr


@pytest.mark.parametrize("point", _NOT_LIVE.values(), ids=_NOT_LIVE.keys())
def test_before_the_transaction_everybody_keeps_his_card_and_another_run_prints_all(
    printed: PrintDesk, point: str
) -> None:
    before = printed.live()
    kill(printed, point)
    assert printed.live() == before
    assert not printed.target.exists()
    code, said = printed.run()
    assert code == ALL, said
    assert "3 cards printed; 3 earlier ones are void" in said
    assert printed.live() == printed.printed(printed.target)
    assert not printed.partial.exists()


@pytest.mark.parametrize("point", _LIVE.values(), ids=_LIVE.keys())
def test_after_it_the_file_is_there_and_another_run_gives_it_its_name(
    printed: PrintDesk, point: str
) -> None:
    before = printed.live()
    kill(printed, point)
    live = printed.live()
    assert not set(live.values()) & set(before.values())
    assert printed.printed(printed.partial) == live
    code, said = printed.run()
    assert code == EARLIER, said
    assert "an earlier run has made 3 cards live; its file has its name now" in said
    assert "this run has printed nothing" in said
    assert printed.live() == live == printed.printed(printed.target)
    assert not printed.partial.exists()


@pytest.mark.parametrize("point", _DONE.values(), ids=_DONE.keys())
def test_after_the_rename_the_file_is_whole_and_another_run_leaves_it_alone(
    printed: PrintDesk, point: str
) -> None:
    kill(printed, point)
    assert printed.live() == printed.printed(printed.target)
    octets = printed.target.read_bytes()
    code, said = printed.run()
    assert code == NOTHING, said
    assert printed.target.read_bytes() == octets
    assert printed.live() == printed.printed(printed.target)


@pytest.mark.parametrize("when", ["amid the transaction", "before the file is renamed"])
def test_the_same_goes_for_postgresql(on_postgresql: PrintDesk, when: str) -> None:
    kill(on_postgresql, {**_NOT_LIVE, **_LIVE}[when])
    code, said = on_postgresql.run()
    assert code == (EARLIER if when in _LIVE else ALL), said
    assert list(on_postgresql.printed(on_postgresql.target)) == list(CUSTOMERS)


@pytest.fixture
def on_postgresql(desk: PrintDesk) -> Iterator[PrintDesk]:
    with Cluster.running() as cluster:
        text = desk.place.config.read_text()
        url = cluster.create_database()
        desk.place.config.write_text(text.replace(f"sqlite:///{desk.place.database}", url))
        assert environment.apply_tenants(desk.place).returncode == 0
        yield desk


# --- what another run finds ----------------------------------------------------------------


def test_a_run_for_another_tenant_does_not_throw_the_file_away(printed: PrintDesk) -> None:
    printed.let_kakeshin_have_cards()
    kill(printed, _LIVE["before the file is renamed"])
    code, said = printed.run(tenant="kakeshin")
    assert code == EARLIER, said
    assert printed.printed(printed.target) == printed.live()


def test_a_run_for_other_customers_says_that_they_have_no_cards(printed: PrintDesk) -> None:
    kill(printed, _LIVE["before the file is renamed"])
    printed.write_list("somebody", "else")
    code, said = printed.run()
    assert code == EARLIER, said
    assert "name another OUT for other customers" in said
    assert "somebody" not in printed.live()


def test_a_dry_run_says_what_to_do_and_leaves_it_there(printed: PrintDesk) -> None:
    kill(printed, _LIVE["before the file is renamed"])
    code, said = printed.run("--dry-run")
    assert code == NOTHING
    assert f"{printed.partial} is an earlier run's: run it without --dry-run first" in said
    assert printed.printed(printed.partial) == printed.live()


def test_a_file_in_the_way_of_its_name_is_to_be_moved(printed: PrintDesk) -> None:
    kill(printed, _LIVE["before the file is renamed"])
    printed.target.write_bytes(b"something else")
    code, said = printed.run()
    assert code == NOTHING
    assert f"{printed.target} is there, and so is an earlier run's {printed.partial}" in said
    printed.target.unlink()
    assert printed.run()[0] == EARLIER
    assert printed.live() == printed.printed(printed.target)


def test_a_file_of_somebody_elses_is_left_alone(desk: PrintDesk) -> None:
    desk.partial.write_bytes(b"my diary")
    code, said = desk.run()
    assert (code, desk.column("number")) == (NOTHING, [])
    assert f"{desk.partial}: is in the way, and not of this command" in said
    assert desk.partial.read_bytes() == b"my diary"


def test_a_run_beside_another_one_is_refused(desk: PrintDesk) -> None:
    with parcel(desk.target):
        code, said = desk.run()
        assert (code, desk.column("number")) == (NOTHING, [])
        assert f"{desk.partial}: another run is writing it" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_cards_are_drawn(desk: PrintDesk, number: signal.Signals) -> None:
    desk.write_list(*(f"customer-{n}" for n in range(600)))
    tell = f"""
import os, signal
from kagimori.adapters.vault import HsmImportVault
draw = HsmImportVault.draw_cards
async def drawn(self, tenant, count):
    os.kill(os.getpid(), {int(number)})
    return await draw(self, tenant, count)
HsmImportVault.draw_cards = drawn
"""
    ended = desk.run_with(tell)
    assert ended.returncode == NOTHING, ended.stdout + ended.stderr
    assert "it was interrupted" in ended.stderr
    assert desk.column("number") == []
    assert not desk.partial.exists()


# --- what fails ----------------------------------------------------------------------------


def test_a_database_that_does_not_say_is_asked_again_by_another_run(desk: PrintDesk) -> None:
    doubt = """
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.adapters.sql.database import NOT_KNOWN, unavailable
async def in_doubt(self, cards, actor, add=SqlCardStock.add):
    await add(self, cards, actor)
    raise unavailable(NOT_KNOWN)
SqlCardStock.add = in_doubt
"""
    ended = desk.run_with(doubt)
    assert ended.returncode == UNFINISHED, ended.stdout + ended.stderr
    assert "it is not known whether the commit happened" in ended.stderr
    assert "run it again: it finds out what became of it" in ended.stderr
    assert desk.printed(desk.partial) == desk.live()
    assert desk.run()[0] == EARLIER
    assert desk.printed(desk.target) == desk.live()


def test_a_database_that_cannot_be_asked_leaves_the_file_where_it_is(printed: PrintDesk) -> None:
    kill(printed, _LIVE["before the file is renamed"])
    octets = printed.partial.read_bytes()
    away = """
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.adapters.sql.database import unavailable
async def away(self, run):
    raise unavailable("the database failed; nothing was changed")
SqlCardStock.printed = away
"""
    assert printed.run_with(away).returncode == NOTHING
    assert printed.partial.read_bytes() == octets
    assert printed.run()[0] == EARLIER


def test_a_file_that_cannot_be_written_has_no_live_cards(desk: PrintDesk) -> None:
    small = """
import resource
from kagimori.adapters.parcel import FileParcel
stage = FileParcel.stage
def staged(self, octets):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    stage(self, octets)
FileParcel.stage = staged
"""
    ended = desk.run_with(small)
    assert ended.returncode == NOTHING, ended.stdout + ended.stderr
    assert "File too large" in ended.stderr
    assert desk.column("number") == []
    assert not desk.partial.exists()
