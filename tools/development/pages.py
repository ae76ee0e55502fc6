# SPDX-License-Identifier: Apache-2.0
"""The bank's pages for tokens with serial numbers, as the two guides print them.

What a customer types is shown, but for codes and the figures on his card.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Final

from kagimori_client import GridChallenge, ReplacementReceipt

COLUMNS: Final = "アイウエオカキク"
CHOICES: Final = {True: "認証する", False: "認証しない"}
HIDDEN: Final = "●●●●●●"
_HIDDEN_CELL: Final = "●●●●"
# Japan has one offset and no summer time, so no time-zone data is needed.
JAPAN: Final = timezone(timedelta(hours=9), "JST")


def registration(serial: str, *, login_otp: bool) -> str:
    """Return ワンタイムパスワードの登録, filled in."""
    return (
        "[ワンタイムパスワード利用開始]\n"
        "利用者認証 > ワンタイムパスワードの登録 > 処理結果\n"
        f"シリアル番号(半角英数字)                   {serial}\n"
        f"ワンタイムパスワード(半角数字)             {HIDDEN}\n"
        f"ログイン時のワンタイムパスワード認証要否   {CHOICES[login_otp]}"
    )


def old_code() -> str:
    """Return the first page of an exchange, filled in."""
    return (
        "[ワンタイムパスワード交換]\n"
        "旧ワンタイムパスワード認証 > 新ワンタイムパスワード認証 > 処理結果\n"
        "現行のトークンに表示されているワンタイムパスワードを入力します。\n"
        f"ワンタイムパスワード(半角数字)             {HIDDEN}"
    )


def new_token(serial: str) -> str:
    """Return its second page, filled in."""
    return (
        "新しいトークンに表示されているシリアル番号とワンタイムパスワードを入力します。\n"
        f"シリアル番号                               {serial}\n"
        f"ワンタイムパスワード(半角数字)             {HIDDEN}"
    )


def exchanged(receipt: ReplacementReceipt) -> str:
    """Return its last page."""
    at = receipt.accepted_at.astimezone(JAPAN)
    return (
        "受付内容   ワンタイムパスワードの登録が完了しました。\n"
        f"受付番号   {receipt.number}\n"
        f"受付時刻   {at:%Y}年{at:%m}月{at:%d}日 {at:%H}時{at:%M}分{at:%S}秒\n"
        "変更結果       変更後         変更前\n"
        f"シリアル番号   {receipt.serial_after}   {receipt.serial_before}"
    )


def until(moment: datetime) -> str:
    """Return the time of day, in Japan, until which the customer can go on."""
    return f"{moment.astimezone(JAPAN):%H時%M分}まで"


def cut_over(day: date | None) -> str:
    """Return what the page says of the password before the tokens."""
    if day is None:
        return ""
    return (
        "現在ご利用の暗証用/資金移動用パスワードは、セキュリティ上の理由から"
        f"{day:%Y年%m月%d日}に廃止し、\n"
        "新たにワンタイムパスワードを用いた認証に変更いたします。"
    )


def card(challenge: GridChallenge) -> str:
    """Return 確認用パスワード入力, filled in."""
    first, second = challenge.columns
    marks = {first: "(1)", second: "(2)"}
    return (
        "[確認用パスワード入力]\n"
        "お客様カードの(1)、(2)に対応した数字を半角でそれぞれ入力してください。\n"
        f"{'  '.join(COLUMNS)}\n"
        f"{''.join(f'{marks.get(column, str()):4}' for column in COLUMNS).rstrip()}\n"
        f"(1)({first}) {_HIDDEN_CELL}   (2)({second}) {_HIDDEN_CELL}"
    )
