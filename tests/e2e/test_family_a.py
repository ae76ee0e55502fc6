# SPDX-License-Identifier: Apache-2.0
"""The mail-provisioned software token of each of its three banks, whole and real.

One authority for all: server, the apps' door, the post, a mail server. Each test
has customers of its own.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from conftest import moved
from development.companions import (
    mail_of,
    open_a_door_for_apps,
    post_letters_at,
    provisioning_of,
)
from development.environment import Environment
from development.family_a import BANKS, Bank, Journey, journey_at
from development.mailbox import Mailbox
from development.phone import PASSPHRASE, Phone
from development.server import ServerProcess
from development.stage import Stage
from kagimori_client import (
    AlreadyActive,
    EnrollmentStatus,
    InvalidRequest,
    LetterStatus,
    NotAllowed,
    NoToken,
    NotProvisioned,
    OtpRejected,
    OtpReplayed,
    TokenRegistrar,
    UnknownToken,
)
from kagimori_client.token import (
    ActivationExpired,
    ActivationRefused,
    AlreadyProvisioned,
    AuthorityProfile,
    KeyNotPinned,
    SoftwareToken,
    WrongPassphrase,
)
from support.processes.calls import eventually

KENSHIN, KUMAMOTO, KITASHIN = BANKS
PASSWORD = "480613"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Town:
    """The authority with its three processes, its mail server, and the apps' profile."""

    place: Environment
    mailbox: Mailbox
    profile: AuthorityProfile

    def at(self, bank: Bank) -> Bank:
        """Return ``bank`` with a customer whom nobody else has."""
        number = next(_numbers)
        return replace(
            bank, subscriber=f"customer-{number}", mail_address=f"c{number}@phone.example"
        )

    def rows(self, asked: str, *values: object) -> list[tuple[object, ...]]:
        """Return what the database holds."""
        with closing(sqlite3.connect(self.place.database, timeout=10)) as database, database:
            return database.execute(asked, values).fetchall()


