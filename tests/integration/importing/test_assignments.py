# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` gives tokens to customers."""

from __future__ import annotations

import pytest

from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, FLEET, SERIALS, SOME_LEFT_OUT, Desk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


def test_assigned_tokens_can_be_in_use_at_once(desk: Desk) -> None:
    code, said = desk.import_(
        desk.deliver(FLEET), "--assign", f"{SERIALS[1]}=customer-1", "--activate"
    )
    assert code == ALL, said
    assert desk.column("state") == ["IN_STOCK", "ACTIVE", "IN_STOCK"]
    assert desk.column("subscriber") == [None, "customer-1", None]
    assert "customer-1" not in said


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--assign", "customer-1"), "SERIAL=SUBSCRIBER"),
        (("--assign", "2V0716010000=c1", "--assign", "2V0716010001=c1"), "one subscriber"),
        (
            ("--all-or-nothing", "--assign", "2V0716019999=customer-1"),
            "2V0716019999",
        ),
    ],
)
def test_an_assignment_that_cannot_be_imports_nothing(
    desk: Desk, options: tuple[str, ...], word: str
) -> None:
    code, said = desk.import_(desk.deliver(FLEET), *options)
    assert (code != ALL, desk.rows()) == (True, [])
    assert word in said


def test_an_assignment_of_what_is_not_in_the_file_is_told_at_the_end(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET), "--assign", "2V0716019999=customer-1")
    assert (code, desk.column("serial")) == (SOME_LEFT_OUT, SERIALS)
    assert "NOT_IN_FILE" in said
    assert said.rstrip().endswith("0 refused, 1 not in the file")


def test_a_customer_who_has_a_token_gets_no_second_one(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]), "--assign", f"{SERIALS[0]}=customer-1")
    before = desk.rows()
    code, said = desk.import_(desk.deliver(FLEET[1:]), "--assign", f"{SERIALS[1]}=customer-1")
    assert code == SOME_LEFT_OUT
    assert desk.column("serial") == [SERIALS[0], SERIALS[2]]
    assert desk.rows()[0] == before[0]
    assert "CUSTOMER_HAS_TOKEN" in said
    assert "customer-1" not in said
