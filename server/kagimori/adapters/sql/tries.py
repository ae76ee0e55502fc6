# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `TryLimits`: fixed windows of a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kagimori.adapters.sql.database import Asked, Database, Transaction, Value, transacted
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.times import MINUTE, SECOND

WINDOW: Final = MINUTE

_PRUNE_EVERY: Final = 256

# A full bucket is not written to. A window far from this one, on either side, is
# another's: the clock may have been set back. One that is a little ahead is this
# one, for transactions do not commit in the order of their times.
_COUNT: Final = statement(
    """
INSERT INTO tries (bucket, since, count)
VALUES (:bucket, {now} - {now} % :window, 1)
ON CONFLICT (bucket) DO UPDATE SET
  since = CASE WHEN {same} THEN tries.since ELSE excluded.since END,
  count = CASE WHEN {same} THEN tries.count + 1 ELSE 1 END
WHERE NOT {same} OR tries.count < :most
RETURNING count
""",
    parts={"same": "(tries.since BETWEEN excluded.since AND excluded.since + :window)"},
)

# Rows that are being counted in are young.
_PRUNE: Final = statement(
    """
DELETE FROM tries WHERE bucket IN
  (SELECT bucket FROM tries WHERE since < {now} - :age {any_unlocked})
"""
)


class SqlTryLimits:
    """Counts over all processes that share the database."""

    def __init__(
        self, database: Database, window: int = WINDOW, prune_every: int = _PRUNE_EVERY
    ) -> None:
        """Work on ``database``, in windows of so many microseconds.

        Old buckets are looked for once in ``prune_every`` counts.
        """
        self._database = database
        self._window = window
        self._prune_every = prune_every
        self._unpruned = 0

    async def count(self, limits: Mapping[str, int]) -> float | None:
        """See `TryLimits.count`."""
        return await transacted(self._database, lambda begun: self._count(begun, limits))

    async def _count(self, transaction: Transaction, limits: Mapping[str, int]) -> float | None:
        for bucket, most in limits.items():
            values: dict[str, Value] = {"bucket": bucket, "most": most, "window": self._window}
            (counted,) = await transaction.run(Asked(_COUNT, values))
            if not counted:
                return (self._window - transaction.now % self._window) / SECOND
        await transaction.commit(*self._pruning())
        return None

    def _pruning(self) -> tuple[Asked, ...]:
        """Return what takes old buckets away, now and then."""
        self._unpruned += 1
        if self._unpruned < self._prune_every:
            return ()
        self._unpruned = 0
        return (Asked(_PRUNE, {"age": 3 * self._window}),)
