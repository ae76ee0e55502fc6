# SPDX-License-Identifier: Apache-2.0
"""``kagimori-token`` as a person sees it: typed at a pseudo-terminal and read from it."""

from __future__ import annotations

import itertools
import re
import signal
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from development import oathtool
from development.vendor import Device
from kagimori.domain import errors as server
from kagimori_client.token import SoftwareToken
from kagimori_client.token.cli.digits import drawn
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE, record, written
from support.phones.token_authority import Served
from support.phones.token_terminal import (
    ENTERS_THE_SCREEN,
    LEAVES_THE_SCREEN,
    App,
    Terminal,
    answer,
    device,
    ended,
    plain,
)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """The app, new on its device."""
    with device(tmp_path / "home") as mine:
        yield mine


@pytest.fixture
def token_file(app: App) -> Path:
    """A token that is set up."""
    (app.home / "tokens").mkdir()
    return written(app.home / "tokens" / "1.json", record(label="給与口座"))


def type_all(terminal: Terminal[str], password: str = theirs.ACTIVATION_PASSWORD) -> None:
    answer(terminal, "サービスID (8桁): ", theirs.SERVICE_ID)
    answer(terminal, "ユーザID (12桁): ", theirs.USER_ID)
    answer(terminal, "利用開始パスワード (表示されません): ", password, hidden=True)
    answer(terminal, "パスフレーズ (表示されません): ", PASSPHRASE, hidden=True)
    answer(terminal, "パスフレーズ (確認のためもう一度): ", PASSPHRASE, hidden=True)


def test_a_customer_sets_up_and_sees_the_code_that_oathtool_computes(
    app: App, served: Served
) -> None:
    served.write_profile(app.home / "authority.toml")
    terminal = app.at_a_terminal("setup")
    type_all(terminal)
    terminal.expect_exact("初期設定が正常に完了しました。")
    answer(terminal, "トークン表示名", "給与口座")
    answer(terminal, "Enter を押すと", "")
    terminal.expect_exact(ENTERS_THE_SCREEN)
    terminal.expect(r"残り (\d+) 秒")
    frame = plain(terminal.before or "")
    terminal.send("q")
    assert ended(terminal) == 0
    assert "給与口座" in frame
    assert theirs.ISSUER in frame
    device = Device(theirs.SERIAL, served.authority.seeds()[0], digits=8, period=60)
    now = time.time()
    # The frame was drawn in this period or, if it turned meanwhile, in the last one.
    codes = [oathtool.time_code(device, now, steps) for steps in (-1, 0)]
    assert any(all(row.rstrip() in frame for row in drawn(code, "█")) for code in codes)


def test_what_cannot_be_right_is_asked_again(app: App, served: Served) -> None:
    served.write_profile(app.home / "authority.toml")
    terminal = app.at_a_terminal("setup")
    answer(terminal, "サービスID (8桁): ", "1011")
    terminal.expect_exact("サービスIDは半角数字8桁で入力してください。")
    answer(terminal, "サービスID (8桁): ", "99999999")
    terminal.expect_exact("このサービスIDの金融機関に対応していません。")
    answer(terminal, "サービスID (8桁): ", theirs.SERVICE_ID)
    answer(terminal, "ユーザID (12桁): ", "1")
    terminal.expect_exact("ユーザIDは半角数字12桁")
    answer(terminal, "ユーザID (12桁): ", f"  {theirs.USER_ID} ")
    answer(terminal, "利用開始パスワード (表示されません): ", "12", hidden=True)
    terminal.expect_exact("半角数字4桁から8桁")
    answer(terminal, "利用開始パスワード (", theirs.ACTIVATION_PASSWORD, hidden=True)
    answer(terminal, "パスフレーズ (表示されません): ", "short", hidden=True)
    terminal.expect_exact("パスフレーズは8文字以上")
    answer(terminal, "パスフレーズ (表示されません): ", PASSPHRASE, hidden=True)
    answer(terminal, "もう一度): ", "something else", hidden=True)
    terminal.expect_exact("パスフレーズが一致しません。")
    answer(terminal, "パスフレーズ (表示されません): ", PASSPHRASE, hidden=True)
    answer(terminal, "もう一度): ", PASSPHRASE, hidden=True)
    terminal.expect_exact("初期設定が正常に完了しました。")
    answer(terminal, "トークン表示名", "漢" * 21)
    terminal.expect_exact("トークン表示名は20文字まで")
    answer(terminal, "トークン表示名 (", "")
    answer(terminal, "Enter を押すと", "")
    terminal.expect_exact("残り")
    terminal.sendcontrol("c")
    assert ended(terminal) == 0
    assert len(served.authority.sent) == 1


