# SPDX-License-Identifier: Apache-2.0
"""The proof that one token has taken another's place."""

from __future__ import annotations

from dataclasses import dataclass

from kagimori_client.receipt import Receipt


@dataclass(frozen=True, slots=True)
class ReplacementReceipt(Receipt):
    """受付番号 and 受付時刻 of an exchange, and the serial numbers after and before it.

    ``serial_before`` is empty where an exchange is asked after again that was not the
    customer's last one.
    """

    serial_after: str
    serial_before: str

    def in_japanese(self) -> str:
        """Return the receipt as customers read it, in Japanese time.

        For example 受付番号 1234567 受付時刻 2003年07月16日 10時35分25秒 シリアル番号
        変更後 2V0716016FK2 変更前 2V0716016FK1, in one line.
        """
        return (
            f"{Receipt.in_japanese(self)} "
            f"シリアル番号 変更後 {self.serial_after} 変更前 {self.serial_before or '不明'}"
        )
