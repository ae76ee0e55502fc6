# SPDX-License-Identifier: Apache-2.0
"""A list of customers, and what of it is refused before anything is drawn."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kagimori.application.grid_cards.print_order import (
    LARGEST_LIST,
    LARGEST_RUN,
    PrintRefused,
    check_offered,
    customers_of,
)
from kagimori.domain.errors import NotOffered
from kagimori.domain.tenant import CUSTODY, Registration
from support.post.printing import OFFERED


@pytest.mark.parametrize(
    "octets",
    [b"4711\n4712\n", b"4711\n4712", b"4711\r\n4712\r\n", b"4711\r\n4712"],
    ids=["unix", "last line without an end", "windows", "windows without an end"],
)
def test_each_line_is_a_customer(octets: bytes) -> None:
    assert customers_of(octets) == ("4711", "4712")


def test_a_customer_is_taken_exactly_as_he_stands() -> None:
    lines = [" 4711", "4711 ", "\uff14\uff17\uff11\uff11", '客,様"', "x" * 64, "界" * 64]
    assert customers_of("\n".join(lines).encode()) == tuple(lines)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "is empty"),
        ("x" * 65, "is longer than 64 characters"),
        ("secret\tname", "holds what cannot be printed"),
        ("secret\rname", "holds what cannot be printed"),
        ("secret\u2028name", "holds what cannot be printed"),
        ("\ufeffsecret", "holds what cannot be printed"),
        ("first", "is the same customer as line 1"),
    ],
    ids=["empty", "long", "tab", "return", "separator", "byte order mark", "again"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_bad_line_is_named_and_not_quoted(line: str, why: str, end: str) -> None:
    octets = end.join(["first", line, "third", ""]).encode()
    with pytest.raises(PrintRefused, match=rf"line 2 {re.escape(why)}$") as refused:
        customers_of(octets)
    assert "secret" not in str(refused.value)


def test_what_is_not_utf8_is_named_and_not_quoted() -> None:
    with pytest.raises(PrintRefused, match=r"line 2 is not UTF-8 text$") as refused:
        customers_of("first\n契約者\n".encode("shift_jis"))
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("octets", [b"", b"\n\n", b"first\n\n", b"\r\n"])
def test_an_empty_list_or_line_is_refused(octets: bytes) -> None:
    with pytest.raises(PrintRefused, match="empty"):
        customers_of(octets)


def test_a_list_has_as_many_customers_as_one_run_prints() -> None:
    lines = [str(number) for number in range(LARGEST_RUN)]
    assert customers_of("\n".join(lines).encode()) == tuple(lines)
    with pytest.raises(PrintRefused, match=f"more than {LARGEST_RUN} customers"):
        customers_of("\n".join([*lines, "one more"]).encode())


def test_the_largest_list_is_not_too_large_to_be_read() -> None:
    customers = [f"{number:05}" + "\U00020bb7" * 59 for number in range(LARGEST_RUN)]
    assert len("\r\n".join(customers).encode()) <= LARGEST_LIST


def test_a_tenant_with_cards_and_the_label_is_offered_them() -> None:
    check_offered(OFFERED)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"registration": None}, "registration.grid_card"),
        ({"registration": Registration()}, "registration.grid_card"),
        ({"custody": CUSTODY}, "custody CELLS_PRINTED"),
    ],
    ids=["family A", "no card", "no such label"],
)
def test_another_tenant_is_refused_by_name_of_the_rule(
    changes: dict[str, object], rule: str
) -> None:
    with pytest.raises(NotOffered, match=re.escape(rule)):
        check_offered(replace(OFFERED, **changes))  # type: ignore[arg-type]
