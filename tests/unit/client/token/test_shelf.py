# SPDX-License-Identifier: Apache-2.0
"""Several tokens of several banks, and how one of them is chosen."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kagimori_client.token.cli import texts
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.cli.shelf import Shelf, home_of
from support.phones.software_tokens import record, written


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "home")
    for issuer, label in (("けんしん", "給与"), ("熊本", None), ("熊本", "2"), ("きた", "給与")):
        written(shelf.new_path(), record(issuer=issuer, label=label))
    return shelf


def test_tokens_are_numbered_in_the_order_of_their_set_up(shelf: Shelf) -> None:
    assert [(e.number, e.name) for e in shelf.entries()] == [
        (1, "給与"),
        (2, "熊本"),
        (3, "2"),
        (4, "給与"),
    ]


def test_a_number_stays_when_another_token_goes(shelf: Shelf) -> None:
    shelf.remove(shelf.find("1"))
    assert [entry.number for entry in shelf.entries()] == [2, 3, 4]
    assert shelf.new_path().name == "5.json"


def test_one_is_found_by_number_first_then_by_name(shelf: Shelf) -> None:
    assert shelf.find("2").number == 2
    assert shelf.find("熊本").number == 2


@pytest.mark.parametrize(
    ("choice", "said"), [("給与", texts.WHICH_TOKEN), ("9", texts.NO_SUCH_TOKEN)]
)
def test_no_token_or_several_are_no_choice(shelf: Shelf, choice: str, said: texts.Text) -> None:
    with pytest.raises(Trouble) as refused:
        shelf.find(choice)
    assert refused.value.text is said


def test_a_damaged_file_is_listed_by_its_number(shelf: Shelf) -> None:
    shelf.find("4").path.write_bytes(b"damaged")
    assert (shelf.entries()[3].cover, shelf.entries()[3].name) == (None, "4")


def test_what_is_no_token_is_not_listed(shelf: Shelf) -> None:
    before = shelf.entries()
    place = before[0].path.parent
    for name in (".abc.part", "notes.txt", "x1.json", "1.json.bak"):
        (place / name).write_text("")
    assert shelf.entries() == before


def test_nobody_else_looks_into_the_directory(shelf: Shelf) -> None:
    place = shelf.entries()[0].path.parent
    assert stat.S_IMODE(place.stat().st_mode) & ~stat.S_IRWXU == 0


def test_an_empty_home_has_no_tokens(tmp_path: Path) -> None:
    assert Shelf(tmp_path / "nowhere").entries() == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"KAGIMORI_TOKEN_HOME": "/a", "XDG_DATA_HOME": "/b"}, "/a"),
        ({"XDG_DATA_HOME": "/b"}, "/b/kagimori-token"),
        ({"XDG_DATA_HOME": "relative"}, f"{Path.home()}/.local/share/kagimori-token"),
        ({"XDG_DATA_HOME": ""}, f"{Path.home()}/.local/share/kagimori-token"),
    ],
)
def test_the_home_is_the_one_named_else_xdgs(environment: dict[str, str], home: str) -> None:
    assert os.fspath(home_of(environment)) == home
