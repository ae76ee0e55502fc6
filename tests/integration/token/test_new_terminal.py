# SPDX-License-Identifier: Apache-2.0
"""``kagimori-token new`` as a person sees it: the bank, a passphrase, then serial and code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from development import oathtool
from development.vendor import Device
from kagimori.domain import errors as server
from kagimori_client.token import OtpProfile, SoftwareToken
from kagimori_client.token.cli.digits import drawn
from kagimori_client.token.otp import HashAlgorithm
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE, record, written
from support.phones.token_authority import Served
from support.phones.token_terminal import (
    ENTERS_THE_SCREEN,
    App,
    Terminal,
    answer,
    device,
    ended,
    plain,
)

OTHER_BANK = "20160003"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """The app, new on its device."""
    with device(tmp_path / "home") as mine:
        yield mine


@pytest.fixture
def profile(app: App, served: Served) -> Path:
    """What the app ships with: two banks, and their names."""
    path = served.write_profile(app.home / "authority.toml")
    pins = ", ".join(f'"{pin}"' for pin in served.pins)
    banks = f'[banks]\n{theirs.SERVICE_ID} = "かけしん"\n{OTHER_BANK} = "あぶくま信用金庫"\n'
    path.write_text(f"{path.read_text()}{OTHER_BANK} = [{pins}]\n\n{banks}")
    return path


def choose_passphrase(terminal: Terminal[str]) -> None:
    answer(terminal, "パスフレーズ (表示されません): ", PASSPHRASE, hidden=True)
    answer(terminal, "パスフレーズ (確認のためもう一度): ", PASSPHRASE, hidden=True)


def first_frame(terminal: Terminal[str], app: App) -> str:
    terminal.expect_exact(ENTERS_THE_SCREEN)
    terminal.expect_exact("q: 終了")
    frame = plain(app.shown.rpartition(ENTERS_THE_SCREEN)[2])
    terminal.send("q")
    assert ended(terminal) == 0
    return frame


def shows_the_code(frame: str, seed: bytes) -> bool:
    """Tell whether the digits that oathtool computes are drawn, of this period or the last."""
    phone, now = Device(theirs.SERIAL, seed, digits=6, period=30), time.time()
    codes = [oathtool.time_code(phone, now, steps) for steps in (-1, 0)]
    return any(all(row.rstrip() in frame for row in drawn(code, "█")) for code in codes)


@pytest.mark.parametrize("typed", ["あぶくま信用金庫", OTHER_BANK])
def test_a_customer_chooses_the_bank_and_sees_serial_and_code_on_one_screen(
    typed: str, app: App, profile: Path, served: Served
) -> None:
    assert profile.exists()
    terminal = app.at_a_terminal("new")
    terminal.expect_exact(f"{theirs.SERVICE_ID}  かけしん")
    answer(terminal, "金融機関 (名前またはサービスID): ", typed)
    choose_passphrase(terminal)
    terminal.expect_exact("トークンを作成しました。")
    terminal.expect_exact("シリアル番号とワンタイムパスワードを登録してください")
    terminal.expect_exact(f"シリアル番号 {theirs.SERIAL}")
    frame = first_frame(terminal, app)
    assert f"シリアル番号 {theirs.SERIAL}" in frame
    assert "残り" in frame
    assert shows_the_code(frame, served.authority.new_seeds()[0])
    # The code in the middle, the number below it.
    assert frame.index("█") < frame.index("シリアル番号")
    assert served.authority.sent_new[0].service_id == OTHER_BANK


def test_nothing_but_the_bank_and_a_passphrase_is_asked_for(app: App, served: Served) -> None:
    served.write_profile(app.home / "authority.toml")
    terminal = app.at_a_terminal("new")
    choose_passphrase(terminal)
    first_frame(terminal, app)
    asked = plain(app.shown)
    for word in ("ユーザID", "利用開始パスワード", "サービスID", "表示名", "Enter"):
        assert word not in asked
    assert len(served.authority.sent_new) == 1


def test_a_bank_that_is_not_known_is_asked_for_again(
    app: App, profile: Path, served: Served
) -> None:
    assert profile.exists()
    terminal = app.at_a_terminal("new", "どこかの銀行")
    terminal.expect_exact("このアプリは、その金融機関に対応していません。")
    assert ended(terminal) == 1
    terminal = app.at_a_terminal("new")
    answer(terminal, "金融機関 (名前またはサービスID): ", "99999999")
    terminal.expect_exact("対応していません。")
    answer(terminal, "金融機関 (名前またはサービスID): ", "かけしん")
    choose_passphrase(terminal)
    first_frame(terminal, app)
    assert served.authority.sent_new[0].service_id == theirs.SERVICE_ID


def test_a_script_gets_the_serial_number(app: App, profile: Path) -> None:
    assert profile.exists()
    typed = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    done = app.in_a_script("--lang", "en", "new", "かけしん", typed=typed)
    assert done.returncode == 0, done.stderr
    assert f"Serial {theirs.SERIAL}\n" in done.stdout
    once = app.in_a_script("--once", typed=f"{PASSPHRASE}\n")
    assert len(once.stdout.strip()) == 6


def test_show_has_the_serial_number_every_time(app: App) -> None:
    (app.home / "tokens").mkdir()
    thirty = OtpProfile(HashAlgorithm.SHA1, 6, 30)
    soon = datetime.now(UTC) + timedelta(days=3)
    kept = record(profile=thirty, register_by=soon, user_id="")
    file = written(app.home / "tokens" / "1.json", kept)
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    frame = first_frame(terminal, app)
    assert f"シリアル番号 {kept.serial}" in frame
    assert "までに銀行の画面で登録" in frame
    file.unlink()
    over = record(profile=thirty, register_by=datetime(2020, 1, 1, tzinfo=UTC), user_id="")
    written(file, over)
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    frame = first_frame(terminal, app)
    assert f"シリアル番号 {kept.serial}" in frame
    assert "までに銀行の画面で登録" not in frame


def test_a_dumb_terminal_gets_code_and_serial_in_one_line(app: App) -> None:
    (app.home / "tokens").mkdir()
    until = datetime(2100, 1, 1, tzinfo=UTC)
    kept = record(profile=OtpProfile(HashAlgorithm.SHA1, 6, 30), register_by=until)
    file = written(app.home / "tokens" / "1.json", kept)
    terminal = app.at_a_terminal(TERM="dumb")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    assert ended(terminal) == 0
    token = SoftwareToken.open(file, PASSPHRASE)
    codes = {token.code(), token.code(time.time() - 30)}
    (line,) = [line for line in app.shown.splitlines() if "残り" in line]
    assert any(f"{code[:3]} {code[3:]}" in line for code in codes)
    assert f"シリアル番号 {kept.serial}" in line


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (server.NotOffered("x"), "この方法でトークンを作成できません。"),
        (server.EnvelopeRefused("login_envelope", "no"), "もう一度はじめからお試しください。"),
    ],
    ids=["NOT_OFFERED", "ENVELOPE_REFUSED"],
)
def test_a_refusal_is_a_sentence_and_leaves_nothing(
    said: server.AuthorityError, says: str, app: App, served: Served
) -> None:
    served.write_profile(app.home / "authority.toml")
    served.authority.says.append(said)
    terminal = app.at_a_terminal("new")
    choose_passphrase(terminal)
    terminal.expect_exact(says)
    assert ended(terminal) == 1
    assert list((app.home / "tokens").iterdir()) == []


@pytest.mark.parametrize("command", ["new", "setup"])
def test_what_was_interrupted_is_continued_by_either_command(
    command: str, app: App, served: Served
) -> None:
    served.write_profile(app.home / "authority.toml")
    served.authority.says.append(server.TooManyTries("too many", 3600.0))
    terminal = app.at_a_terminal("new")
    choose_passphrase(terminal)
    terminal.expect_exact("3600 秒待ってから")
    terminal.expect_exact("続きから再開できます。")
    assert ended(terminal) == 1
    terminal = app.at_a_terminal(command)
    answer(terminal, "続けますか? [Y/n]: ", "")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("トークンを作成しました。")
    frame = first_frame(terminal, app)
    assert f"シリアル番号 {theirs.SERIAL}" in frame
    assert served.authority.sent_new[0] == served.authority.sent_new[1]


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("ja", "シリアル番号で登録するトークンを作ります。"),
        ("en", "Make a token that you register"),
    ],
)
def test_the_help_is_in_both_languages(language: str, says: str, app: App) -> None:
    assert says in app.in_a_script("--help", "--lang", language).stdout