def test_the_countdown_moves_and_ctrl_c_clears_the_code(app: App, token_file: Path) -> None:
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    seconds = []
    for _ in range(4):
        terminal.expect(r"残り (\d+) 秒")
        seconds.append(int(terminal.match[1]))  # type: ignore[index] # it matched
    for earlier, later in itertools.pairwise(seconds):
        assert (earlier - later) % 60 in (1, 2)
    terminal.sendcontrol("c")
    terminal.expect_exact(LEAVES_THE_SCREEN)
    assert ended(terminal) == 0
    code = SoftwareToken.open(token_file, PASSPHRASE).code()
    last_frame, cleared, after = app.shown.rpartition("\x1b[2J")
    assert cleared
    assert code not in plain(after)
    assert "█" not in plain(after)
    assert "█" in last_frame


@pytest.mark.parametrize("leave", [signal.SIGTERM, signal.SIGHUP], ids=["ended", "hung up on"])
def test_the_code_is_cleared_when_the_app_is(
    leave: signal.Signals, app: App, token_file: Path
) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("残り")
    terminal.kill(leave)
    terminal.expect_exact(LEAVES_THE_SCREEN)
    assert ended(terminal) == 0


def test_ctrl_z_does_not_leave_the_code_behind(app: App, token_file: Path) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("残り")
    # Here nobody could stop it anyway: no shell controls its jobs. The key itself is gone.
    control_characters = termios.tcgetattr(terminal.child_fd)[6]
    assert control_characters[termios.VSUSP] == b"\x00"
    terminal.send("ｑ")  # noqa: RUF001 - an IME is on
    assert ended(terminal) == 0


def test_no_frame_is_wider_than_the_terminal(app: App, token_file: Path) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal()
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("残り")
    terminal.expect_exact("q: 終了")
    frame = plain(app.shown.partition(ENTERS_THE_SCREEN)[2])
    terminal.send("q")
    assert ended(terminal) == 0
    assert max(map(cell_len, frame.splitlines())) <= 80


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ({"LANG": "ja_JP.UTF-8"}, ("パスフレーズ: ", "パスフレーズが違うか", "残り", "q: 終了")),
        ({"LANG": "en_US.UTF-8"}, ("Passphrase: ", "passphrase is wrong", "s left", "q: quit")),
    ],
    ids=["ja", "en"],
)
def test_a_wrong_passphrase_is_told_and_asked_again_in_either_language(
    language: dict[str, str], says: tuple[str, ...], app: App, token_file: Path
) -> None:
    assert token_file.exists()
    asks, wrong, left, leave = says
    terminal = app.at_a_terminal(**language)
    answer(terminal, asks, "a wrong passphrase", hidden=True)
    terminal.expect_exact(wrong)
    answer(terminal, asks, PASSPHRASE, hidden=True)
    terminal.expect_exact(left)
    terminal.expect_exact(leave)
    terminal.send("q")
    assert ended(terminal) == 0


def test_three_wrong_passphrases_end_it(app: App, token_file: Path) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal("--lang", "en", "show")
    for _ in range(3):
        answer(terminal, "Passphrase: ", "a wrong passphrase", hidden=True)
        terminal.expect_exact("passphrase is wrong")
    assert ended(terminal) == 1


