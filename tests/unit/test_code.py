# SPDX-License-Identifier: Apache-2.0
"""A code is exactly its ASCII digits, and never shows them."""

from __future__ import annotations

import pytest

from kagimori.domain.code import Otp
from kagimori.domain.errors import InvalidField

FULL_WIDTH = "\uff17\uff15\uff15\uff12\uff12\uff14"
"""755224 as a Japanese keyboard types it in its full-width mode."""


@pytest.mark.parametrize("text", ["000000", "755224", "0755224", "94287082", "1284755224"])
def test_takes_six_to_ten_digits_as_they_are(text: str) -> None:
    assert Otp(text).reveal() == text
    assert len(Otp(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "75522",
        "75522475500",
        " 755224",
        "755224 ",
        "755 224",
        "755224\n",
        "755224\r\n",
        "\t755224",
        "755224\0",
        "\x00755224",
        "+755224",
        "-755224",
        "755.224",
        "0x7552",
        "7552\uff124",
        FULL_WIDTH,
        "\u0667\u0665\u0665\u0662\u0662\u0664",
        "755224\u200b",
        "75522e4",
        "abcdef",
        FULL_WIDTH * 1000,
    ],
    ids=ascii,
)
def test_takes_nothing_else_and_repairs_nothing(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        Otp(text)
    assert caught.value.field == "code"
    assert not text or text not in str(caught.value)


def test_shows_no_digit() -> None:
    code = Otp("755224")
    for shown in (repr(code), str(code), f"{code}", f"{[code]}"):
        assert not any(digit in shown for digit in "755224")


def test_cannot_be_read_by_accident() -> None:
    assert not hasattr(Otp("755224"), "__dict__")
