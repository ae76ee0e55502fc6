# SPDX-License-Identifier: Apache-2.0
"""Cases of one token stand in a line; cases of others do not."""

from __future__ import annotations

import pytest

from kagimori.application.verification.case import Case
from kagimori.application.verification.lines import LineFull, Lines
from support.engine import case
from support.tokens import OTHER_TENANT


def of(name: str, tenant: str = "20160003") -> Case:
    return case(name, tenant=tenant)


def test_the_first_goes_at_once_and_each_leaver_makes_room_for_one() -> None:
    lines = Lines(longest=3)
    first, second, third = of("A"), of("A"), of("A")
    assert lines.join(first)
    assert not lines.join(second)
    assert not lines.join(third)
    assert lines.leave(first) is second
    assert lines.leave(second) is third
    assert lines.leave(third) is None
    assert not lines._lines


def test_tokens_do_not_wait_for_each_other() -> None:
    lines = Lines(longest=2)
    assert lines.join(of("A"))
    assert lines.join(of("B"))
    assert lines.join(of("A", OTHER_TENANT))


def test_who_gives_up_in_the_middle_holds_up_nobody() -> None:
    lines = Lines(longest=3)
    first, gone, last = of("A"), of("A"), of("A")
    for each in (first, gone, last):
        lines.join(each)
    assert lines.leave(gone) is None
    assert lines.leave(first) is last


def test_a_line_has_its_bound() -> None:
    lines = Lines(longest=1)
    first = of("A")
    lines.join(first)
    with pytest.raises(LineFull):
        lines.join(of("A"))
    assert lines.leave(first) is None
    assert lines.join(of("A"))