def test_ctrl_c_at_a_question_stops_it(app: App, token_file: Path) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal()
    terminal.expect_exact("パスフレーズ: ")
    terminal.waitnoecho()
    terminal.sendcontrol("c")
    terminal.expect_exact("中止しました。")
    assert ended(terminal) == 130


def test_without_colour_there_is_none(app: App, token_file: Path) -> None:
    assert token_file.exists()
    terminal = app.at_a_terminal(NO_COLOR="1")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("q: 終了")
    terminal.send("q")
    assert ended(terminal) == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", app.shown)
    assert "█" in app.shown


def test_a_dumb_terminal_gets_one_line(app: App, token_file: Path) -> None:
    terminal = app.at_a_terminal(TERM="dumb")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    assert ended(terminal) == 0
    token = SoftwareToken.open(token_file, PASSPHRASE)
    codes = {token.code(), token.code(time.time() - 60)}
    assert any(f"{code[:4]} {code[4:]}  残り" in app.shown for code in codes)
    assert "\x1b" not in app.shown


def test_a_script_gets_the_code_alone(app: App, token_file: Path) -> None:
    token = SoftwareToken.open(token_file, PASSPHRASE)
    before = token.code()
    done = app.in_a_script("--once", typed=PASSPHRASE + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in (f"{before}\n", f"{token.code()}\n")


def test_a_script_with_a_wrong_passphrase_gets_no_code(app: App, token_file: Path) -> None:
    assert token_file.exists()
    done = app.in_a_script("show", "--once", "--lang=en", typed="a wrong passphrase\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The passphrase is wrong, or the token's file is damaged.\n"


def test_tokens_are_listed_chosen_labelled_and_removed(app: App, token_file: Path) -> None:
    other = record(bytes(64), issuer="けんしん", service_id="10112001")
    written(token_file.with_name("2.json"), other)
    lines = app.in_a_script("list").stdout.splitlines()
    assert lines[1].split() == ["1", "給与口座", "熊本県信用組合", "10112231", "設定済み"]
    assert lines[2].split() == ["2", "けんしん", "10112001", "設定済み"]
    bank = [
        cell_len(line[: line.index(name)])
        for line, name in zip(lines, ("金融", "熊本", "けん"), strict=True)
    ]
    assert len(set(bank)) == 1
    assert app.in_a_script("--once", typed=PASSPHRASE).returncode == 1
    chosen = app.in_a_script("show", "--once", "-t", "けんしん", typed=PASSPHRASE)
    assert chosen.returncode == 0
    done = app.in_a_script("label", "[bold]振込用", "--token", "2", typed=PASSPHRASE)
    assert done.stdout == "トークン表示名を変更しました。\n"
    assert "[bold]振込用" in app.in_a_script("list").stdout
    assert app.in_a_script("remove", "--token", "2", typed="n\n").stdout == "削除しませんでした。\n"
    assert (
        app.in_a_script("remove", "--token", "2", typed="y\n").stdout
        == "トークンを削除しました。\n"
    )
    assert len(app.in_a_script("list").stdout.splitlines()) == 2


def test_one_of_several_tokens_is_chosen_from_a_list(app: App, token_file: Path) -> None:
    written(token_file.with_name("2.json"), record(bytes(64), issuer="けんしん"))
    terminal = app.at_a_terminal()
    answer(terminal, "番号または表示名: ", "7")
    terminal.expect_exact("そのトークンはありません。")
    answer(terminal, "番号または表示名: ", "2")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("けんしん")
    terminal.expect_exact("残り")
    terminal.send("q")
    assert ended(terminal) == 0


@pytest.mark.parametrize(
    ("ahead", "says"),
    [(0.0, "時計は合っています。"), (50.0, "注意: 時計がずれています。"), (-50.0, "注意")],
)
def test_the_clock_is_compared(
    ahead: float, says: str, app: App, token_file: Path, served: Served
) -> None:
    profile = served.write_profile(app.home / "elsewhere.toml")
    served.authority.clock = lambda: time.time() - ahead
    done = app.in_a_script("time", "--authority", str(profile), typed=PASSPHRASE)
    assert says in done.stdout
    assert ahead != 50.0 or "50.0 秒進んでいます" in done.stdout
    assert ahead != -50.0 or "50.0 秒遅れています" in done.stdout
    assert SoftwareToken.open(token_file, PASSPHRASE).clock_is_wrong is bool(ahead)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (server.ActivationRefused(), "利用開始パスワードを確認してください。"),
        (server.ActivationExpired(), "利用開始の期限が過ぎています。"),
        (server.AlreadyProvisioned(), "すでに別の端末で初期設定されています。"),
        (server.EnvelopeRefused("login_envelope", "no"), "もう一度はじめからお試しください。"),
        (server.NotOffered("x"), "この金融機関では、このアプリを利用できません。"),
    ],
    ids=lambda said: getattr(said, "reason", ""),
)
def test_a_refusal_is_a_sentence_and_leaves_nothing(
    said: server.AuthorityError, says: str, app: App, served: Served
) -> None:
    served.write_profile(app.home / "authority.toml")
    served.authority.says.append(said)
    terminal = app.at_a_terminal("setup")
    type_all(terminal)
    terminal.expect_exact(says)
    assert ended(terminal) == 1
    assert list((app.home / "tokens").iterdir()) == []


