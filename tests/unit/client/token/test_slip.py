# SPDX-License-Identifier: Apache-2.0
"""What is shown before it is signed: all of it, in any width."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from kagimori_client.token import TransactionToSign
from kagimori_client.token.cli.slip import Slip
from kagimori_client.token.cli.texts import Language, Words
from kagimori_client.transaction import AccountType
from support.pages.transfers import PAYEE, TEXT, text_of, transfer

WIDTHS = pytest.mark.parametrize("width", [80, 40])
LANGUAGES = pytest.mark.parametrize("language", list(Language))
JAPANESE, ENGLISH = Language.JA, Language.EN


def shown(slip: RenderableType, width: int = 80) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(slip)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def slip(text: str, language: Language = JAPANESE, width: int = 80) -> list[str]:
    return shown(Slip(Words(language), width).of(TransactionToSign(text)), width)


def test_a_transfer_as_a_customer_sees_it() -> None:
    assert slip(TEXT) == [
        f"受取人   {PAYEE}",
        "振込先   銀行 0310  支店 001",
        "         当座 0000042",
        "金額     1,234,567 円",
        "EDI情報  ｾｲｷﾕｳ 7-11",
    ]


def test_a_transfer_in_english() -> None:
    assert slip(TEXT, ENGLISH, 40) == [
        f"Payee      {PAYEE}",
        "To         bank 0310  branch 001",
        "           current 0000042",
        "Amount     JPY 1,234,567",
        "Reference  ｾｲｷﾕｳ 7-11",
    ]


def test_without_a_reference_there_is_no_line_of_one() -> None:
    assert not any("EDI" in line for line in slip(text_of(transfer(reference=""))))


@pytest.mark.parametrize(
    ("account_type", "said"),
    [
        (AccountType.ORDINARY, "普通"),
        (AccountType.CURRENT, "当座"),
        (AccountType.SAVINGS, "貯蓄"),
        (AccountType.OTHER, "その他"),
    ],
)
def test_the_type_of_the_account_is_shown(account_type: AccountType, said: str) -> None:
    lines = slip(text_of(transfer(account_type=account_type)))
    assert f"         {said} 0000042" in lines


@LANGUAGES
@WIDTHS
def test_of_twelve_payees_all_are_shown_with_number_and_total(
    width: int, language: Language
) -> None:
    transfers = [
        transfer(payee_name=f"PAYEE {number}", account_number=f"{number:07}", amount=number * 1_000)
        for number in range(1, 13)
    ]
    lines = slip(text_of(*transfers), language, width)
    for number in range(1, 13):
        place = next(at for at, line in enumerate(lines) if line.endswith(f"PAYEE {number}"))
        heading, account, amount = lines[place - 1], lines[place + 2], lines[place + 3]
        assert str(number) in heading
        assert "12" in heading
        assert f"{number:07}" in account
        assert f"{number},000" in amount
    assert "12" in lines[-2]
    assert "78,000" in lines[-1]


@LANGUAGES
@WIDTHS
@pytest.mark.parametrize(
    "name",
    ["ﾊﾟ" * 24, "ｱ" + "ﾊﾟ" * 23, "W" * 48, "ｶﾌﾞｼｷｶﾞｲｼﾔ ﾆﾎﾝﾃﾞﾝｼｷｶｲ ﾋｶﾞｼﾆﾎﾝｴｲｷﾞﾖｳｼﾖ ﾀﾞｲﾆｶｽ)1"],
    ids=["marks", "marks, odd", "letters", "words"],
)
def test_the_longest_name_and_amount_are_shown_whole(
    name: str, width: int, language: Language
) -> None:
    lines = slip(text_of(transfer(payee_name=name, amount=9_999_999_999)), language, width)
    assert max(map(cell_len, lines)) <= width
    said = "".join(lines).replace(" ", "")
    assert name.replace(" ", "") in said
    assert "9,999,999,999" in said
    assert not any(line.strip().startswith(("ﾞ", "ﾟ")) for line in lines)


def test_what_was_typed_is_shown_with_its_thousands() -> None:
    lines = shown(Slip(Words(JAPANESE), 80).typed("0000042", "9999999999"))
    assert lines == ["口座番号  0000042", "金額      9,999,999,999 円"]
