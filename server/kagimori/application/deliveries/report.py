# SPDX-License-Identifier: Apache-2.0
"""What is reported of an import: a line for each token as it is known, and a sum at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from kagimori.domain.value import value


class Result(StrEnum):
    """What became of one token of a delivery."""

    IMPORTED = "IMPORTED"
    """It is in the inventory, by this run or by an earlier one of the same delivery."""
    IMPORTABLE = "IMPORTABLE"
    """It would be imported; nothing was written."""
    DUPLICATE = "DUPLICATE"
    """The serial was there before, in the inventory or further up in the file."""
    REFUSED = "REFUSED"
    """The token cannot be taken over."""
    CONDEMNED = "CONDEMNED"
    """It was imported, and another serial turned out to have the same seed."""
    NOT_IN_FILE = "NOT_IN_FILE"
    """It was to be assigned, and the file does not have it."""


TAKEN: Final = frozenset({Result.IMPORTED, Result.IMPORTABLE})
"""Results that nobody needs to look at."""


@value(frozen=True, slots=True)
class Line:
    """What is reported of one token.

    ``line`` is where the file tells of it, 0 where that is not known; ``custody``
    is where its seed has been, if it was opened. ``reason`` is a word for machines,
    ``detail`` a sentence for people; both are empty where all went as usual.
    """

    serial: str
    result: Result
    line: int = 0
    custody: str = ""
    reason: str = ""
    detail: str = ""


class Sink(Protocol):
    """Where the lines go as soon as they are true. It keeps no million of them."""

    def restart(self) -> None:
        """Forget what was told: the file is read from its beginning, once more."""
        ...

    def tell(self, lines: Sequence[Line], position: int) -> None:
        """Take the next lines; ``position`` of the file's octets are done with."""
        ...


class Ending(StrEnum):
    """How an import came to its end."""

    COMPLETE = "COMPLETE"
    """The file was read to its end."""
    BROKE_OFF = "BROKE_OFF"
    """The file cannot be read on; what came before stands."""
    INTERRUPTED = "INTERRUPTED"
    """Somebody asked it to end; what came before stands."""
    FAILED = "FAILED"
    """The HSM or the database did not answer; what came before stands."""


@dataclass(slots=True)
class Summary:
    """The sum of an import.

    ``digest`` is the delivery's SHA-256; ``custody`` counts the labels of seeds
    that were opened now and can be used; ``trouble`` says why the ending is
    BROKE_OFF or FAILED. ``is_held_back`` where all or nothing was asked for, and
    it is nothing.
    """

    digest: bytes
    dry_run: bool = False
    results: Counter[Result] = field(default_factory=Counter)
    custody: Counter[str] = field(default_factory=Counter)
    ending: Ending = Ending.COMPLETE
    trouble: Exception | None = None
    is_held_back: bool = False

    def add(self, lines: Sequence[Line]) -> None:
        """Count ``lines``."""
        for line in lines:
            self.results[line.result] += 1
            if line.custody and line.result in TAKEN:
                self.custody[line.custody] += 1

    @property
    def taken(self) -> int:
        """Return how many tokens are in the stock by this delivery, or would be."""
        condemned = self.results[Result.CONDEMNED]
        return sum(self.results[result] for result in TAKEN) - condemned

    @property
    def left_out(self) -> int:
        """Return how many tokens somebody should look at."""
        return sum(count for result, count in self.results.items() if result not in TAKEN)
