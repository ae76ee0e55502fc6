# SPDX-License-Identifier: Apache-2.0
"""The judge of histories finds each way in which one can be wrong."""

from __future__ import annotations

import pytest

from races.history import Aftermath, History, judge

# One line is one event: who, which step of the token "T", and what happened.
# ``invoke`` comes before an ending; ``retold`` and ``receipt`` are the end's.
GOOD = {
    "one acceptance, one replay": """
        a 7 invoke
        b 7 invoke
        a 7 ACCEPTED 1
        b 7 REPLAYED
    """,
    "a retry is told again": """
        a 7 invoke
        a 7 unknown
        a 7 invoke
        a 7 ACCEPTED 1
        a 7 invoke
        a 7 ACCEPTED 1
    """,
    "an unknown that was accepted after all": """
        a 7 invoke
        a 7 unknown
        b 7 invoke
        b 7 REPLAYED
        a 7 receipt 1
    """,
    "an unknown that was not": """
        a 7 invoke
        a 7 unknown
        b 7 invoke
        b 7 ACCEPTED 1
    """,
    "an earlier step, answered late, is no step back": """
        a 7 invoke
        b 8 invoke
        b 8 ACCEPTED 2
        a 7 ACCEPTED 1
    """,
    "a step back that is one request's own retry": """
        a 7 invoke
        a 7 unknown
        b 8 invoke
        b 8 ACCEPTED 2
        a 7 invoke
        a 7 ACCEPTED 1
    """,
    "a refusal that did nothing": """
        a 7 invoke
        a 7 fail
        b 7 invoke
        b 7 ACCEPTED 1
    """,
}

BAD = {
    "step 7 was accepted for 2 requests": """
        a 7 invoke
        b 7 invoke
        a 7 ACCEPTED 1
        b 7 ACCEPTED 2
    """,
    "step 8 was accepted for 2 requests": """
        a 8 invoke
        a 8 unknown
        b 8 invoke
        b 8 ACCEPTED 2
        a 8 receipt 1
    """,
    "receipt 1 was given to 2 requests": """
        a 7 invoke
        a 7 ACCEPTED 1
        b 8 invoke
        b 8 ACCEPTED 1
    """,
    "step 7 was accepted after step 8": """
        a 8 invoke
        a 8 ACCEPTED 1
        b 7 invoke
        b 7 ACCEPTED 2
    """,
    "step 8 was accepted after step 8": """
        a 8 invoke
        a 8 ACCEPTED 1
        b 8 invoke
        b 8 ACCEPTED 2
    """,
    "request a was answered in 2 ways": """
        a 7 invoke
        a 7 REJECTED
        a 7 invoke
        a 7 ACCEPTED 1
    """,
    "request b was answered in 2 ways": """
        b 7 invoke
        b 7 ACCEPTED 1
        b 7 retold REPLAYED
    """,
    "no trace of the acceptance of step 7": """
        a 7 invoke
        a 7 ACCEPTED 1
        a 7 lost
    """,
    "step 7 was accepted and is forgotten": """
        a 7 invoke
        a 7 ACCEPTED 1
        a 6 reached
    """,
    "request z was accepted, but nobody could have asked it": """
        z 7 receipt 1
    """,
    "request a was accepted, but nobody could have asked it": """
        a 7 invoke
        a 7 fail
        a 7 receipt 1
    """,
    "step 7 was REPLAYED, but nobody was accepted with it": """
        a 7 invoke
        a 7 REPLAYED
    """,
}


@pytest.mark.parametrize("story", GOOD.values(), ids=GOOD)
def test_a_good_history_passes(story: str) -> None:
    assert judge(*told(story)) == []


@pytest.mark.parametrize(("problem", "story"), BAD.items())
def test_a_bad_history_is_found(problem: str, story: str) -> None:
    assert [found for found in judge(*told(story)) if problem in found]


def told(story: str) -> tuple[History, Aftermath]:
    """Return the history of a story, and an end in which nothing was lost but what it says."""
    history, receipts, retold, reached = History(), dict[str, str](), {}, -1
    lines = [line.split() for line in story.strip().splitlines()]
    for who, step, what, *rest in lines:
        pending = [call for call in history.calls if call.request_id == who]
        match what:
            case "invoke":
                history.invoke("T", int(step), who)
            case "fail":
                history.fail(pending[-1])
            case "unknown":
                history.unknown(pending[-1])
            case "receipt":
                receipts[who] = rest[0]
            case "lost":
                del receipts[who]
            case "retold":
                retold[who] = (rest[0], None)
            case "reached":
                reached = int(step)
            case outcome:
                number = rest[0] if rest else None
                history.ok(pending[-1], outcome, number)
                if number:
                    receipts[who] = number
    last_step = reached if reached > -1 else max(int(step) for _, step, *_ in lines)
    return history, Aftermath(receipts, {"T": last_step}, retold)
