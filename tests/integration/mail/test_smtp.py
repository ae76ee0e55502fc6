# SPDX-License-Identifier: Apache-2.0
"""Letters handed to a real mail server: one that takes them, refuses, hangs or dies."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from development.certificates import CertificateAuthority, new_authority
from development.environment import free_port
from kagimori.adapters.mail.smtp import Login, SmtpCarrier, Tls
from kagimori.adapters.mail.smtp import MailServer as Server
from kagimori.application.notification.ports import Carried, Due, Fate, Mail
from kagimori.application.notification.wording import worded
from support.post.letters import POLICY, RECIPIENT, SENDER, TENANT, USER_ID, letter
from support.post.mail_server import Deed, MailServer
from support.waiting import waited

SOON = 0.5
"""Seconds that a server of these tests is waited for."""


def mail(recipient: str = RECIPIENT) -> Mail:
    return worded(Due(letter(recipient), "lease", 1, datetime.now(UTC), 0.0), POLICY)


def carrier(port: int, **changes: Any) -> SmtpCarrier:  # noqa: ANN401 - any setting
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": Tls.NONE,
        "trust": ssl.create_default_context(),
        "hello": "auth.bank.example",
        "wait": 20.0,
        "final_wait": 20.0,
    }
    return SmtpCarrier(Server(**(settings | changes)))


def carried(port: int, what: Mail | None = None, **changes: Any) -> Carried:  # noqa: ANN401 - any setting
    async def carry() -> Carried:
        mine = carrier(port, **changes)
        try:
            return await mine.carry(what or mail())
        finally:
            await mine.close()

    return waited(carry())


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return new_authority(tmp_path_factory.mktemp("certificates"))


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.ca_file)


class TestTaken:
    def test_a_letter_arrives_once_and_says_what_the_customer_needs(
        self, server: MailServer
    ) -> None:
        assert carried(server.port) == Carried(Fate.ACCEPTED, "250")
        (arrived,) = server.arrived
        assert (arrived.sender, arrived.recipients) == (SENDER, [RECIPIENT])
        body = arrived.letter.get_content()
        for part in (
            f"サービスID: {TENANT}",
            f"ユーザID: {USER_ID}",
            "https://mobile.example/kagi?uid=NULLGWDOCOMO",
            "https://apps.example/kagi",
            "0120-000-000 (平日 9:00-17:00)",
            "このメールは送信専用です。",
        ):
            assert part in body
        assert "パスワード" not in body

    def test_its_header_is_the_tenant_s(self, server: MailServer) -> None:
        sent = mail()
        carried(server.port, sent)
        letter = server.arrived[0].letter
        assert letter["Subject"] == "トークン発行のご案内"
        assert letter["From"].addresses[0].display_name == "熊本県信用組合 認証センター"
        assert letter["Message-ID"] == sent.message_id
        assert letter["Auto-Submitted"] == "auto-generated"

    @pytest.mark.parametrize("local", ["a..b.", ".a", "...", "a.", "a+b", "!#$%&'*+-/=?^_`{|}~"])
    def test_an_odd_carrier_s_address_is_delivered_to_as_it_is(
        self, server: MailServer, local: str
    ) -> None:
        assert carried(server.port, mail(f"{local}@docomo.ne.jp")).fate is Fate.ACCEPTED
        ((recipient,),) = [arrived.recipients for arrived in server.arrived]
        given, _, domain = recipient.rpartition("@")
        # Quoted or not, it is the same mailbox (RFC 5321 §4.1.2).
        assert (given.strip('"'), domain) == (local, "docomo.ne.jp")

    def test_several_letters_go_at_once(self, server: MailServer) -> None:
        async def carry_all() -> list[Carried]:
            mine = carrier(server.port)
            answers = await asyncio.gather(*(mine.carry(mail()) for _ in range(5)))
            await mine.close()
            return answers

        assert {answer.fate for answer in waited(carry_all())} == {Fate.ACCEPTED}
        assert len({arrived.letter["Message-ID"] for arrived in server.arrived}) == 5


class TestPrivacy:
    def test_starttls_with_a_certificate_that_is_checked(
        self, authority: CertificateAuthority
    ) -> None:
        with MailServer(authority.server()) as server:
            answer = carried(server.port, tls=Tls.STARTTLS, trust=trusting(authority))
        assert answer.fate is Fate.ACCEPTED
        assert [arrived.over_tls for arrived in server.arrived] == [True]

    def test_tls_from_the_first_octet(self, authority: CertificateAuthority) -> None:
        with MailServer(authority.server(), implicit=True) as server:
            answer = carried(server.port, tls=Tls.IMPLICIT, trust=trusting(authority))
        assert answer.fate is Fate.ACCEPTED
        assert [arrived.over_tls for arrived in server.arrived] == [True]

    def test_a_server_that_does_not_offer_starttls_gets_no_letter(
        self, server: MailServer, authority: CertificateAuthority
    ) -> None:
        answer = carried(server.port, tls=Tls.STARTTLS, trust=trusting(authority))
        assert answer == Carried(Fate.UNDECIDED, "no TLS", reached=False)
        assert server.arrived == []

    @pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
    def test_a_server_of_another_authority_gets_no_letter(
        self, authority: CertificateAuthority, tmp_path: Path, tls: Tls
    ) -> None:
        stranger = new_authority(tmp_path / "stranger")
        with MailServer(stranger.server(), implicit=tls is Tls.IMPLICIT) as server:
            answer = carried(server.port, tls=tls, trust=trusting(authority))
        assert answer == Carried(Fate.UNDECIDED, "no TLS", reached=False)
        assert server.arrived == []

    def test_a_certificate_for_another_host_is_none(self, tmp_path: Path) -> None:
        authority = new_authority(tmp_path / "certificates")
        identity = authority.server("other", hosts=("other.example",))
        with MailServer(identity) as server:
            answer = carried(
                server.port, host="localhost", tls=Tls.STARTTLS, trust=trusting(authority)
            )
        assert answer == Carried(Fate.UNDECIDED, "no TLS", reached=False)
        assert server.arrived == []


class TestLogin:
    LOGIN = ("kagimori", "correct horse")

    @pytest.fixture
    def server(self, authority: CertificateAuthority) -> Iterator[MailServer]:
        with MailServer(authority.server(), login=self.LOGIN) as running:
            yield running

    def ask(self, server: MailServer, trust: ssl.SSLContext, login: Login | None) -> Carried:
        return carried(server.port, tls=Tls.STARTTLS, trust=trust, login=login)

    def test_a_server_that_wants_a_login_gets_it(
        self, server: MailServer, authority: CertificateAuthority
    ) -> None:
        answer = self.ask(server, trusting(authority), Login(*self.LOGIN))
        assert answer.fate is Fate.ACCEPTED
        assert [arrived.user for arrived in server.arrived] == [b"kagimori"]

    @pytest.mark.parametrize(
        ("login", "reply"), [(Login("kagimori", "wrong"), "535"), (None, "530")]
    )
    def test_a_login_that_is_refused_is_no_refusal_of_the_letter(
        self,
        server: MailServer,
        authority: CertificateAuthority,
        login: Login | None,
        reply: str,
    ) -> None:
        answer = self.ask(server, trusting(authority), login)
        assert (answer.fate, answer.reply) == (Fate.UNDECIDED, reply)
        assert server.arrived == []

    def test_a_password_is_tried_once(
        self, server: MailServer, authority: CertificateAuthority
    ) -> None:
        self.ask(server, trusting(authority), Login("kagimori", "wrong"))
        assert server.logins == 1

    def test_no_letter_goes_where_no_login_is_offered(self) -> None:
        # It offers one over TLS only.
        with MailServer(login=self.LOGIN) as server:
            answer = carried(server.port, login=Login(*self.LOGIN))
        assert answer == Carried(Fate.UNDECIDED, "no login", reached=False)
        assert server.arrived == []

    def test_no_repr_shows_the_password(self) -> None:
        assert "correct horse" not in repr(Login(*self.LOGIN))


class TestRefused:
    @pytest.mark.parametrize("stage", ["MAIL", "RCPT", "354", "DATA"])
    @pytest.mark.parametrize(
        ("code", "fate"),
        [
            (550, Fate.REFUSED),
            (552, Fate.REFUSED),
            (554, Fate.REFUSED),
            (451, Fate.UNDECIDED),
            (421, Fate.UNDECIDED),
            (503, Fate.UNDECIDED),
            (530, Fate.UNDECIDED),
        ],
    )
    def test_the_code_decides_at_each_stage_and_the_words_are_forgotten(
        self, server: MailServer, stage: str, code: int, fate: Fate
    ) -> None:
        server.then(stage, f"{code} <{RECIPIENT}> says no")
        assert carried(server.port) == Carried(fate, str(code))
        assert server.arrived == []
        assert carried(server.port).fate is Fate.ACCEPTED

    def test_any_2xx_after_the_letter_is_an_acceptance(self, server: MailServer) -> None:
        server.then("DATA", "251 forwarded")
        assert carried(server.port) == Carried(Fate.ACCEPTED, "251")
        assert len(server.arrived) == 1

    def test_a_host_that_takes_no_mail_says_nothing_of_the_letter(self, server: MailServer) -> None:
        server.then("EHLO", "550 go away")
        answer = carried(server.port)
        assert (answer.fate, answer.reached) == (Fate.UNDECIDED, False)


class TestTrouble:
    @pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "354", "DATA"])
    def test_a_server_that_hangs_is_not_waited_for_without_end(
        self, server: MailServer, stage: str
    ) -> None:
        server.then(stage, Deed.HANG)
        answer = carried(server.port, wait=SOON, final_wait=SOON)
        assert answer == Carried(Fate.UNDECIDED, "time-out", reached=stage != "EHLO")
        assert server.arrived == []

    @pytest.mark.parametrize("stage", ["EHLO", "MAIL", "RCPT", "354", "DATA"])
    def test_a_server_that_leaves_has_not_decided(self, server: MailServer, stage: str) -> None:
        server.then(stage, Deed.CLOSE)
        answer = carried(server.port)
        assert answer == Carried(Fate.UNDECIDED, "connection lost", reached=stage != "EHLO")
        assert server.arrived == []

    def test_a_server_that_leaves_in_the_middle_of_a_letter_has_not_decided(
        self, server: MailServer
    ) -> None:
        server.then("354", "354 go on")
        assert carried(server.port) == Carried(Fate.UNDECIDED, "connection lost")
        assert carried(server.port).fate is Fate.ACCEPTED

    def test_a_server_that_never_greets_is_not_waited_for_without_end(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            answer = carried(silent.getsockname()[1], wait=SOON)
        assert answer == Carried(Fate.UNDECIDED, "time-out", reached=False)

    def test_a_server_that_drips_is_not_waited_for_without_end(self) -> None:
        async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while True:
                    writer.write(b"220-still thinking\r\n")
                    await writer.drain()
                    await asyncio.sleep(SOON / 5)

        async def carry() -> Carried:
            dripping = await asyncio.start_server(drip, "127.0.0.1", 0)
            port = dripping.sockets[0].getsockname()[1]
            answer = await carrier(port, wait=SOON).carry(mail())
            dripping.close()
            return answer

        assert waited(carry()) == Carried(Fate.UNDECIDED, "time-out", reached=False)

    def test_a_server_that_is_not_there_has_not_heard_of_the_letter(self) -> None:
        answer = carried(free_port())
        assert answer == Carried(Fate.UNDECIDED, "no connection", reached=False)

    def test_a_letter_whose_header_cannot_be_is_not_sent(self, server: MailServer) -> None:
        sent = mail()
        broken = Mail(
            sent.message_id,
            sent.written_at,
            sent.sender,
            sent.sender_name,
            sent.recipient,
            "a\r\nBcc: x@evil.example",
            sent.body,
        )
        assert carried(server.port, broken).fate is Fate.UNDECIDED
        assert server.conversations == 0
