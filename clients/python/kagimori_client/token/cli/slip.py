# SPDX-License-Identifier: Apache-2.0
"""What is to be signed, laid out so that nobody overlooks a payee or a digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as RichText

from kagimori_client.token.cli import signing_texts as texts
from kagimori_client.token.cli.texts import Text, Words
from kagimori_client.token.signing import TransactionToSign
from kagimori_client.transaction import AccountType, Transfer

_ACCOUNTS: Final = {
    AccountType.ORDINARY: texts.ORDINARY,
    AccountType.CURRENT: texts.CURRENT,
    AccountType.SAVINGS: texts.SAVINGS,
    AccountType.OTHER: texts.OTHER,
}
_LABELS: Final = (texts.PAYEE, texts.TO, texts.AMOUNT, texts.REFERENCE, texts.COUNT, texts.TOTAL)


_GAP: Final = 2
_MARKS: Final = frozenset("ﾞﾟ")
"""Of voiced sounds: one with the letter before it."""


class Slip:
    """Lays out in ``words``. No field is left out, shortened or rounded."""

    def __init__(self, words: Words, width: int) -> None:
        """Speak ``words`` in lines of ``width`` columns."""
        self._words, self._width = words, width

    def of(self, scanned: TransactionToSign) -> RenderableType:
        """Return a transaction: every transfer and, of several, their number and total."""
        transfers = scanned.transfers
        if len(transfers) == 1:
            return self._transfer(transfers[0])
        return Group(*self._batch(scanned))

    def typed(self, account_number: str, amount: str) -> RenderableType:
        """Return what was typed."""
        table = self._table(texts.ACCOUNT, texts.AMOUNT)
        self._row(table, texts.ACCOUNT, account_number)
        self._row(table, texts.AMOUNT, self._yen(int(amount)))
        return table

    def _batch(self, scanned: TransactionToSign) -> Iterator[RenderableType]:
        count = len(scanned.transfers)
        for number, transfer in enumerate(scanned.transfers, 1):
            yield RichText(self._words(texts.TRANSFER_OF, number=number, count=count))
            yield self._transfer(transfer)
            yield RichText()
        table = self._table(*_LABELS)
        self._row(table, texts.COUNT, self._words(texts.COUNTED, count=count))
        self._row(table, texts.TOTAL, self._yen(scanned.total))
        yield table

    def _transfer(self, transfer: Transfer) -> Table:
        table = self._table(*_LABELS)
        self._row(table, texts.PAYEE, self._folded(transfer.payee_name))
        bank, branch = transfer.bank_code, transfer.branch_code
        where = self._words(texts.BANK_AND_BRANCH, bank=bank, branch=branch)
        account = self._words(_ACCOUNTS[transfer.account_type], number=transfer.account_number)
        self._row(table, texts.TO, f"{where}\n{account}", "")
        self._row(table, texts.AMOUNT, self._yen(transfer.amount))
        if transfer.reference:
            self._row(table, texts.REFERENCE, transfer.reference, "")
        return table

    def _table(self, *labels: Text) -> Table:
        """Return a table whose columns stand under those of all others."""
        table = Table.grid(padding=(0, _GAP))
        table.add_column(min_width=self._widest(labels), no_wrap=True)
        table.add_column(overflow="fold")
        return table

    def _folded(self, name: str) -> str:
        """Return a payee's name in lines; no mark stands at the beginning of one."""
        room = max(2, self._width - self._widest(_LABELS) - _GAP)
        lines = []
        while len(name) > room:
            at = room - 1 if name[room] in _MARKS else room
            lines.append(name[:at])
            name = name[at:]
        return "\n".join([*lines, name])

    def _widest(self, labels: Sequence[Text]) -> int:
        return max(cell_len(self._words(label)) for label in labels)

    def _row(self, table: Table, label: Text, said: str, style: str = "bold") -> None:
        table.add_row(RichText(self._words(label), "dim"), RichText(said, style))

    def _yen(self, amount: int) -> str:
        return self._words(texts.YEN, amount=amount)
