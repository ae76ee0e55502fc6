# SPDX-License-Identifier: Apache-2.0
"""Every word of 取引確認, in both languages."""

from __future__ import annotations

from typing import Final

from kagimori_client.token.cli.texts import Text

# What the command does.
ABOUT_SIGN: Final = Text(
    "取引確認: 振込の内容を確かめて、取引確認番号を表示します。",
    "Check a transfer and show the code that confirms it.",
)
ABOUT_FILE: Final = Text(
    "QRコードの内容を保存したファイル (省略すると入力)。",
    "A file with the text of the QR code; without one, you are asked for it.",
)
ABOUT_TYPED: Final = Text(
    "QRコードを使わず、口座番号と金額を入力します。",
    "Type the account number and the amount instead of a QR code.",
)
ABOUT_YES: Final = Text(
    "確認せずに取引確認番号を出力します。", "Print the code without asking whether it is right."
)

# What is asked.
ASK_TEXT: Final = Text(
    "QRコードの内容を貼り付けて、Enter を押してください。",
    "Paste the text of the QR code, then press Enter.",
)
ASK_ACCOUNT: Final = Text("受取人の口座番号 (7桁): ", "The payee's account number (7 digits): ")
ASK_AMOUNT: Final = Text("振込金額 (円、数字だけ): ", "Amount (yen, digits only): ")
ASK_SHOW: Final = Text(
    "この内容で取引確認番号を表示しますか? [y/N]: ",
    "Is all of this right? Show the confirmation code? [y/N]: ",
)

# What is told.
TITLE: Final = Text("取引確認", "Confirm a transaction")
CAREFUL: Final = Text(
    "振込先と金額を確かめてください。\n"
    "心当たりのない内容のときは、表示せずに金融機関へご連絡ください。",
    "Check whom you pay, and how much. If this is not what you want to pay,\n"
    "do not go on, and call your bank.",
)
NEXT: Final = Text("銀行の画面に入力してください。", "Enter the code on your bank's page.")
CODE: Final = Text("取引確認番号", "Confirmation code")
TRANSFER_OF: Final = Text("振込 {number} / {count}", "Transfer {number} of {count}")
PAYEE: Final = Text("受取人", "Payee")
TO: Final = Text("振込先", "To")
BANK_AND_BRANCH: Final = Text("銀行 {bank}  支店 {branch}", "bank {bank}  branch {branch}")
REFERENCE: Final = Text("EDI情報", "Reference")
ACCOUNT: Final = Text("口座番号", "Account")
AMOUNT: Final = Text("金額", "Amount")
COUNT: Final = Text("件数", "Transfers")
COUNTED: Final = Text("{count} 件", "{count}")
TOTAL: Final = Text("合計", "Total")
YEN: Final = Text("{amount:,} 円", "JPY {amount:,}")
ORDINARY: Final = Text("普通 {number}", "ordinary {number}")
CURRENT: Final = Text("当座 {number}", "current {number}")
SAVINGS: Final = Text("貯蓄 {number}", "savings {number}")
OTHER: Final = Text("その他 {number}", "other {number}")

# What went wrong.
NOT_SHOWN: Final = Text("取引確認番号は表示していません。", "No code was shown.")
NOT_A_TRANSACTION: Final = Text(
    "取引確認のQRコードではないか、内容が欠けています。\n"
    "銀行の画面からもう一度読み取ってください。",
    "This is no transaction of your bank's, or a part of it is missing.\n"
    "Scan the QR code on the bank's page again.",
)
ANOTHER_BANKS: Final = Text(
    "このトークンの金融機関とは別の金融機関の取引です。\n"
    "その金融機関のトークンで確認してください。",
    "This transaction is another bank's.\nConfirm it with the token of that bank.",
)
NOT_OFFERED: Final = Text(
    "このトークンの金融機関では、取引確認は使用しません。\n"
    "最近始まった場合は、kagimori-token time を一度実行してください。",
    "The bank of this token does not use transaction confirmation.\n"
    "If it has begun to, let the app hear of it: kagimori-token time",
)
BAD_ACCOUNT: Final = Text(
    "口座番号は半角数字7桁で入力してください。", "The account number has 7 digits."
)
BAD_AMOUNT: Final = Text(
    "金額は半角数字だけで入力してください (1円から9,999,999,999円まで)。",
    "The amount is digits alone, 1 to 9,999,999,999, without a leading 0.",
)
FILE_OR_TYPED: Final = Text(
    "--typed のときは、ファイルを指定できません。", "With --typed there is no file to be read."
)
NEEDS_YES: Final = Text(
    "端末で確認できないときは、--yes を付けてください。",
    "Where nobody can be asked, say --yes.",
)
