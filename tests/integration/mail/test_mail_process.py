# SPDX-License-Identifier: Apache-2.0
"""``kagimori mail``: every letter goes out once, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from development.environment import ROOT, free_port
from kagimori.application.notification.send_letters import Outcome
from kagimori.processes.exits import Exit
from kagimori.processes.mail import NOT_ALL_SENT
from support.databases.database import PostgresqlTestDatabase
from support.databases.postgres import Cluster
from support.post.letters import RECIPIENT, TENANT, USER_ID, letter
from support.post.mail_process import SHORT, Mailing, Post, Posts, until_state
from support.post.mail_server import Deed, MailServer
from support.processes.calls import eventually

SUBSCRIBER = "4711-0815-customer"
GONE = "250 gone"


def message_ids(server: MailServer) -> list[str]:
    return [arrived.letter["Message-ID"] for arrived in server.arrived]


class TestOnce:
    def test_what_is_due_goes_out_and_the_process_ends(
        self, post: Post, server: MailServer
    ) -> None:
        letters = [letter(), letter()]
        post.outbox.post(*letters)
        ended = post.once()
        assert ended.process.returncode == Exit.STOPPED, ended.said
        assert message_ids(server) == [mine.message_id for mine in letters]
        assert {row["state"] for row in post.outbox.rows()} == {"SENT"}

    def test_the_customer_reads_what_the_set_up_needs_and_no_password(
        self, post: Post, server: MailServer
    ) -> None:
        post.outbox.post(letter())
        post.once()
        (arrived,) = server.arrived
        body = arrived.letter.get_content()
        for part in (TENANT, USER_ID, "https://m.", "https://app.", "送信専用", "0120-"):
            assert part in body
        assert arrived.letter["Subject"].endswith("トークン発行のご案内")

    def test_nothing_due_is_nothing_to_do(self, post: Post, server: MailServer) -> None:
        assert post.once().process.returncode == Exit.STOPPED
        assert server.conversations == 0

    def test_a_letter_for_later_is_told_by_the_exit_code_and_sent_once_in_the_end(
        self, post: Post, server: MailServer
    ) -> None:
        post.outbox.post(letter())
        server.then("RCPT", "451 later")
        assert post.once().process.returncode == NOT_ALL_SENT
        assert post.send_here() == []
        post.outbox.expire()
        assert post.once().process.returncode == Exit.STOPPED
        assert post.send_here() == []
        assert len(server.arrived) == 1

    def test_a_refused_letter_is_told_of_once_and_holds_up_no_other(
        self, post: Post, server: MailServer
    ) -> None:
        post.outbox.post(letter("nobody@customer.example"), letter())
        server.then("RCPT", "550 unknown")
        assert post.once().process.returncode == NOT_ALL_SENT
        assert sorted(row["state"] for row in post.outbox.rows()) == ["REFUSED", "SENT"]
        assert post.send_here() == []

    def test_a_server_that_is_not_there_is_asked_for_one_letter_only(self, posts: Posts) -> None:
        post = posts(f"127.0.0.1:{free_port()}")
        post.outbox.post(letter(), letter(), letter())
        ended = post.once()
        assert ended.process.returncode == NOT_ALL_SENT
        assert [line["reply"] for line in ended.letters] == ["no connection"]
        assert [row["state"] for row in post.outbox.rows()] == ["PENDING"] * 3

    @pytest.mark.parametrize("deed", [Deed.HANG, Deed.CLOSE])
    def test_a_server_that_hangs_or_dies_after_the_letter_gets_it_again(
        self, posts: Posts, server: MailServer, deed: Deed
    ) -> None:
        post = posts(server.address, SHORT)
        mine = letter()
        post.outbox.post(mine)
        server.then("DATA", deed)
        assert post.once().process.returncode == NOT_ALL_SENT
        post.outbox.expire()
        assert [report.outcome for report in post.send_here()] == [Outcome.SENT]
        assert message_ids(server) == [mine.message_id]

    def test_without_a_mail_server_it_does_not_start(self, post: Post) -> None:
        text, _, _ = post.config.read_text().partition("[mail]")
        post.config.write_text(text)
        ended = post.once()
        assert ended.process.returncode == Exit.REFUSED
        assert "mail: needed" in ended.said


class TestKilled:
    """SIGKILL, and then another process that finds the lease expired."""

    def send_again(self, post: Post) -> None:
        post.outbox.expire()
        assert {report.outcome for report in post.send_here()} <= {Outcome.SENT}

    @pytest.mark.parametrize(("point", "arrivals"), [("claimed", 1), ("written down", 1)])
    def test_before_or_after_the_conversation_it_is_sent_once(
        self, post: Post, server: MailServer, point: str, arrivals: int
    ) -> None:
        post.outbox.post(letter())
        post.killed(point)
        self.send_again(post)
        assert len(server.arrived) == arrivals
        assert post.outbox.row()["state"] == "SENT"

    def test_between_acceptance_and_commit_it_is_sent_again_as_the_same_letter(
        self, post: Post, server: MailServer
    ) -> None:
        mine = letter()
        post.outbox.post(mine)
        post.killed("accepted")
        assert post.outbox.row()["state"] == "PENDING"
        self.send_again(post)
        assert message_ids(server) == [mine.message_id] * 2
        first, second = (arrived.letter.as_bytes() for arrived in server.arrived)
        assert first == second

    @pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "354", "DATA"])
    def test_in_the_middle_of_the_conversation_it_is_sent_once(
        self, post: Post, server: MailServer, stage: str
    ) -> None:
        post.outbox.post(letter())
        with post.run("--once") as dying:

            def kill() -> str:
                os.kill(dying.process.pid, signal.SIGKILL)
                dying.process.wait()
                return "451 you are dead"

            server.then(stage, kill)
            assert dying.wait() == -signal.SIGKILL
        assert server.arrived == []
        self.send_again(post)
        assert len(server.arrived) == 1

    def test_a_letter_under_lease_is_left_to_whoever_has_it(
        self, post: Post, server: MailServer
    ) -> None:
        post.outbox.post(letter())
        post.killed("claimed")
        assert post.send_here() == []
        assert server.arrived == []


class TestRunning:
    def test_letters_are_sent_as_they_are_posted(self, post: Post, server: MailServer) -> None:
        with post.run() as running:
            running.until_it_sends()
            for number in range(1, 4):
                post.outbox.post(letter())
                server.wait_for(number)
            until_state(post, "SENT")
            running.ask_to_end()
            assert running.wait() == Exit.STOPPED
        assert len(server.arrived) == 3

    def test_the_letter_under_way_is_finished_before_it_ends(
        self, post: Post, server: MailServer
    ) -> None:
        under_way, go_on = threading.Event(), threading.Event()

        def hold() -> str:
            under_way.set()
            assert go_on.wait(60)
            return GONE

        server.then("DATA", hold)
        post.outbox.post(letter(), letter())
        with post.run() as running:
            assert under_way.wait(60)
            running.ask_to_end()
            go_on.set()
            assert running.wait() == Exit.STOPPED
        assert len(server.arrived) == 1
        assert sorted(row["state"] for row in post.outbox.rows()) == ["PENDING", "SENT"]

    def test_a_tenant_s_new_template_is_followed(
        self, post: Post, server: MailServer, tmp_path: Path
    ) -> None:
        with post.run() as running:
            running.until_it_sends()
            post.outbox.post(letter())
            server.wait_for(1)
            file = tmp_path / "tenants.toml"
            shipped = (ROOT / "config" / "tenants.toml").read_text()
            file.write_text(shipped.replace("0120-000-", "0570-000-"))
            post.apply(file)

            def is_followed() -> bool:
                before = len(server.arrived)
                post.outbox.post(letter())
                body = server.wait_for(before + 1)[-1].letter.get_content()
                return "0570-000-" in body

            eventually(is_followed)
            running.ask_to_end()
            running.wait()
        assert "0120-000-" in server.arrived[0].letter.get_content()

    def test_several_processes_send_each_letter_once(
        self, posts: Posts, server: MailServer, cluster: Cluster
    ) -> None:
        post = posts(server.address, database=PostgresqlTestDatabase(cluster))
        letters = [letter() for _ in range(30)]
        with post.run() as first, post.run() as second:
            first.until_it_sends()
            second.until_it_sends()
            post.outbox.post(*letters)
            until_state(post, "SENT")
            for process in (first, second):
                process.ask_to_end()
                assert process.wait() == Exit.STOPPED, process.said
        assert sorted(message_ids(server)) == sorted(mine.message_id for mine in letters)
        assert len(first.letters) + len(second.letters) == len(letters)

    def test_a_database_that_comes_back_finds_it_waiting(
        self, posts: Posts, server: MailServer
    ) -> None:
        with Cluster.running() as own:
            post = posts(server.address, database=PostgresqlTestDatabase(own))
            with post.run() as running:
                running.until_it_sends()
                own.stop("immediate")
                own.start()
                post.outbox.post(letter())
                server.wait_for(1)
                until_state(post, "SENT")
                running.ask_to_end()
                assert running.wait() == Exit.STOPPED


class TestLog:
    @pytest.fixture
    def told(self, posts: Posts, server: MailServer) -> Mailing:
        """All that is said about letters that go, are refused, wait and break."""
        post = posts(server.address, SHORT)
        quoting = f"<{RECIPIENT}> {SUBSCRIBER} {USER_ID}"
        server.then("RCPT", f"550 5.1.1 {quoting} unknown", f"451 4.2.1 {quoting} is busy")
        server.then("DATA", Deed.HANG, Deed.CLOSE)
        post.outbox.post(*(letter(subscriber=SUBSCRIBER) for _ in range(5)))
        return post.once()

    def test_it_says_what_became_of_each_letter(self, told: Mailing) -> None:
        assert [(line["outcome"], line["reply"]) for line in told.letters] == [
            ("REFUSED", "550"),
            ("LATER", "451"),
            ("LATER", "time-out"),
            ("LATER", "connection lost"),
            ("SENT", "250"),
        ]
        assert {line["level"] for line in told.letters} == {"info", "warning", "error"}
        for line in told.letters:
            assert (line["tenant"], line["kind"], line["tries"]) == (TENANT, "ISSUED", 1)
            assert len(line["letter_id"]) == 36

    def test_it_never_says_whom_a_letter_goes_to_or_what_is_in_it(self, told: Mailing) -> None:
        for secret in (RECIPIENT, "customer.example", SUBSCRIBER, USER_ID, "ご案内"):
            assert secret not in told.said
