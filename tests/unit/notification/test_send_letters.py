# SPDX-License-Identifier: Apache-2.0
"""What becomes of a letter, by what its mail server says; the outbox is real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.notification.outbox_bench import OutboxBench
from fakes.carrier import ACCEPTED, REFUSED, UNDECIDED, ScriptedCarrier
from kagimori.adapters.sql.database import unavailable
from kagimori.adapters.sql.outbox import SqlOutbox
from kagimori.application.notification import send_letters
from kagimori.application.notification.ports import Due
from kagimori.application.notification.send_letters import Outcome, Report, SendLetters, wait
from kagimori.domain.enrollment import LetterKind
from kagimori.domain.errors import StoreUnavailable
from kagimori.domain.tenant import MailTemplate, TenantPolicy
from support.databases.database import TestDatabase
from support.post.letters import POLICY, RECIPIENT, TEMPLATE, TENANT, letter
from support.waiting import waited

DAY = 86_400_000_000
POLICIES = {TENANT: POLICY}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[OutboxBench]:
    database = TestDatabase(tmp_path)
    yield OutboxBench(database)
    database.close()


def sender(
    bench: OutboxBench,
    carrier: ScriptedCarrier,
    policies: Mapping[str, TenantPolicy] = POLICIES,
    outbox: SqlOutbox | None = None,
) -> SendLetters:
    return SendLetters(
        outbox or SqlOutbox(bench.database.open()), carrier, policies, chance=lambda: 0.0
    )


def tried(letters: SendLetters) -> Report:
    report = waited(letters.next())
    assert report is not None
    return report


def with_template(template: MailTemplate | None) -> dict[str, TenantPolicy]:
    return {TENANT: replace(POLICY, mail=template)}


def due_in(bench: OutboxBench, before: int) -> float:
    """Return for how many seconds the letter rests, less what the try took."""
    return float((bench.row()["due_at"] - before) / 1_000_000)


def test_an_accepted_letter_is_sent_and_never_tried_again(bench: OutboxBench) -> None:
    mine = letter()
    bench.post(mine)
    carrier = ScriptedCarrier(ACCEPTED)
    report = tried(sender(bench, carrier))
    assert report == Report(
        mine.letter_id, TENANT, LetterKind.ISSUED, Outcome.SENT, 1, "250", reached=True
    )
    bench.expire()
    assert waited(sender(bench, carrier).next()) is None
    assert [mail.message_id for mail in carrier.carried] == [mine.message_id]


def test_a_permanent_refusal_ends_the_letter_with_its_code(bench: OutboxBench) -> None:
    bench.post(letter())
    assert tried(sender(bench, ScriptedCarrier(REFUSED))).outcome is Outcome.REFUSED
    row = bench.row()
    assert (row["state"], row["reply"], row["recipient"]) == ("REFUSED", "550", None)


def test_anything_else_is_tried_again_under_the_same_message_id(bench: OutboxBench) -> None:
    bench.post(letter())
    carrier = ScriptedCarrier(UNDECIDED, UNDECIDED, ACCEPTED)
    letters = sender(bench, carrier)
    reports = []
    for _ in range(3):
        reports.append(tried(letters))
        assert waited(letters.next()) is None
        bench.expire()
    assert [(report.outcome, report.tries) for report in reports] == [
        (Outcome.LATER, 1),
        (Outcome.LATER, 2),
        (Outcome.SENT, 3),
    ]
    assert len({mail.message_id for mail in carrier.carried}) == 1
    assert len({(mail.body, mail.written_at) for mail in carrier.carried}) == 1


def test_waits_double_from_a_minute_to_an_hour() -> None:
    assert [wait(tries, 0.0) for tries in (1, 2, 3, 4, 5, 6, 7, 8, 9000)] == [
        60, 120, 240, 480, 960, 1920, 3600, 3600, 3600,
    ]  # fmt: skip


def test_chance_only_shortens_a_wait() -> None:
    assert wait(1, 1.0) == pytest.approx(48)
    assert wait(20, 1.0) == pytest.approx(2880)
    assert wait(1, 0.5) == pytest.approx(54)


def test_the_wait_is_kept_in_the_outbox(bench: OutboxBench) -> None:
    bench.post(letter())
    bench.database.run("UPDATE outbox SET tries = 2")
    before = bench.row()["due_at"]
    tried(sender(bench, ScriptedCarrier(UNDECIDED)))
    assert 240 <= due_in(bench, before) < 240 + 60


def test_it_is_given_up_after_three_days_and_not_before(bench: OutboxBench) -> None:
    bench.post(letter())
    letters = sender(bench, ScriptedCarrier(UNDECIDED))
    bench.database.run("UPDATE outbox SET created_at = created_at - ?", 3 * DAY - 60_000_000)
    assert tried(letters).outcome is Outcome.LATER
    bench.database.run("UPDATE outbox SET due_at = 1, created_at = created_at - 60000000")
    report = tried(letters)
    assert (report.outcome, report.reply) == (Outcome.REFUSED, "gave up")
    assert (bench.row()["state"], bench.row()["reply"]) == ("REFUSED", "gave up")


def test_a_letter_of_three_days_that_is_accepted_is_sent(bench: OutboxBench) -> None:
    bench.post(letter())
    bench.database.run("UPDATE outbox SET created_at = created_at - ?", 4 * DAY)
    assert tried(sender(bench, ScriptedCarrier(ACCEPTED))).outcome is Outcome.SENT


@pytest.mark.parametrize(
    "policies",
    [
        {},
        with_template(None),
        with_template(replace(TEMPLATE, body="costs $100")),
        with_template(replace(TEMPLATE, body="${activation_password}")),
    ],
    ids=["no tenant", "no mail", "a stray $", "an unknown name"],
)
def test_without_a_template_a_letter_stays_however_old_it_is(
    bench: OutboxBench, policies: Mapping[str, TenantPolicy]
) -> None:
    bench.post(letter())
    bench.database.run("UPDATE outbox SET created_at = created_at - ?", 30 * DAY)
    carrier = ScriptedCarrier(ACCEPTED)
    report = tried(sender(bench, carrier, policies))
    assert (report.outcome, report.reply, carrier.carried) == (Outcome.LATER, "no template", [])
    assert (bench.row()["state"], bench.row()["recipient"]) == ("PENDING", RECIPIENT)


def test_a_policy_that_changes_meanwhile_is_followed(bench: OutboxBench) -> None:
    bench.post(letter())
    policies: dict[str, TenantPolicy] = {}
    carrier = ScriptedCarrier(ACCEPTED)
    letters = sender(bench, carrier, policies)
    assert tried(letters).outcome is Outcome.LATER
    policies[TENANT] = replace(POLICY, mail=replace(TEMPLATE, subject="新しいご案内"))
    bench.expire()
    assert tried(letters).outcome is Outcome.SENT
    assert [mail.subject for mail in carrier.carried] == ["新しいご案内"]


def test_a_letter_that_the_tenant_does_not_want_any_more_ends(bench: OutboxBench) -> None:
    bench.post(letter(kind=LetterKind.REPLAYED))
    carrier = ScriptedCarrier(ACCEPTED)
    silent = with_template(replace(TEMPLATE, replay_subject="", replay_body=""))
    report = tried(sender(bench, carrier, silent))
    assert (report.outcome, report.reply) == (Outcome.REFUSED, "not wanted")
    assert carrier.carried == []


def test_who_overslept_the_lease_says_so_and_writes_nothing(bench: OutboxBench) -> None:
    bench.post(letter())

    def another_takes_it() -> None:
        bench.expire()
        bench.claimer.claimed()

    carrier = ScriptedCarrier(REFUSED, meanwhile=another_takes_it)
    assert tried(sender(bench, carrier)).outcome is Outcome.LEASE_LOST
    assert bench.row()["state"] == "PENDING"


def test_the_lease_outlives_the_longest_conversation(bench: OutboxBench) -> None:
    bench.post(letter())
    left: list[float] = []
    before = bench.row()["due_at"]
    carrier = ScriptedCarrier(ACCEPTED, meanwhile=lambda: left.append(due_in(bench, before)))
    tried(sender(bench, carrier))
    assert left[0] >= carrier.longest + send_letters.MARGIN


class _Flaky(SqlOutbox):
    """An outbox whose database is away for the first ends of tries."""

    away = 2

    async def sent(self, due: Due, reply: str) -> bool:
        return await super().sent(due, reply) if self._is_back() else False

    async def later(self, due: Due, seconds: float, reply: str) -> bool:
        return await super().later(due, seconds, reply) if self._is_back() else False

    def _is_back(self) -> bool:
        self.away -= 1
        if self.away >= 0:
            trouble = unavailable("away")
            trouble.retry_after = 0.01
            raise trouble
        return True


def test_an_accepted_letter_is_written_down_as_soon_as_the_database_is_back(
    bench: OutboxBench,
) -> None:
    bench.post(letter())
    carrier = ScriptedCarrier(ACCEPTED)
    letters = sender(bench, carrier, outbox=_Flaky(bench.database.open()))
    assert tried(letters).outcome is Outcome.SENT
    assert bench.row()["state"] == "SENT"
    assert len(carrier.carried) == 1


def test_a_failed_try_leaves_it_to_the_lease_where_the_database_is_away(
    bench: OutboxBench,
) -> None:
    bench.post(letter())
    letters = sender(bench, ScriptedCarrier(UNDECIDED), outbox=_Flaky(bench.database.open()))
    with pytest.raises(StoreUnavailable):
        waited(letters.next())
    assert bench.row()["lease"] is not None
    bench.expire()
    assert bench.claimer.claimed().tries == 2
