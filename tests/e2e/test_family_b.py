# SPDX-License-Identifier: Apache-2.0
"""What both banks with serial numbers have in common: who may ask, and what is no serial number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from conftest import KENSHIN, moved
from development.bank import connection
from development.environment import Environment
from development.family_b import ABUKUMA, KAKESHIN, Branch, branch_of
from development.in_hand import PASSPHRASE
from development.stage import Stage
from kagimori_client import (
    EnrollmentStatus,
    InvalidRequest,
    NotAllowed,
    NotOffered,
    NoToken,
    Operation,
    ReplacementDesk,
    ReplacementReason,
    Requirement,
    TokenRegistrar,
)
from kagimori_client.token import NotOffered as NoNewTokens
from kagimori_client.token import SoftwareToken
from support.served.serial_town import Town, fresh_customer, fresh_name, number_of, refused, town_at

SERIAL, CODE = "2V0716016FK2", "755224"


@pytest.fixture(scope="module")
def town(provisioned: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    place = moved(provisioned, tmp_path_factory.mktemp("family-b") / "authority")
    with town_at(place) as town:
        yield town


@pytest.fixture(params=[KAKESHIN, ABUKUMA])
def branch(town: Town, request: pytest.FixtureRequest) -> Branch:
    return town.branch(request.param)


@pytest.fixture
def kakeshin(town: Town) -> Branch:
    return town.branch(KAKESHIN)


@pytest.mark.parametrize(
    "serial",
    [
        pytest.param("2v0716016fk2", id="lower-case"),
        pytest.param("２Ｖ０７１６０１６ＦＫ２", id="full-width"),  # noqa: RUF001 - on purpose
        pytest.param("2V0716016FK", id="eleven"),
        pytest.param("2V0716016FK22", id="thirteen"),
        pytest.param("2V07 16016FK", id="space"),
        pytest.param("2V0716016FK2\n", id="line-end"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_serial_number_is_refused_by_its_field(branch: Branch, serial: str) -> None:
    customer = fresh_customer(branch)
    for deed in (customer.registering(serial, CODE), customer.completing(serial, CODE)):
        error = refused(InvalidRequest, deed)
        assert isinstance(error, InvalidRequest)
        assert error.field == "serial"
    assert branch.page.status(customer.subscriber).status is EnrollmentStatus.NOT_REGISTERED


@pytest.mark.parametrize(
    "code", ["12345", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", "", "123 456"]
)
def test_what_is_no_code_is_refused_by_its_field(branch: Branch, code: str) -> None:
    customer = fresh_customer(branch)
    for deed in (
        customer.registering(SERIAL, code),
        customer.completing(SERIAL, code),
        customer.beginning(code),
        customer.ending(code),
    ):
        error = refused(InvalidRequest, deed)
        assert isinstance(error, InvalidRequest)
        assert error.field == "code"


def test_whoever_has_no_token_ends_and_exchanges_and_chooses_nothing(branch: Branch) -> None:
    customer = fresh_customer(branch)
    choose = partial(branch.page.set_login_otp, customer.subscriber, login_otp=True)
    propose = partial(branch.suzuki.propose, customer.subscriber, ReplacementReason.LOST)
    for deed in (customer.ending(CODE), customer.beginning(CODE), choose, propose):
        refused(NoToken, deed)
    assert branch.page.status(customer.subscriber).status is EnrollmentStatus.NOT_REGISTERED


def test_a_choice_is_made_by_the_customer_and_by_nobody_for_him(kakeshin: Branch) -> None:
    customer, phone = fresh_customer(kakeshin), kakeshin.phone(fresh_name())
    error = refused(
        InvalidRequest, customer.registering(phone.serial, phone.upcoming(), login_otp=None)
    )
    assert isinstance(error, InvalidRequest)
    assert error.field == "login_otp"
    number_of(customer.registering(phone.serial, phone.show(), login_otp=False))
    for wanted in (True, True, False):
        told = kakeshin.page.set_login_otp(customer.subscriber, login_otp=wanted)
        assert told.login_otp is wanted
        needs = kakeshin.core.requirement(customer.subscriber, Operation.LOGIN).needs
        assert needs is (Requirement.OTP if wanted else Requirement.NONE)


def test_each_role_does_its_own_part_and_no_other(town: Town) -> None:
    with ExitStack() as opened:
        channel = opened.enter_context(connection(TokenRegistrar, town.place, KAKESHIN, "channel"))
        page = opened.enter_context(connection(ReplacementDesk, town.place, KAKESHIN, "registrar"))
        staff = opened.enter_context(connection(TokenRegistrar, town.place, KAKESHIN, "operator"))
        deeds: list[Callable[[], object]] = [
            partial(channel.register_token, "4711", SERIAL, CODE, login_otp=True),
            partial(channel.terminate, "4711", CODE),
            partial(staff.complete_replacement, "4711", SERIAL, CODE),
            partial(staff.create_grid_challenge, "4711"),
            partial(page.propose, "4711", ReplacementReason.LOST),
            page.open,
        ]
        for deed in deeds:
            refused(NotAllowed, deed)


def test_a_bank_whose_tokens_come_by_mail_offers_none_of_it(town: Town) -> None:
    with branch_of(Stage(), town.place, town.profile, KENSHIN) as kenshin:
        customer = fresh_customer(kenshin)
        for deed in (
            customer.registering(SERIAL, CODE, login_otp=None),
            customer.beginning(CODE),
            customer.completing(SERIAL, CODE),
            customer.ending(CODE),
            partial(kenshin.page.set_login_otp, customer.subscriber, login_otp=True),
            partial(kenshin.page.create_grid_challenge, customer.subscriber),
            partial(kenshin.suzuki.propose, customer.subscriber, ReplacementReason.LOST),
        ):
            refused(NotOffered, deed)
    with pytest.raises(NoNewTokens):
        SoftwareToken.set_up_new(
            town.profile,
            service_id=KENSHIN,
            file=town.place.directory / f"{fresh_name()}.token",
            passphrase=PASSPHRASE,
        )


def test_a_bank_without_cards_asks_for_no_figure(kakeshin: Branch) -> None:
    refused(NotOffered, partial(kakeshin.page.create_grid_challenge, "4711"))