def test_a_set_up_that_was_interrupted_is_continued(app: App, served: Served) -> None:
    served.write_profile(app.home / "authority.toml")
    served.authority.says.append(server.TooManyTries("too many", 41.0))
    terminal = app.at_a_terminal("setup")
    type_all(terminal)
    terminal.expect_exact("41 秒待ってから")
    terminal.expect_exact("kagimori-token setup で続きから再開できます。")
    assert ended(terminal) == 1
    assert "初期設定の途中" in app.in_a_script("list").stdout
    assert "初期設定の途中です" in app.in_a_script("--once", typed=PASSPHRASE).stderr
    terminal = app.at_a_terminal("setup")
    answer(terminal, "続けますか? [Y/n]: ", "")
    answer(terminal, "パスフレーズ: ", PASSPHRASE, hidden=True)
    terminal.expect_exact("初期設定が正常に完了しました。")
    answer(terminal, "トークン表示名 (", "")
    answer(terminal, "Enter を押すと", "")
    terminal.expect_exact("残り")
    terminal.send("q")
    assert ended(terminal) == 0
    assert served.authority.sent[0] == served.authority.sent[1]


def _no_profile(app: App) -> None:
    assert app.home.exists()


def _bad_profile(app: App) -> None:
    (app.home / "authority.toml").write_text("target = 1")


@pytest.mark.parametrize(
    ("prepare", "arguments", "says", "status"),
    [
        (_no_profile, ("setup",), "There is no authority profile: ", 1),
        (_bad_profile, ("setup",), "The authority profile is not right: ", 1),
        (_no_profile, ("list",), "There is no token yet.", 1),
        (_no_profile, (), "There is no token yet.", 1),
        (_no_profile, ("nonsense",), "No such command", 2),
        (_no_profile, ("show", "--nonsense"), "--nonsense", 2),
        (_no_profile, ("label",), "kagimori-token --help", 2),
    ],
)
def test_what_is_missing_is_a_sentence(
    prepare: Callable[[App], None],
    arguments: tuple[str, ...],
    says: str,
    status: int,
    app: App,
) -> None:
    prepare(app)
    done = app.in_a_script("--lang", "en", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("language", "says"), [("ja", "初期設定をします。"), ("en", "Set up a new token.")]
)
def test_the_help_is_in_both_languages(language: str, says: str, app: App) -> None:
    assert says in app.in_a_script("--help", "--lang", language).stdout


def test_it_says_its_version(app: App) -> None:
    assert re.fullmatch(r"kagimori-token \d+\.\d+\.\d+\n", app.in_a_script("--version").stdout)
