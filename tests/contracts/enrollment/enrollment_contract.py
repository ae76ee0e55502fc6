# SPDX-License-Identifier: Apache-2.0
"""What every `EnrollmentStore` must do, beside a `VerificationStore` of the same tokens."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import Row, ask, claim_of, granted, settle
from kagimori.application.enrollment.ports import (
    Customer,
    Done,
    Issued,
    NewEnrollment,
    Release,
    SealedPassword,
    Stale,
    Unlocking,
)
from kagimori.application.notification.letter import Letter
from kagimori.application.ports import (
    BySerial,
    BySubscriber,
    Finding,
    GrantedUnknown,
    Overslept,
)
from kagimori.domain.enrollment import EnrollmentState, LetterKind, LetterState
from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Operation
from support.databases.enrolling import provision
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT, identity, token
from support.waiting import waited

ME = BySubscriber(SUBSCRIBER)
WEEK = timedelta(days=7)
TODAY = date(2026, 3, 31)
PASSWORD = SealedPassword("$argon2id$not a real one", 3)


def new(
    number: int = 1, *, replaces: int | None = None, subscriber: str = SUBSCRIBER
) -> NewEnrollment:
    letter = Letter(
        letter_id=f"00000000-0000-4000-8000-{number:012d}",
        tenant=TENANT,
        kind=LetterKind.ISSUED,
        subscriber=subscriber,
        user_id=f"{999_800_000_000 + number}",
        recipient="customer@mail.example",
        message_id=f"<{number}@bank.example>",
    )
    request_id = f"10000000-0000-4000-8000-{number:012d}"
    return NewEnrollment(letter, request_id, b"\1" * 32, PASSWORD, WEEK, replaces, "registrar")


def customer(
    bench: SqlBench, subject: BySubscriber | BySerial = ME, tenant: str = TENANT
) -> Customer:
    return waited(bench.enrollments.customer(tenant, subject))


def issue(bench: SqlBench, order: NewEnrollment | None = None) -> Issued | Stale:
    return waited(bench.enrollments.issue(order or new()))


def release_of(found: Customer) -> Release:
    assert found.enrolled is not None
    return Release(TENANT, SUBSCRIBER, found.enrolled, found.token, TODAY, "registrar")


def release(bench: SqlBench, found: Customer) -> Done | Stale:
    return waited(bench.enrollments.release(release_of(found)))


def unlock(bench: SqlBench, becomes: State) -> Done | Stale:
    token = customer(bench).token
    assert token is not None
    unlocking = Unlocking(TENANT, token, becomes, None, "suzuki")
    return waited(bench.enrollments.unlock(unlocking))


def line(bench: SqlBench) -> tuple[str | None, ...]:
    row = bench.rows("audit")[-1]
    return tuple(row[name] for name in ("actor", "action", "token_id", "serial", "user_id"))


def counts(bench: SqlBench) -> list[int]:
    return [len(bench.rows(table)) for table in ("enrollments", "outbox", "audit")]


def enrollment(bench: SqlBench) -> Row:
    (row,) = bench.rows("enrollments")
    return row


class IssueContract:
    def test_a_stranger_has_nothing(self, bench: SqlBench) -> None:
        for subject in (ME, BySerial(SERIAL)):
            found = customer(bench, subject)
            assert (found.enrolled, found.token, found.letter) == (None, None, None)
            assert abs(found.now.timestamp() - time.time()) < 60

    def test_enrolment_letter_and_audit_row_are_written_together(self, bench: SqlBench) -> None:
        issued = issue(bench)
        assert isinstance(issued, Issued)
        assert issued.deadline - issued.issued_at == WEEK
        enrolled = customer(bench).enrolled
        assert enrolled is not None
        assert (enrolled.user_id, enrolled.state) == ("999800000001", EnrollmentState.ISSUED)
        assert (enrolled.issued_at, enrolled.deadline) == (issued.issued_at, issued.deadline)
        assert (enrolled.request_id, enrolled.fingerprint) == (new().request_id, b"\1" * 32)
        assert enrolled.password == PASSWORD
        assert customer(bench).letter is LetterState.PENDING
        (letter,) = bench.rows("outbox")
        assert letter["recipient"] == "customer@mail.example"
        assert letter["message_id"] == "<1@bank.example>"
        assert line(bench) == ("registrar", "ISSUE", None, None, "999800000001")

    def test_a_second_issue_does_not_replace_what_it_has_not_seen(self, bench: SqlBench) -> None:
        issue(bench)
        assert issue(bench, new(2)) == Stale()
        assert issue(bench, new(2, replaces=7)) == Stale()
        assert counts(bench) == [1, 1, 1]

    def test_an_issue_replaces_the_one_it_has_seen(self, bench: SqlBench) -> None:
        issue(bench)
        bench.change("enrollments", state="VOID", tries=5)
        assert isinstance(issue(bench, new(2, replaces=1)), Issued)
        enrolled = customer(bench).enrolled
        assert enrolled is not None
        assert (enrolled.user_id, enrolled.generation) == ("999800000002", 2)
        assert enrolled.state is EnrollmentState.ISSUED
        assert enrollment(bench)["tries"] == 0

    def test_a_letter_is_that_of_the_enrolment(self, bench: SqlBench) -> None:
        issue(bench)
        bench.change("outbox", state="REFUSED", recipient=None)
        assert customer(bench).letter is LetterState.REFUSED
        issue(bench, new(2, replaces=1))
        assert customer(bench).letter is LetterState.PENDING

    def test_a_user_id_that_is_taken_changes_nothing(self, bench: SqlBench) -> None:
        issue(bench)
        taken = new(1).letter
        for replaces in (None, 1):
            if replaces:
                issue(bench, new(2, subscriber="another"))
            theirs = new(3, replaces=replaces, subscriber="another")
            letter = replace(theirs.letter, user_id=taken.user_id)
            assert issue(bench, replace(theirs, letter=letter)) == Stale()
        assert counts(bench) == [2, 2, 2]

    def test_whoever_has_a_token_is_issued_none(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")
        assert issue(bench) == Stale()
        bench.change("tokens", state="RETIRED", subscriber=None, blob="")
        assert isinstance(issue(bench), Issued)
        bench.inventory.add([token(identity(token_id="token-2", serial="B"))], "importer")
        assert issue(bench, new(2, replaces=1)) == Stale()

    def test_banks_share_no_customers(self, bench: SqlBench) -> None:
        issue(bench)
        assert customer(bench, tenant=OTHER_TENANT).enrolled is None

    def test_of_many_issues_at_once_one_is_carried_out(self, bench: SqlBench) -> None:
        together = threading.Barrier(8)

        def one(number: int) -> Issued | Stale:
            together.wait()
            return waited(bench.another_enrollment_store().issue(new(number)))

        for replaces in (None, 1):
            orders = range(1, 9) if replaces is None else range(11, 19)

            def again(number: int, seen: int | None = replaces) -> Issued | Stale:
                together.wait()
                return waited(bench.another_enrollment_store().issue(new(number, replaces=seen)))

            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(one if replaces is None else again, orders))
            assert sum(isinstance(answer, Issued) for answer in answers) == 1
        assert counts(bench) == [1, 2, 2]


class ReleaseContract:
    """The end of an enrolment, and of its token."""

    @pytest.fixture(autouse=True)
    def _provisioned(self, bench: SqlBench) -> None:
        issue(bench)
        provision(bench.database, token(state=State.ASSIGNED))

    def test_forgets_address_and_password_and_destroys_the_seeds(self, bench: SqlBench) -> None:
        bench.run(
            "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length, key_version,"
            " wrap_format, blob, row_mac, -1 FROM tokens"
        )
        assert release(bench, customer(bench)) == Done()
        row = enrollment(bench)
        assert (row["state"], row["released_on"]) == ("RELEASED", "2026-03-31")
        assert (row["mail_address"], row["password_hash"], row["fingerprint"]) == (None, None, "")
        (gone,) = bench.rows("tokens")
        assert (gone["state"], gone["subscriber"], gone["lease"]) == ("RETIRED", None, None)
        assert (bytes(gone["blob"]), bytes(gone["row_mac"])) == (b"", b"")
        assert gone["generation"] == 2
        assert not bench.run("SELECT * FROM signing_seeds")
        assert line(bench) == ("registrar", "DEREGISTER", "token-1", SERIAL, "999800000001")
        found = customer(bench)
        assert found.token is None
        assert found.enrolled is not None
        assert found.enrolled.released_on == TODAY

    def test_withdraws_a_letter_that_was_not_sent_yet(self, bench: SqlBench) -> None:
        assert release(bench, customer(bench)) == Done()
        (letter,) = bench.rows("outbox")
        ended = (letter["state"], letter["recipient"], letter["reply"])
        assert ended == ("REFUSED", None, "withdrawn")

    def test_ends_an_enrolment_that_has_no_token_yet(self, bench: SqlBench) -> None:
        issue(bench, new(2, subscriber="another"))
        found = customer(bench, BySubscriber("another"))
        ended = replace(release_of(found), subscriber="another")
        assert waited(bench.enrollments.release(ended)) == Done()
        assert line(bench) == ("registrar", "DEREGISTER", None, None, "999800000002")

    @pytest.mark.parametrize("table", ["enrollments", "tokens"])
    def test_changes_nothing_of_what_is_not_as_it_was_read(
        self, bench: SqlBench, table: str
    ) -> None:
        found = customer(bench)
        bench.change(table, generation=7)
        assert release(bench, found) == Stale()
        assert enrollment(bench)["state"] == "PROVISIONED"
        assert [row["state"] for row in bench.rows("tokens")] == ["ASSIGNED"]
        assert line(bench)[1] == "IMPORT"

    @pytest.mark.parametrize("operation", [Operation.ACTIVATION, Operation.LOGIN])
    def test_a_verification_under_way_is_never_accepted(
        self, bench: SqlBench, operation: Operation
    ) -> None:
        if operation is Operation.LOGIN:
            bench.change("tokens", state="ACTIVE")
        claim = claim_of(operation=operation)
        found = granted(bench, claim)
        assert release(bench, customer(bench)) == Done()
        assert settle(bench, claim, found, Finding.FRESH, 7) == Overslept()
        bench.expire_leases()
        assert ask(bench, replace(claim, lease=new(9).request_id)) == GrantedUnknown()
        assert ask(bench, claim_of(BySerial(SERIAL))) == GrantedUnknown()

    def test_of_an_end_and_an_acceptance_at_once_the_end_is_last(self, bench: SqlBench) -> None:
        bench.change("tokens", state="ACTIVE")
        for _ in range(8):
            self._race(bench)

    def _race(self, bench: SqlBench) -> None:
        claim = claim_of()
        found = granted(bench, claim)
        step = found.last_step + 1
        together = threading.Barrier(2)

        def end() -> Done | Stale:
            seen = customer(bench)
            together.wait()
            return release(bench, seen)

        def accept() -> object:
            together.wait()
            return settle(bench, claim, found, Finding.FRESH, step)

        with ThreadPoolExecutor(2) as threads:
            ended, accepted = threads.submit(end), threads.submit(accept)
            assert ended.result() == Done()
            accepted.result()
        (row,) = [row for row in bench.rows("tokens") if row["token_id"] == found.identity.token_id]
        assert row["state"] == "RETIRED"
        assert bytes(row["blob"]) == b""
        assert isinstance(settle(bench, claim, found, Finding.FRESH, step + 1), Overslept)
        bench.change("enrollments", state="VOID", released_on=None)
        generation = enrollment(bench)["generation"]
        number = 100 + generation
        issue(bench, new(number, replaces=generation))
        fresh = identity(token_id=f"token-{number}", serial=f"S{number}")
        provision(bench.database, token(fresh, state=State.ACTIVE))
