# SPDX-License-Identifier: Apache-2.0
"""``kagimori-token sign`` as a person sees it: shown, asked about, and only then computed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from development import openssl_ocra
from kagimori_client.token.cli.digits import drawn
from support.pages.transfers import PAYEE, TEXT, text_of, transfer
from support.phones.software_tokens import PASSPHRASE, SIGNING_SEED, record, written
from support.phones.token_terminal import App, Terminal, answer, device, ended, plain

CODE = openssl_ocra.code_of_text(SIGNING_SEED, TEXT)
ASKS = "表示しますか? [y/N]: "
BATCH = text_of(transfer(reference=""), transfer(amount=1, payee_name="ﾔﾏﾀﾞ ﾊﾅｺ", reference=""))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """The app, with a token of a bank that offers 取引確認."""
    with device(tmp_path / "home") as mine:
        (mine.home / "tokens").mkdir()
        put(mine, 1, label="給与口座")
        yield mine


@pytest.fixture
def qr(tmp_path: Path) -> Path:
    """A file with what a scanner's program has printed."""
    path = tmp_path / "qr.txt"
    path.write_text(f"{TEXT}\n", encoding="utf-8")
    return path


def put(app: App, number: int, **changes: Any) -> None:  # noqa: ANN401 - any field of a record
    path = app.home / "tokens" / f"{number}.json"
    path.unlink(missing_ok=True)
    written(path, record(**({"transaction_signing": True} | changes)))


def unlock(terminal: Terminal[str]) -> None:
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)


def is_drawn(code: str, screen: str) -> bool:
    rows = [line.rstrip() for line in plain(screen).splitlines()]
    return all(row.rstrip() in rows for row in drawn(code, "█"))


def test_a_customer_pastes_reads_agrees_and_sees_the_code_of_openssl(app: App) -> None:
    terminal = app.at_a_terminal("sign")
    answer(terminal, "貼り付けて", TEXT)
    unlock(terminal)
    terminal.expect_exact(ASKS)
    asked = plain(terminal.before or "")
    for said in ("給与口座", PAYEE, "銀行 0310  支店 001", "当座 0000042", "1,234,567 円"):
        assert said in asked
    assert "█" not in asked
    terminal.sendline("y")
    assert ended(terminal) == 0
    assert is_drawn(CODE, terminal.before or "")


@pytest.mark.parametrize("said", ["", "n", "no", "はい", "ｙ", "yy"])  # noqa: RUF001 - full-width
def test_anything_but_a_yes_shows_no_code(said: str, app: App, qr: Path) -> None:
    terminal = app.at_a_terminal("sign", str(qr))
    unlock(terminal)
    answer(terminal, ASKS, said)
    terminal.expect_exact("取引確認番号は表示していません。")
    assert ended(terminal) == 1
    assert "█" not in app.shown


def test_the_end_of_what_is_typed_is_no_yes(app: App, qr: Path) -> None:
    terminal = app.at_a_terminal("sign", str(qr))
    unlock(terminal)
    terminal.expect_exact(ASKS)
    terminal.sendeof()
    terminal.expect_exact("取引確認番号は表示していません。")
    assert ended(terminal) == 1
    assert "█" not in app.shown


def test_a_pasted_yes_is_no_answer(app: App) -> None:
    terminal = app.at_a_terminal("sign")
    answer(terminal, "貼り付けて", f"{TEXT}\ny\ny\ny")
    unlock(terminal)
    answer(terminal, ASKS, "n")
    terminal.expect_exact("取引確認番号は表示していません。")
    assert ended(terminal) == 1
    assert "█" not in app.shown


def test_what_is_no_transaction_is_told_before_a_passphrase_is_asked(app: App) -> None:
    terminal = app.at_a_terminal("sign")
    answer(terminal, "貼り付けて", f"https://bank.example/\n{TEXT}")
    terminal.expect_exact("取引確認のQRコードではないか、内容が欠けています。")
    assert ended(terminal) == 1
    assert "パスフレーズ" not in app.shown


