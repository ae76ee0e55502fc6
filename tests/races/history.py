# SPDX-License-Identifier: Apache-2.0
"""What many callers were told, in order, and a judge of it.

As in Jepsen, a call is invoked and then ends in one of three ways: *ok* (there
was an answer), *fail* (it certainly did nothing) or *unknown* (no answer: it
may have done all or nothing). The judge believes acknowledged answers, allows
an unknown to be either, and compares both with what the database says at the
end.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ACCEPTED = "ACCEPTED"
REPLAYED = "REPLAYED"


class Ending(StrEnum):
    """What became of a call, as far as its caller knows."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Call:
    """One call: ``step`` of ``token`` offered under ``request_id``.

    ``invoked`` and ``returned`` are places in the history's one order.
    """

    token: str
    step: int
    request_id: str
    invoked: int
    returned: int | None = None
    ending: Ending = Ending.UNKNOWN
    outcome: str | None = None
    receipt: str | None = None

    @property
    def accepted(self) -> bool:
        """Return whether the caller was told so."""
        return self.ending is Ending.OK and self.outcome == ACCEPTED


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the database says when all is over.

    ``receipts``: receipt number by the request_id that was accepted;
    ``last_steps`` by token; ``retold``: outcome and receipt number that each
    request_id got when it was asked once more.
    """

    receipts: Mapping[str, str]
    last_steps: Mapping[str, int]
    retold: Mapping[str, tuple[str, str | None]]


@dataclass
class History:
    """Calls in the order in which they were invoked. Any thread may write."""

    calls: list[Call] = field(default_factory=list)
    answered: int = 0
    _moments: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def invoke(self, token: str, step: int, request_id: str) -> Call:
        """Write down that a call is about to be made."""
        with self._lock:
            call = Call(token, step, request_id, next(self._moments))
            self.calls.append(call)
        return call

    def ok(self, call: Call, outcome: str, receipt: str | None) -> None:
        """Write its answer down."""
        self._end(call, Ending.OK)
        call.outcome, call.receipt = outcome, receipt
        with self._lock:
            self.answered += 1

    def fail(self, call: Call) -> None:
        """Write down that it certainly did nothing."""
        self._end(call, Ending.FAIL)

    def unknown(self, call: Call) -> None:
        """Write down that there was no answer."""
        self._end(call, Ending.UNKNOWN)

    def _end(self, call: Call, ending: Ending) -> None:
        with self._lock:
            call.returned, call.ending = next(self._moments), ending


def judge(history: History, aftermath: Aftermath) -> list[str]:
    """Return everything that must not have happened, in sentences."""
    calls = history.calls
    return [
        *_accepted_twice(calls, aftermath),
        *_went_back(calls),
        *_answered_differently(calls, aftermath),
        *_not_durable(calls, aftermath),
        *_out_of_nothing(calls, aftermath),
        *_spent_by_nobody(calls, aftermath),
    ]


def _accepted_twice(calls: Iterable[Call], aftermath: Aftermath) -> Iterator[str]:
    """No code belongs to two acceptances, be they acknowledged or only written down."""
    by_code: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    by_receipt: defaultdict[str, set[str]] = defaultdict(set)
    for call in calls:
        if call.accepted or call.request_id in aftermath.receipts:
            by_code[call.token, call.step].add(call.request_id)
        if call.accepted:
            by_receipt[str(call.receipt)].add(call.request_id)
    for (token, step), requests in by_code.items():
        if len(requests) > 1:
            yield f"{token}: step {step} was accepted for {len(requests)} requests"
    for receipt, requests in by_receipt.items():
        if len(requests) > 1:
            yield f"receipt {receipt} was given to {len(requests)} requests"


def _went_back(calls: Iterable[Call]) -> Iterator[str]:
    """Who asks after an acceptance was acknowledged needs a later step.

    The same request_id is one request however often it is sent: what counts
    is when it was sent first.
    """
    by_token: defaultdict[str, list[Call]] = defaultdict(list)
    begun: dict[str, int] = {}
    for call in calls:
        begun.setdefault(call.request_id, call.invoked)
        if call.accepted:
            by_token[call.token].append(call)
    for token, accepted in by_token.items():
        for earlier, later in itertools.permutations(accepted, 2):
            known = earlier.returned is not None and earlier.returned < begun[later.request_id]
            if known and later.step <= earlier.step and later.request_id != earlier.request_id:
                yield f"{token}: step {later.step} was accepted after step {earlier.step}"


def _answered_differently(calls: Iterable[Call], aftermath: Aftermath) -> Iterator[str]:
    """The same request_id has one answer, then and in the end."""
    answers: defaultdict[str, set[tuple[str | None, str | None]]] = defaultdict(set)
    for call in calls:
        if call.ending is Ending.OK:
            answers[call.request_id].add((call.outcome, call.receipt))
    for request_id, told in answers.items():
        if request_id in aftermath.retold:
            told.add(aftermath.retold[request_id])
        if len(told) > 1:
            yield f"request {request_id} was answered in {len(told)} ways"


def _not_durable(calls: Iterable[Call], aftermath: Aftermath) -> Iterator[str]:
    """What was acknowledged is there in the end."""
    for call in calls:
        if not call.accepted:
            continue
        if aftermath.receipts.get(call.request_id) != call.receipt:
            yield f"{call.token}: no trace of the acceptance of step {call.step}"
        if aftermath.last_steps[call.token] < call.step:
            yield f"{call.token}: step {call.step} was accepted and is forgotten"


def _out_of_nothing(calls: Iterable[Call], aftermath: Aftermath) -> Iterator[str]:
    """What was never asked, or certainly did nothing, was never accepted."""
    may_have = {call.request_id for call in calls if call.ending is not Ending.FAIL}
    for request_id in aftermath.receipts.keys() - may_have:
        yield f"request {request_id} was accepted, but nobody could have asked it"


def _spent_by_nobody(calls: Iterable[Call], aftermath: Aftermath) -> Iterator[str]:
    """A code is replayed only where somebody was accepted with it or a later one."""
    reached: defaultdict[str, int] = defaultdict(lambda: -1)
    for call in calls:
        if call.request_id in aftermath.receipts:
            reached[call.token] = max(reached[call.token], call.step)
    for call in calls:
        spent = call.ending is Ending.OK and call.outcome == REPLAYED
        if spent and call.step > reached[call.token]:
            yield f"{call.token}: step {call.step} was REPLAYED, but nobody was accepted with it"
