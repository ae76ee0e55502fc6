# SPDX-License-Identifier: Apache-2.0
"""Every word that ``kagimori-token`` says, in both its languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Language(Enum):
    """A language of the app; the value is what ``--lang`` takes."""

    JA = "ja"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence, with the same ``{names}`` to be filled in, in each language."""

    ja: str
    en: str


class Words:
    """Says a `Text` in one language."""

    def __init__(self, language: Language) -> None:
        """Speak ``language``."""
        self.language = language

    def __call__(self, text: Text, **values: object) -> str:
        """Return ``text`` with ``values`` filled in."""
        said = text.ja if self.language is Language.JA else text.en
        return said.format(**values)


def language_of(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """Return the language asked for by the last ``--lang``, else by the locale (POSIX §8.2)."""
    named: Language | None = None
    for option, value in zip(arguments, [*arguments, ""][1:], strict=True):
        asked = value if option == "--lang" else option.removeprefix("--lang=")
        if asked in ("ja", "en"):
            named = Language(asked)
    if named is not None:
        return named
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return Language.JA if locale.startswith("ja") else Language.EN


# What the commands do.
ABOUT: Final = Text(
    "ワンタイムパスワードを表示します (ソフトウェアトークン)。",
    "Show your one-time password (software token).",
)
ABOUT_SETUP: Final = Text("初期設定をします。", "Set up a new token.")
ABOUT_NEW: Final = Text(
    "シリアル番号で登録するトークンを作ります。",
    "Make a token that you register at the bank by its serial number.",
)
ABOUT_BANK: Final = Text(
    "金融機関のサービスIDまたは名前。", "The bank, by its service ID or its name."
)
ABOUT_SHOW: Final = Text("ワンタイムパスワードを表示します。", "Show the one-time password.")
ABOUT_LIST: Final = Text("トークンの一覧を表示します。", "List your tokens.")
ABOUT_LABEL: Final = Text(
    "トークン表示名を変更します (空にすると消えます)。",
    "Change a token's display label (an empty one takes it away).",
)
ABOUT_TIME: Final = Text(
    "この端末の時計を認証センターの時計と比べます。",
    "Compare this device's clock with the authority's.",
)
ABOUT_REMOVE: Final = Text("トークンを削除します。", "Remove a token.")
ABOUT_TOKEN: Final = Text("トークンの番号または表示名。", "The token, by its number or label.")
ABOUT_ONCE: Final = Text(
    "ワンタイムパスワードだけを1回出力します。", "Print the one-time password alone, once."
)
ABOUT_ASCII: Final = Text("ブロック文字を使わずに表示します。", "Draw without block characters.")
ABOUT_AUTHORITY: Final = Text("認証センターの設定ファイル (TOML)。", "The authority profile, TOML.")
ABOUT_LANG: Final = Text("言語: ja または en。", "Language: ja or en.")
ABOUT_YES: Final = Text("確認せずに削除します。", "Remove without asking.")
ABOUT_NEW_LABEL: Final = Text("新しいトークン表示名。", "The new display label.")
ABOUT_VERSION: Final = Text("バージョンを表示します。", "Show the version.")

# What is asked.
ASK_SERVICE_ID: Final = Text("サービスID (8桁): ", "Service ID (サービスID, 8 digits): ")
ASK_BANK: Final = Text("金融機関 (名前またはサービスID): ", "Bank (name or service ID): ")
ASK_USER_ID: Final = Text("ユーザID (12桁): ", "User ID (ユーザID, 12 digits): ")
ASK_ACTIVATION_PASSWORD: Final = Text(
    "利用開始パスワード (表示されません): ",
    "Activation password (利用開始パスワード, not shown): ",
)
ASK_NEW_PASSPHRASE: Final = Text("パスフレーズ (表示されません): ", "Passphrase (not shown): ")
ASK_PASSPHRASE_AGAIN: Final = Text(
    "パスフレーズ (確認のためもう一度): ", "Passphrase (once more): "
)
ASK_PASSPHRASE: Final = Text("パスフレーズ: ", "Passphrase: ")
ASK_LABEL: Final = Text(
    "トークン表示名 (20文字まで。不要なら Enter): ",
    "Display label (up to 20 characters; Enter for none): ",
)
ASK_WHICH: Final = Text("番号または表示名: ", "Number or label: ")
ASK_CONTINUE: Final = Text(
    "途中の初期設定があります (サービスID {service_id})。続けますか? [Y/n]: ",
    "A set-up is not finished (service ID {service_id}). Continue it? [Y/n]: ",
)
ASK_REMOVE: Final = Text(
    "「{name}」を削除しますか? 元に戻せません。 [y/N]: ",
    "Remove “{name}”? This cannot be undone. [y/N]: ",
)
ASK_SHOW: Final = Text(
    "Enter を押すとワンタイムパスワードを表示します。", "Press Enter to show the one-time password."
)

# What is told.
SETUP_TITLE: Final = Text("初期設定", "Set-up")
SETUP_EXPLAINED: Final = Text(
    "「トークン発行のご案内」メールのサービスIDとユーザID、\n"
    "お申し込みのときに決めた利用開始パスワードを入力してください。",
    "Enter the service ID and the user ID from the bank's mail,\n"
    "and the activation password that you chose when you applied.",
)
PASSPHRASE_EXPLAINED: Final = Text(
    "この端末でトークンを守るパスフレーズを決めてください (8文字以上)。\n"
    "忘れるとトークンは使えなくなります。",
    "Choose a passphrase of 8 characters or more: it protects the token here.\n"
    "If you forget it, the token is lost.",
)
CONNECTING: Final = Text("認証センターに接続しています…", "Connecting to the authority…")
SETUP_DONE: Final = Text("初期設定が正常に完了しました。", "Set-up is complete.")
SETUP_NEXT: Final = Text(
    "銀行の画面に戻り、ワンタイムパスワードの「利用開始」に進んでください。",
    "Go back to the bank's page and start using the one-time password there.",
)
NEW_TITLE: Final = Text("トークンの作成", "A new token")
NEW_DONE: Final = Text("トークンを作成しました。", "The token is made.")
NEW_NEXT: Final = Text(
    "銀行の画面で、シリアル番号とワンタイムパスワードを登録してください。\n期限: {until}",
    "Register the serial number and the one-time password on the bank's page.\nBy: {until}",
)
LABEL_SET: Final = Text("トークン表示名を変更しました。", "The display label is changed.")
REMOVED: Final = Text("トークンを削除しました。", "The token is removed.")
NOT_REMOVED: Final = Text("削除しませんでした。", "Nothing was removed.")
REMAINING: Final = Text("残り {seconds} 秒", "{seconds} s left")
SERIAL: Final = Text("シリアル番号 {serial}", "Serial {serial}")
REGISTER_BY: Final = Text(
    "{until} までに銀行の画面で登録 (お済みの方は不要)",
    "Register it at the bank by {until}, if you have not yet",
)
LEAVE: Final = Text("q: 終了", "q: quit")
NUMBER: Final = Text("番号", "No.")
LABEL: Final = Text("トークン表示名", "Label")
BANK: Final = Text("金融機関", "Bank")
SERVICE_ID: Final = Text("サービスID", "Service ID")
STATE: Final = Text("状態", "State")
STATE_READY: Final = Text("設定済み", "ready")
STATE_UNFINISHED: Final = Text("初期設定の途中", "set-up unfinished")
STATE_DAMAGED: Final = Text("読み取れません", "not readable")
CLOCK_FAST: Final = Text(
    "この端末の時計は {seconds:.1f} 秒進んでいます (誤差 ±{uncertainty:.1f} 秒)。",
    "This device's clock is {seconds:.1f} s fast (±{uncertainty:.1f} s).",
)
CLOCK_SLOW: Final = Text(
    "この端末の時計は {seconds:.1f} 秒遅れています (誤差 ±{uncertainty:.1f} 秒)。",
    "This device's clock is {seconds:.1f} s slow (±{uncertainty:.1f} s).",
)
CLOCK_RIGHT: Final = Text("時計は合っています。", "The clock is right.")
CLOCK_WRONG: Final = Text(
    "注意: 時計がずれています。端末の時計を合わせてください。",
    "Warning: the clock is wrong, and codes may be refused. Set it right.",
)

# What went wrong.
BAD_SERVICE_ID: Final = Text(
    "サービスIDは半角数字8桁で入力してください。", "The service ID has 8 digits."
)
UNKNOWN_BANK: Final = Text(
    "このアプリは、このサービスIDの金融機関に対応していません。",
    "This app does not know a bank with this service ID.",
)
NO_SUCH_BANK: Final = Text(
    "このアプリは、その金融機関に対応していません。", "This app does not know that bank."
)
NEW_NOT_OFFERED: Final = Text(
    "この金融機関では、この方法でトークンを作成できません。\n"
    "「トークン発行のご案内」メールが届いた方は kagimori-token setup で設定します。",
    "Your bank does not offer this. If it has sent you a mail about your token,\n"
    "set it up with: kagimori-token setup",
)
BAD_USER_ID: Final = Text(
    "ユーザIDは半角数字12桁で入力してください。", "The user ID has 12 digits."
)
BAD_ACTIVATION_PASSWORD: Final = Text(
    "利用開始パスワードは半角数字4桁から8桁で入力してください。",
    "The activation password has 4 to 8 digits.",
)
BAD_PASSPHRASE: Final = Text(
    "パスフレーズは8文字以上で入力してください。",
    "The passphrase must have 8 characters or more.",
)
DIFFERENT_PASSPHRASES: Final = Text(
    "パスフレーズが一致しません。もう一度入力してください。",
    "The passphrases are not the same. Please enter them again.",
)
BAD_LABEL: Final = Text(
    "トークン表示名は20文字までで、制御文字は使えません。",
    "The display label has at most 20 characters, and no control characters.",
)
BAD_FIELD: Final = Text(
    "入力内容が認証センターに受け付けられませんでした。",
    "The authority did not take what was entered.",
)
KEY_NOT_PINNED: Final = Text(
    "認証センターの鍵を確認できないため、中止しました。\n"
    "何も送信していません。アプリを更新してください。",
    "The authority's key could not be verified, so nothing was sent.\nPlease update the app.",
)
ACTIVATION_REFUSED: Final = Text(
    "初期設定ができませんでした。\n"
    "サービスID、ユーザID、利用開始パスワードを確認してください。\n"
    "利用開始パスワードを5回間違えると、トークン発行のやり直しが必要になります。",
    "Set-up failed. Check the service ID, the user ID and the activation password.\n"
    "After 5 wrong passwords you have to apply for a new token.",
)
ACTIVATION_EXPIRED: Final = Text(
    "利用開始の期限が過ぎています。銀行の画面でトークン発行をやり直してください。",
    "The time for setting up is over. Apply for a new token at the bank.",
)
ALREADY_PROVISIONED: Final = Text(
    "このトークンは、すでに別の端末で初期設定されています。\n"
    "お心当たりがないときは、すぐに金融機関へご連絡ください。",
    "This token has been set up on another device already.\n"
    "If that was not you, call your bank at once.",
)
ENVELOPE_REFUSED: Final = Text(
    "認証センターで初期設定を受け付けられませんでした。\nもう一度はじめからお試しください。",
    "The authority did not accept the set-up. Please start again.",
)
NOT_OFFERED: Final = Text(
    "この金融機関では、このアプリを利用できません。", "Your bank does not offer this app."
)
UNAVAILABLE: Final = Text(
    "認証センターに接続できません。\n通信状態を確認し、しばらくしてからもう一度お試しください。",
    "The authority cannot be reached. Check your connection and try again later.",
)
TOO_MANY_TRIES: Final = Text(
    "短い時間に何度も試されています。{seconds} 秒待ってからもう一度お試しください。",
    "There were too many tries in a short time. Wait {seconds} seconds and try again.",
)
AUTHORITY_FAULT: Final = Text(
    "認証センターで問題が発生しました。しばらくしてからもう一度お試しください。",
    "The authority has a problem. Please try again later.",
)
CAN_CONTINUE: Final = Text(
    "入力した内容は保存されています。kagimori-token setup で続きから再開できます。",
    "What you entered is kept: kagimori-token setup continues from here.",
)
WRONG_PASSPHRASE: Final = Text(
    "パスフレーズが違うか、トークンのファイルが壊れています。",
    "The passphrase is wrong, or the token's file is damaged.",
)
UNKNOWN_VERSION: Final = Text(
    "このトークンは、より新しいアプリで作られています。アプリを更新してください。",
    "This token was made by a newer app. Please update the app.",
)
SETUP_UNFINISHED: Final = Text(
    "このトークンは初期設定の途中です。kagimori-token setup で続けてください。",
    "This token's set-up is not finished. Continue it with: kagimori-token setup",
)
FILE_TAKEN: Final = Text(
    "トークンのファイルがすでにあります。もう一度お試しください。",
    "There is a token's file already. Please try again.",
)
BAD_PROFILE: Final = Text(
    "認証センターの設定ファイルが正しくありません: {path}",
    "The authority profile is not right: {path}",
)
NO_PROFILE: Final = Text(
    "認証センターの設定ファイルがありません: {path}\n--authority で指定してください。",
    "There is no authority profile: {path}\nName it with --authority.",
)
NO_TOKENS: Final = Text(
    "トークンがありません。kagimori-token setup で初期設定をしてください。",
    "There is no token yet. Set one up with: kagimori-token setup",
)
NO_SUCH_TOKEN: Final = Text(
    "そのトークンはありません。kagimori-token list で確認してください。",
    "There is no such token. See: kagimori-token list",
)
WHICH_TOKEN: Final = Text(
    "トークンが複数あります。--token で番号または表示名を指定してください。",
    "There are several tokens. Choose one with --token, by number or label.",
)
NO_FILE: Final = Text(
    "ファイルを読み書きできません: {path}", "A file cannot be read or written: {path}"
)
CLOCK_TOO_EARLY: Final = Text(
    "端末の時計が正しくありません。時計を合わせてください。",
    "This device's clock is wrong. Set it right.",
)
UNFORESEEN: Final = Text(
    "予期しない問題が発生しました ({kind})。", "Something unforeseen went wrong ({kind})."
)
INTERRUPTED: Final = Text("中止しました。", "Stopped.")
BAD_USAGE: Final = Text(
    "コマンドの使い方が正しくありません: {said}\nkagimori-token --help をご覧ください。",
    "{said}\nSee: kagimori-token --help",
)