@pytest.mark.parametrize("ending", ["", "\n"], ids=["as it is", "with an end"])
def test_of_a_batch_whose_references_are_empty_all_is_pasted(ending: str, app: App) -> None:
    terminal = app.at_a_terminal("sign")
    answer(terminal, "貼り付けて", f"{BATCH}{ending}")
    unlock(terminal)
    terminal.expect_exact(ASKS)
    asked = plain(terminal.before or "")
    for said in ("振込 1 / 2", PAYEE, "振込 2 / 2", "ﾔﾏﾀﾞ ﾊﾅｺ", "2 件", "1,234,568 円"):
        assert said in asked
    terminal.sendline("y")
    assert ended(terminal) == 0
    assert is_drawn(openssl_ocra.code_of_text(SIGNING_SEED, BATCH), terminal.before or "")


def test_in_english_and_drawn_in_ascii(app: App, qr: Path) -> None:
    terminal = app.at_a_terminal("--lang", "en", "sign", "--ascii", str(qr))
    answer(terminal, "Passphrase: ", PASSPHRASE, hidden=True)
    answer(terminal, "[y/N]: ", "yes")
    assert ended(terminal) == 0
    assert "JPY 1,234,567" in app.shown
    rows = [line.rstrip() for line in plain(terminal.before or "").splitlines()]
    assert all(row.rstrip() in rows for row in drawn(CODE, "#"))


def test_a_dumb_terminal_gets_the_code_in_two_groups(app: App, qr: Path) -> None:
    terminal = app.at_a_terminal("sign", str(qr), TERM="dumb")
    unlock(terminal)
    answer(terminal, ASKS, "y")
    assert ended(terminal) == 0
    assert f"\n{CODE[:4]} {CODE[4:]}" in app.shown
    assert "\x1b" not in app.shown


def test_the_token_is_that_of_the_bank_that_asks(app: App, qr: Path) -> None:
    put(app, 2, service_id="10112001", issuer="けんしん")
    terminal = app.at_a_terminal("sign", str(qr))
    unlock(terminal)
    answer(terminal, ASKS, "y")
    assert ended(terminal) == 0
    assert "番号または表示名" not in app.shown
    assert is_drawn(CODE, terminal.before or "")


def test_one_of_two_tokens_of_the_bank_is_chosen(app: App, qr: Path) -> None:
    put(app, 2, service_id="10112001", issuer="けんしん", label="ほかの銀行")
    put(app, 3, label="貯金")
    terminal = app.at_a_terminal("sign", str(qr))
    answer(terminal, "番号または表示名: ", "3")
    unlock(terminal)
    terminal.expect_exact(ASKS)
    assert "ほかの銀行" not in app.shown
    terminal.sendline("n")
    assert ended(terminal) == 1


def test_what_is_typed_is_shown_and_its_code_has_a_countdown(app: App) -> None:
    terminal = app.at_a_terminal("sign", "--typed")
    unlock(terminal)
    answer(terminal, "口座番号 (7桁): ", "42")
    terminal.expect_exact("口座番号は半角数字7桁")
    answer(terminal, "口座番号 (7桁): ", "0000042")
    answer(terminal, "数字だけ): ", "1,000")
    terminal.expect_exact("金額は半角数字だけ")
    answer(terminal, "数字だけ): ", "1000")
    terminal.expect_exact(ASKS)
    assert "1,000 円" in plain(terminal.before or "")
    before = time.time()
    terminal.sendline("y")
    assert ended(terminal) == 0
    screen = terminal.before or ""
    moments = {int(before), int(time.time())}
    codes = [openssl_ocra.code_of_typed(SIGNING_SEED, "00000421000", at) for at in moments]
    assert any(is_drawn(code, screen) for code in codes)
    assert re.search(r"残り ([12]?[0-9]) 秒", plain(screen))