@pytest.fixture(scope="module")
def town(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Everything running."""
    place = moved(provisioned, tmp_path_factory.mktemp("town") / "authority")
    with ExitStack() as stack:
        mailbox = stack.enter_context(Mailbox())
        post_letters_at(place, mailbox.port)
        profile = open_a_door_for_apps(place)
        # All phones call from one address here.
        text = place.config.read_text()
        place.config.write_text(text.replace("[provisioning]", "[provisioning]\nper_peer = 1000"))
        stack.enter_context(ServerProcess(place))
        stack.enter_context(provisioning_of(place))
        stack.enter_context(mail_of(place))
        yield Town(place, mailbox, AuthorityProfile.load(profile))


@pytest.fixture
def journey(town: Town, request: pytest.FixtureRequest) -> Iterator[Journey]:
    """A customer of Kumamoto's, or of the bank that the test names."""
    bank = town.at(getattr(request, "param", KUMAMOTO))
    with journey_at(Stage(), town.place, town.profile, town.mailbox, bank) as opened:
        yield opened


def each_bank() -> pytest.MarkDecorator:
    names = [bank.service_id for bank in BANKS]
    return pytest.mark.parametrize("journey", BANKS, indirect=True, ids=names)


@pytest.mark.slow
@each_bank()
def test_the_guide_can_be_walked_from_its_first_page_to_its_last(journey: Journey) -> None:
    journey.walk()
    assert journey.stage.passed > 20
    assert journey.stage.failed == 0


def test_a_letter_is_sent_once_and_its_status_is_told(town: Town, journey: Journey) -> None:
    user_id, _ = journey.issue()
    letter = town.mailbox.wait_for(journey.bank.mail_address)
    assert user_id in letter.get_content()
    eventually(
        lambda: journey.registrar.status(journey.bank.subscriber).letter is LetterStatus.SENT
    )
    assert len(town.mailbox.letters_to(journey.bank.mail_address)) == 1
    (kept,) = town.rows("SELECT recipient FROM outbox WHERE user_id = ?", user_id)
    assert kept == (None,)


def test_activation_needs_an_app_and_happens_once(journey: Journey) -> None:
    bank = journey.bank
    with pytest.raises(NoToken):
        journey.registrar.activate(bank.subscriber, "12345678")
    user_id, password = journey.issue()
    with pytest.raises(NotProvisioned):
        journey.registrar.activate(bank.subscriber, "12345678")
    journey.phone.set_up(bank.service_id, user_id, password)
    with pytest.raises(OtpRejected):
        journey.registrar.activate(bank.subscriber, wrong(journey.phone))
    code = journey.phone.code()
    journey.registrar.activate(bank.subscriber, code)
    with pytest.raises(AlreadyActive):
        journey.registrar.activate(bank.subscriber, journey.phone.code(1))
    with pytest.raises(OtpReplayed):
        journey.channel.verify(code, subscriber_ref=bank.subscriber)


def test_five_wrong_passwords_void_the_enrolment(town: Town, journey: Journey) -> None:
    bank = journey.bank
    user_id, password = journey.issue()
    for _ in range(5):
        with pytest.raises(ActivationRefused):
            journey.phone.set_up(bank.service_id, user_id, other(password))
    with pytest.raises(ActivationRefused):
        journey.phone.set_up(bank.service_id, user_id, password)
    assert journey.registrar.status(bank.subscriber).status is EnrollmentStatus.VOID
    asked = "SELECT outcome FROM audit WHERE action = 'PROVISION' AND user_id = ?"
    tried = town.rows(asked, user_id)
    assert len(tried) >= 5
    again = journey.registrar.issue(bank.subscriber, bank.mail_address, PASSWORD)
    assert again.status is EnrollmentStatus.ISSUED
    assert again.user_id != user_id


def test_the_right_password_after_its_deadline_is_told_so(town: Town, journey: Journey) -> None:
    user_id, password = journey.issue()
    town.rows("UPDATE enrollments SET deadline = issued_at WHERE user_id = ?", user_id)
    with pytest.raises(ActivationExpired):
        journey.phone.set_up(journey.bank.service_id, user_id, password)
    status = journey.registrar.status(journey.bank.subscriber).status
    assert status is EnrollmentStatus.VOID


def test_unknown_user_and_wrong_password_are_one_answer(journey: Journey) -> None:
    user_id, password = journey.issue()
    unknown = f"{(int(user_id) + 1) % 10**12:012d}"
    answers = set()
    for name, typed in ((unknown, password), (user_id, other(password))):
        with pytest.raises(ActivationRefused) as refusal:
            journey.phone.set_up(journey.bank.service_id, name, typed)
        answers.add(str(refusal.value))
    assert len(answers) == 1


def test_a_second_phone_is_refused(town: Town, journey: Journey, tmp_path: Path) -> None:
    user_id, password = journey.issue()
    journey.phone.set_up(journey.bank.service_id, user_id, password)
    second = Phone(town.profile, tmp_path / "second")
    with pytest.raises(AlreadyProvisioned):
        second.set_up(journey.bank.service_id, user_id, password)


def test_an_app_that_pins_another_key_sends_nothing(town: Town, journey: Journey) -> None:
    user_id, password = journey.issue()
    pins = {**town.profile.pins, journey.bank.service_id: town.profile.pins[KENSHIN.service_id]}
    stranger = Phone(replace(town.profile, pins=pins), journey.phone.file)
    with pytest.raises(KeyNotPinned):
        stranger.set_up(journey.bank.service_id, user_id, password)
    status = journey.registrar.status(journey.bank.subscriber).status
    assert status is EnrollmentStatus.ISSUED


def test_the_token_lives_on_offline_under_its_passphrase(journey: Journey) -> None:
    user_id, password = journey.issue()
    app = journey.phone.set_up(journey.bank.service_id, user_id, password)
    again = SoftwareToken.open(journey.phone.file, PASSPHRASE)
    at = time.time()
    assert again.code(at) == app.code(at)
    with pytest.raises(WrongPassphrase):
        SoftwareToken.open(journey.phone.file, "not the passphrase")


def test_a_bank_meets_nobody_elses_customer(town: Town, journey: Journey) -> None:
    user_id, password = journey.issue()
    journey.phone.set_up(journey.bank.service_id, user_id, password)
    namesake = replace(KENSHIN, subscriber=journey.bank.subscriber)
    opened = journey_at(Stage(), town.place, town.profile, town.mailbox, namesake)
    with opened as other_bank:
        subscriber = journey.bank.subscriber
        status = other_bank.registrar.status(subscriber).status
        assert status is EnrollmentStatus.NOT_REGISTERED
        with pytest.raises(NoToken):
            other_bank.registrar.deregister(subscriber)
        with pytest.raises(UnknownToken):
            other_bank.channel.verify(journey.phone.code(), subscriber_ref=subscriber)


def test_a_channel_may_not_enrol_and_a_registrar_may_not_unlock(
    town: Town, journey: Journey
) -> None:
    channels = town.place.client(journey.bank.service_id, "channel")
    with (
        TokenRegistrar(
            town.place.listen,
            certificate=channels.certificate,
            private_key=channels.private_key,
            authority_ca=town.place.certificates / "ca.pem",
        ) as line,
        pytest.raises(NotAllowed),
    ):
        line.issue(journey.bank.subscriber, journey.bank.mail_address, PASSWORD)
    status = journey.registrar.status(journey.bank.subscriber).status
    assert status is EnrollmentStatus.NOT_REGISTERED


@pytest.mark.parametrize(
    ("field", "address", "password"),
    [
        ("mail_address", "taro", PASSWORD),
        ("mail_address", "taro@", PASSWORD),
        ("mail_address", "taro@bank", PASSWORD),
        ("mail_address", "たろう@bank.example", PASSWORD),
        ("mail_address", "taro@bank.example\r\nBcc: all@bank.example", PASSWORD),
        ("activation_password", "taro@bank.example", "123"),
        ("activation_password", "taro@bank.example", "123456789"),
        ("activation_password", "taro@bank.example", "\uff11\uff12\uff13\uff14"),
        ("activation_password", "taro@bank.example", "12 34"),
        ("activation_password", "taro@bank.example", ""),
    ],
)
def test_a_malformed_wish_is_refused_by_its_field(
    journey: Journey, field: str, address: str, password: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        journey.registrar.issue(journey.bank.subscriber, address, password)
    assert refusal.value.field == field
    status = journey.registrar.status(journey.bank.subscriber).status
    assert status is EnrollmentStatus.NOT_REGISTERED


def test_no_secret_is_in_a_log_or_the_database(town: Town, journey: Journey) -> None:
    user_id, password = journey.issue()
    journey.phone.set_up(journey.bank.service_id, user_id, password)
    code = journey.phone.code()
    journey.registrar.activate(journey.bank.subscriber, code)
    journey.read_the_letter(user_id, password)
    town.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    seeds = [octets for octets in journey.phone.drawn if len(octets) == 64]
    assert len(seeds) == 2
    bank = journey.bank
    personal = (bank.mail_address, bank.subscriber, f'"{code}"', f'"{password}"')
    for path in (*town.place.directory.glob("*.log"), town.place.database):
        octets = path.read_bytes()
        assert not any(seed in octets or seed.hex().encode() in octets for seed in seeds), path
        if path.suffix == ".log":
            for secret in personal:
                assert secret.encode() not in octets, path


def wrong(phone: Phone) -> str:
    """Return a code that the phone does not show near now."""
    near = {phone.code(steps) for steps in range(-4, 5)}
    digits = len(phone.code())
    return next(code for code in (f"{n:0{digits}d}" for n in range(20)) if code not in near)


def other(password: str) -> str:
    return f"{(int(password) + 1) % 10**6:06d}"
