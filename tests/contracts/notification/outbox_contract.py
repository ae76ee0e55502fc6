# SPDX-License-Identifier: Apache-2.0
"""What every `OutboxStore` must do, and what others may put into it."""

from __future__ import annotations

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.notification.outbox_bench import Claimer, OutboxBench
from kagimori.adapters.sql.outbox import posted, replayed
from kagimori.application.notification.ports import Due
from kagimori.domain.enrollment import LetterKind
from support.post.letters import RECIPIENT, letter
from support.tokens import OTHER_TENANT, TENANT


def told(token_id: str, tenant: str = TENANT) -> tuple[str, str, str, str]:
    name = str(uuid.uuid4())
    return tenant, token_id, name, f"<{name}@bank.example>"


class OutboxContract:
    def test_a_posted_letter_is_due_as_it_was_posted(self, bench: OutboxBench) -> None:
        mine = letter("a..b.@docomo.example")
        bench.post(mine)
        due = bench.claimer.claimed()
        assert (due.letter, due.tries) == (mine, 1)
        assert 0 <= due.age < 3600

    def test_a_letter_of_a_transaction_that_was_undone_is_never_due(
        self, bench: OutboxBench
    ) -> None:
        bench.write_and_undo(posted(letter()))
        assert bench.claimer.claim() is None

    def test_what_has_been_due_longest_comes_first(self, bench: OutboxBench) -> None:
        letters = [letter(), letter(), letter()]
        bench.post(*letters)
        for place, each in zip((2, 3, 1), letters, strict=True):
            bench.database.run(
                "UPDATE outbox SET due_at = ? WHERE letter_id = ?", place, each.letter_id
            )
        order = [bench.claimer.claimed().letter for _ in letters]
        assert order == [letters[2], letters[0], letters[1]]

    def test_a_claimed_letter_is_nobody_else_s(self, bench: OutboxBench) -> None:
        bench.post(letter())
        bench.claimer.claimed()
        assert bench.another().claim() is None
        assert bench.claimer.claim() is None

    def test_a_crowd_of_claimers_sends_each_letter_once(self, bench: OutboxBench) -> None:
        letters = [letter() for _ in range(40)]
        bench.post(*letters)

        def send_all(claimer: Claimer) -> list[Due]:
            mine: list[Due] = []
            while (due := claimer.claim()) is not None:
                assert claimer.sent(due)
                mine.append(due)
            return mine

        claimers = [bench.another() for _ in range(4)]
        with ThreadPoolExecutor(len(claimers)) as pool:
            sent = [due for mine in pool.map(send_all, claimers) for due in mine]
        counted = Counter(due.letter.letter_id for due in sent)
        assert counted == dict.fromkeys((each.letter_id for each in letters), 1)

    @pytest.mark.parametrize(("end", "state"), [("sent", "SENT"), ("refused", "REFUSED")])
    def test_an_ended_letter_forgets_its_recipient(
        self, bench: OutboxBench, end: str, state: str
    ) -> None:
        bench.post(letter())
        due = bench.claimer.claimed()
        assert getattr(bench.claimer, end)(due)
        row = bench.row()
        assert (row["state"], row["recipient"], row["lease"]) == (state, None, None)
        assert row["ended_at"] >= row["created_at"]
        assert row["reply"] == {"SENT": "250", "REFUSED": "550"}[state]
        bench.expire()
        assert bench.claimer.claim() is None

    def test_a_letter_for_later_is_not_due_until_then(self, bench: OutboxBench) -> None:
        bench.post(letter())
        assert bench.claimer.later(bench.claimer.claimed(), 3600.0)
        assert bench.another().claim() is None
        assert bench.row()["reply"] == "451"
        bench.expire()
        again = bench.claimer.claimed()
        assert (again.letter.recipient, again.tries) == (RECIPIENT, 2)

    def test_a_wait_is_counted_from_now_and_a_lease_as_well(self, bench: OutboxBench) -> None:
        bench.post(letter())
        due = bench.claimer.claim(0.0)
        assert due is not None
        other = bench.another().claimed()
        assert other.tries == 2
        assert bench.claimer.later(other, 0.0)
        assert bench.claimer.claimed().tries == 3

    @pytest.mark.parametrize("end", ["sent", "refused", "later"])
    def test_whoever_lost_the_lease_changes_nothing(self, bench: OutboxBench, end: str) -> None:
        bench.post(letter())
        late = bench.claimer.claimed()
        bench.expire()
        other = bench.another()
        new = other.claimed()
        before = bench.row()
        assert not getattr(bench.claimer, end)(late)
        assert bench.row() == before
        assert other.sent(new)
        assert not getattr(bench.claimer, end)(late)
        assert bench.row()["state"] == "SENT"

    def test_a_try_is_ended_once(self, bench: OutboxBench) -> None:
        bench.post(letter())
        due = bench.claimer.claimed()
        assert bench.claimer.sent(due)
        assert not bench.claimer.refused(due)
        assert bench.row()["state"] == "SENT"

    def test_an_expired_lease_still_counts_while_nobody_took_it(self, bench: OutboxBench) -> None:
        bench.post(letter())
        due = bench.claimer.claimed()
        bench.expire()
        assert bench.claimer.sent(due)