@pytest.mark.parametrize("where", ["file", "standard input"])
def test_a_script_gets_the_code_alone_and_sees_what_it_signs(
    where: str, app: App, qr: Path
) -> None:
    if where == "file":
        done = app.in_a_script("sign", "--yes", str(qr), typed=f"{PASSPHRASE}\n")
    else:
        done = app.in_a_script("sign", "--yes", typed=f"{PASSPHRASE}\n{TEXT}\n")
    assert (done.returncode, done.stdout) == (0, f"{CODE}\n")
    for said in (PAYEE, "0000042", "1,234,567 円"):
        assert said in done.stderr


def test_a_script_gets_the_typed_code_alone(app: App) -> None:
    before = time.time()
    done = app.in_a_script("sign", "--typed", "--yes", typed=f"{PASSPHRASE}\n0000042\n1000\n")
    moments = (before, time.time())
    codes = {openssl_ocra.code_of_typed(SIGNING_SEED, "00000421000", int(at)) for at in moments}
    assert done.returncode == 0
    assert done.stdout.strip() in codes
    assert "残り" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "typed", "says"),
    [
        (("sign", "{qr}"), f"{PASSPHRASE}\n", "--yes を付けてください"),
        (("sign", "--typed"), f"{PASSPHRASE}\n0000042\n1000\n", "--yes を付けてください"),
        (("sign", "--yes", "--typed", "{qr}"), f"{PASSPHRASE}\n", "ファイルを指定できません"),
        (("sign", "--yes", "{qr}"), "a wrong passphrase\n", "パスフレーズが違うか"),
        (("sign", "--yes"), f"{PASSPHRASE}\n", "内容が欠けています"),
        (("sign", "--yes"), f"{PASSPHRASE}\n{TEXT[:-30]}", "内容が欠けています"),
        (("sign", "--yes", "{qr}.gone"), f"{PASSPHRASE}\n", "ファイルを読み書きできません"),
        (("sign", "--yes", "--typed"), f"{PASSPHRASE}\n42\n1\n", "口座番号は半角数字7桁"),
        (("sign", "--yes", "--typed"), f"{PASSPHRASE}\n0000042\n01\n", "金額は半角数字だけ"),
        (
            ("sign", "--yes"),
            f"{PASSPHRASE}\n{text_of(service_id='20160003')}",
            "別の金融機関の取引です",
        ),
        (
            ("sign", "--yes", "-t", "給与口座"),
            f"{PASSPHRASE}\n{text_of(service_id='20160003')}",
            "別の金融機関の取引です",
        ),
    ],
    ids=[
        "no yes",
        "no yes, typed",
        "typed and a file",
        "passphrase",
        "nothing",
        "a part",
        "no file",
        "account",
        "amount",
        "another bank's",
        "another bank's, chosen",
    ],
)
def test_a_refusal_is_a_sentence_and_no_code(
    arguments: tuple[str, ...], typed: str, says: str, app: App, qr: Path
) -> None:
    done = app.in_a_script(*(each.format(qr=qr) for each in arguments), typed=typed)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("sign", "{qr}"), ("sign", "--typed")], ids=["qr", "typed"])
def test_where_the_bank_does_not_offer_it_that_is_said(
    arguments: tuple[str, ...], app: App, qr: Path
) -> None:
    put(app, 1, transaction_signing=False)
    terminal = app.at_a_terminal(*(each.format(qr=qr) for each in arguments))
    unlock(terminal)
    terminal.expect_exact("取引確認は使用しません。")
    assert ended(terminal) == 1
    assert ASKS not in app.shown


def test_nothing_of_it_is_kept(app: App, qr: Path) -> None:
    (file,) = (app.home / "tokens").iterdir()
    before = file.read_bytes()
    done = app.in_a_script("sign", "--yes", str(qr), typed=f"{PASSPHRASE}\n")
    assert done.returncode == 0
    assert list((app.home / "tokens").iterdir()) == [file]
    assert file.read_bytes() == before
    assert [each for each in app.home.iterdir() if each.is_file()] == []
