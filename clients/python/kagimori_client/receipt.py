# SPDX-License-Identifier: Apache-2.0
"""The proof that a code was accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Final

# Japan has one offset and no summer time, so no time-zone data is needed.
_JAPAN: Final = timezone(timedelta(hours=9), "JST")


@dataclass(frozen=True, slots=True)
class Receipt:
    """受付番号 and 受付時刻 of an accepted code (kagimori.types.v1.Receipt).

    ``number`` is decimal, at least 7 digits, increasing per bank with possible
    gaps; ``accepted_at`` is aware, in UTC, by the authority's clock. Of a signature,
    ``transaction_digest`` is what was signed: SHA-256 of its canonical encoding, in
    lower-case hexadecimal. A code that signs nothing has None.
    """

    number: str
    accepted_at: datetime
    transaction_digest: str | None = field(default=None, kw_only=True)

    def in_japanese(self) -> str:
        """Return the receipt as customers read it, in Japanese time.

        For example 受付番号 1234567 受付時刻 2026年11月20日 10時35分25秒.
        """
        at = self.accepted_at.astimezone(_JAPAN)
        return (
            f"受付番号 {self.number} "
            f"受付時刻 {at:%Y}年{at:%m}月{at:%d}日 {at:%H}時{at:%M}分{at:%S}秒"
        )