class ReplayContract:
    def test_the_holder_of_a_token_is_told(self, bench: OutboxBench) -> None:
        bench.enrol("s-1", "t-1", "one@customer.example")
        bench.enrol("s-2", "t-2", "two@customer.example")
        row = told("t-2")
        bench.write(replayed([row]))
        mine = bench.claimer.claimed().letter
        assert (mine.letter_id, mine.message_id) == row[2:]
        assert (mine.tenant, mine.kind, mine.subscriber) == (TENANT, LetterKind.REPLAYED, "s-2")
        assert mine.recipient == "two@customer.example"
        assert mine.user_id == "000000000001"

    def test_a_holder_is_told_once_in_a_day(self, bench: OutboxBench) -> None:
        bench.enrol("s-1", "t-1")
        bench.write(replayed([told("t-1"), told("t-1")]))
        bench.write(replayed([told("t-1")]))
        assert bench.claimer.sent(bench.claimer.claimed())
        bench.write(replayed([told("t-1")]))
        assert len(bench.rows()) == 1
        a_day, a_minute = 86_400_000_000, 60_000_000
        bench.database.run("UPDATE outbox SET created_at = created_at - ?", a_day - a_minute)
        bench.write(replayed([told("t-1")]))
        assert len(bench.rows()) == 1
        bench.database.run("UPDATE outbox SET created_at = created_at - ?", a_minute)
        bench.write(replayed([told("t-1")]))
        assert len(bench.rows()) == 2

    def test_another_letter_or_another_holder_s_does_not_count(self, bench: OutboxBench) -> None:
        bench.enrol("s-1", "t-1")
        bench.enrol("s-2", "t-2")
        bench.post(letter(tenant=TENANT, subscriber="s-1"))
        bench.write(replayed([told("t-1"), told("t-2")]))
        kinds = sorted((row["subscriber"], row["kind"]) for row in bench.rows())
        assert kinds == [("s-1", "ISSUED"), ("s-1", "REPLAYED"), ("s-2", "REPLAYED")]

    def test_nobody_is_told_where_there_is_no_address_or_no_holder(
        self, bench: OutboxBench
    ) -> None:
        bench.enrol("s-1", "t-1", address=None)
        bench.enrol("s-2", "t-2", state="RELEASED")
        bench.enrol("s-3", "t-3")
        rows = [told("t-1"), told("t-2"), told("t-9"), told("t-3", OTHER_TENANT)]
        bench.write(replayed(rows))
        bench.write(replayed([]))
        assert bench.rows() == []
