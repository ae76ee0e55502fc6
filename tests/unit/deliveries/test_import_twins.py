# SPDX-License-Identifier: Apache-2.0
"""One seed behind two serials: whoever of the two comes in, its seed is known to another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.delivery_vault import seed_of
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.vendor_file import VendorToken
from kagimori.domain.lifecycle import State
from support.vendors.deliveries import MemoryFile, seed_number, token
from support.vendors.import_authority import FLEET, ORDER, SERIALS, Authority


def test_twins_of_one_batch_are_both_refused(authority: Authority) -> None:
    authority.batch = 5
    authority.import_([FLEET[0], FLEET[1], token(2, seed=FLEET[0].seed)])
    assert [result for _, result in authority.results] == [
        Result.REFUSED,
        Result.IMPORTED,
        Result.REFUSED,
    ]
    assert {authority.told.lines[place].reason for place in (0, 2)} == {"SEED_TWICE"}
    assert SERIALS[0] in authority.told.lines[2].detail
    assert authority.serials == [SERIALS[1]]


def test_the_first_of_two_twins_is_condemned_when_the_second_comes_later(
    authority: Authority,
) -> None:
    authority.batch = 1
    summary = authority.import_([FLEET[0], FLEET[1], token(2, seed=FLEET[0].seed)])
    assert authority.results == [
        (SERIALS[0], Result.IMPORTED),
        (SERIALS[1], Result.IMPORTED),
        (SERIALS[2], Result.REFUSED),
        (SERIALS[0], Result.CONDEMNED),
    ]
    assert SERIALS[0] in authority.told.lines[2].detail
    assert authority.token(SERIALS[0]).state is State.DEFECTIVE
    assert authority.token(SERIALS[1]).state is State.IN_STOCK
    assert (summary.taken, summary.left_out) == (1, 2)


def test_twins_of_one_batch_are_found_when_the_first_came_in_by_an_earlier_run(
    authority: Authority,
) -> None:
    file = MemoryFile([FLEET[0], token(2, seed=FLEET[0].seed)], digest=b"d" * 32)
    authority.import_(MemoryFile(FLEET[:1], digest=file.digest))
    authority.import_(file)
    assert authority.results == [
        (SERIALS[0], Result.IMPORTED),
        (SERIALS[2], Result.REFUSED),
        (SERIALS[0], Result.CONDEMNED),
    ]
    assert authority.token(SERIALS[0]).state is State.DEFECTIVE


def test_a_twin_of_another_delivery_s_token_is_not_condemned(authority: Authority) -> None:
    authority.import_(MemoryFile(FLEET[:1], digest=b"first" * 6))
    authority.batch = 1
    authority.import_([FLEET[0], token(2, seed=FLEET[0].seed)])
    assert authority.results == [(SERIALS[0], Result.DUPLICATE), (SERIALS[2], Result.REFUSED)]
    assert authority.token(SERIALS[0]).state is State.IN_STOCK


# --- what became of the one that was there first ---------------------------------------


def twins_of(*numbers: int) -> list[VendorToken]:
    """Return tokens with the seeds of the fleet's, behind serials of their own."""
    return [token(50 + number, seed=FLEET[number].seed) for number in numbers]


def condemned(authority: Authority) -> list[Line]:
    return [line for line in authority.told.lines if line.result is Result.CONDEMNED]


def test_one_that_was_in_stock_is_said_to_be_taken_out(authority: Authority) -> None:
    [twin] = twins_of(0)
    authority.import_([*FLEET, twin])
    assert condemned(authority) == [
        Line(
            SERIALS[0],
            Result.CONDEMNED,
            reason="SEED_TWICE",
            detail=f"serial {twin.serial} has the same encrypted seed; "
            "the token is taken out of the stock",
        )
    ]
    assert authority.token(SERIALS[0]).state is State.DEFECTIVE
    assert ("os-user:keeper", "CONDEMN", SERIALS[0]) in authority.stock.audit


@pytest.mark.parametrize("activate", [False, True])
def test_one_that_a_customer_has_is_left_to_him_and_said_to_be_looked_at(
    authority: Authority, *, activate: bool
) -> None:
    order = replace(ORDER, assignments={SERIALS[0]: "customer-1"}, activate=activate)
    [twin] = twins_of(0)
    authority.import_([*FLEET, twin], order)
    assert condemned(authority) == [
        Line(
            SERIALS[0],
            Result.CONDEMNED,
            reason="SEED_TWICE",
            detail=f"serial {twin.serial} has the same encrypted seed; "
            "the token was not in stock any more: look at it, and condemn it by hand",
        )
    ]
    token_of_his = authority.token(SERIALS[0])
    assert token_of_his.state is (State.ACTIVE if activate else State.ASSIGNED)
    assert seed_of(token_of_his.identity.seed) == seed_number(0)
    assert "CONDEMN" not in {action for _, action, _ in authority.stock.audit}


def test_of_two_in_one_batch_each_is_said_what_became_of_it(authority: Authority) -> None:
    order = replace(ORDER, assignments={SERIALS[0]: "customer-1"})
    authority.batch = len(FLEET)
    authority.import_([*FLEET, *twins_of(0, 1)], order)
    said = {line.serial: line.detail.partition("; ")[2] for line in condemned(authority)}
    assert set(said) == set(SERIALS[:2])
    assert said[SERIALS[0]].startswith("the token was not in stock any more")
    assert said[SERIALS[1]] == "the token is taken out of the stock"


def test_another_run_says_of_the_condemned_one_that_it_is_to_be_looked_at(
    authority: Authority,
) -> None:
    file = MemoryFile([*FLEET, *twins_of(0)])
    authority.import_(file)
    before = dict(authority.stock.tokens), list(authority.stock.audit)
    authority.import_(file)
    [line] = condemned(authority)
    assert "not in stock any more" in line.detail
    assert (authority.stock.tokens, authority.stock.audit) == before


def test_of_three_the_first_is_condemned_once(authority: Authority) -> None:
    third = token(60, seed=FLEET[0].seed)
    summary = authority.import_([*FLEET, *twins_of(0), *FLEET[1:2], third])
    [line] = condemned(authority)
    assert line.serial == SERIALS[0]
    assert summary.results[Result.CONDEMNED] == 1
    assert [action for _, action, _ in authority.stock.audit].count("CONDEMN") == 1


def test_a_dry_run_condemns_nothing(authority: Authority) -> None:
    authority.import_([*FLEET, *twins_of(0)], replace(ORDER, dry_run=True))
    assert condemned(authority) == []
