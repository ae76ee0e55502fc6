# SPDX-License-Identifier: Apache-2.0
"""Hardware tokens from stock to a customer, and back: the wire, the HSM, and oathtool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from development import oathtool
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    EnrollmentStatus,
    HardwareTokenDesk,
    LiveToken,
    NotAssigned,
    NotInStock,
    NotOffered,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    TokenCondition,
    TokenExpired,
    TokenKind,
    TokenNotActive,
    TokenRegistrar,
    TokenState,
    Unavailable,
    UnknownSerial,
    UnknownToken,
)
from support.custody.hsm import MODULE, HsmFiles, fresh_hsm
from support.databases.database import TestDatabase
from support.served.hardware_bank import HardwareBank, hardware_bank
from support.tokens import OTHER_TENANT, TENANT

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

HANAKO, TARO = "customer-4711", "customer-4712"
SERIAL, SECOND = "2V0716016FK2", "2V0716016FK3"
BOTH = [TENANT, OTHER_TENANT]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    tenants = {"abukuma": TENANT, "kakeshin": OTHER_TENANT}
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), tenants)


@pytest.fixture
def bank(files: HsmFiles, tmp_path: Path) -> Iterator[HardwareBank]:
    database = TestDatabase(tmp_path)
    with hardware_bank(files, database, tmp_path / "certificates") as bank:
        yield bank
    database.close()


@pytest.fixture
def counter(bank: HardwareBank) -> HardwareTokenDesk:
    return bank.connect(HardwareTokenDesk, "operator")


@pytest.fixture
def page(bank: HardwareBank) -> TokenRegistrar:
    return bank.connect(TokenRegistrar, "registrar")


@pytest.fixture
def core(bank: HardwareBank) -> BankChannel:
    return bank.connect(BankChannel, "channel")


@pytest.mark.parametrize("tenant", BOTH)
def test_a_token_goes_from_one_customer_to_the_next(bank: HardwareBank, tenant: str) -> None:
    """One bank keeps its customers' numbers in clear, the other as digests."""
    counter = bank.connect(HardwareTokenDesk, "operator", tenant)
    page = bank.connect(TokenRegistrar, "registrar", tenant)
    core = bank.connect(BankChannel, "channel", tenant)
    codes = [oathtool.event_code(bank.deliver(SERIAL, tenant=tenant), 0)]
    assert counter.status(SERIAL).state is TokenState.IN_STOCK
    assert counter.assign(HANAKO, SERIAL).state is TokenState.ASSIGNED
    assert page.status(HANAKO).status is EnrollmentStatus.PROVISIONED
    with pytest.raises(TokenNotActive):
        core.verify(codes[0], subscriber_ref=HANAKO)
    assert page.activate(HANAKO, codes[0]).number


def test_no_code_that_was_accepted_is_accepted_from_the_next_customer(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar, core: BankChannel
) -> None:
    device = bank.deliver(SERIAL)
    codes = [oathtool.event_code(device, press) for press in range(5)]
    counter.assign(HANAKO, SERIAL)
    page.activate(HANAKO, codes[0])
    core.verify(codes[2], subscriber_ref=HANAKO)
    assert counter.status(SERIAL).state is TokenState.ACTIVE
    assert counter.take_back(SERIAL, TokenCondition.WORKING).state is TokenState.RETURNED
    with pytest.raises(UnknownToken):
        core.verify(codes[3], subscriber_ref=HANAKO)
    assert page.status(HANAKO).status is EnrollmentStatus.NOT_REGISTERED

    assert counter.assign(TARO, SERIAL).state is TokenState.ASSIGNED
    with pytest.raises(OtpReplayed):
        page.activate(TARO, codes[2])
    for spent in codes[:2]:
        with pytest.raises(OtpRejected):
            page.activate(TARO, spent)
    page.activate(TARO, codes[3])
    core.verify(codes[4], subscriber_ref=TARO)
    with pytest.raises(UnknownToken):
        core.verify(codes[4], subscriber_ref=HANAKO)


def test_a_clock_that_was_followed_is_known_to_the_next_customers_codes(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar, core: BankChannel
) -> None:
    device = bank.deliver(SERIAL, period=30)

    def code(steps: int) -> str:
        return oathtool.time_code(device, bank.now, steps)

    counter.assign(HANAKO, SERIAL)
    page.activate(HANAKO, code(-1))
    bank.now += 60
    core.verify(code(-1), subscriber_ref=HANAKO)
    drift = counter.status(SERIAL).drift_steps
    assert drift == -1
    assert counter.take_back(SERIAL, TokenCondition.WORKING).drift_steps == drift
    counter.assign(TARO, SERIAL)
    with pytest.raises(OtpReplayed):
        page.activate(TARO, code(-1))
    bank.now += 30
    page.activate(TARO, code(-1))


def test_a_token_that_ran_away_is_found_again_at_the_counter(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar, core: BankChannel
) -> None:
    device = bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    page.activate(HANAKO, oathtool.event_code(device, 0))
    first, second, third = (oathtool.event_code(device, press) for press in (50, 51, 52))
    with pytest.raises(OtpRejected):
        core.verify(first, subscriber_ref=HANAKO)
    with pytest.raises(OtpRejected):
        counter.resynchronize(second, first, serial=SERIAL)
    assert counter.resynchronize(first, second, serial=SERIAL).attempts_left == 5
    for spent in (first, second):
        with pytest.raises(OtpRefused):
            core.verify(spent, subscriber_ref=HANAKO)
    assert core.verify(third, subscriber_ref=HANAKO).number


def test_a_customer_finds_his_token_again_by_himself(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar, core: BankChannel
) -> None:
    device = bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    page.activate(HANAKO, oathtool.event_code(device, 0))
    first, second, third = (oathtool.event_code(device, press) for press in (98, 99, 100))
    core.resynchronize(first, second, subscriber_ref=HANAKO)
    core.verify(third, subscriber_ref=HANAKO)


def test_a_defective_tokens_seed_is_gone(
    bank: HardwareBank, counter: HardwareTokenDesk, core: BankChannel
) -> None:
    device = bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    for _ in range(2):
        assert counter.take_back(SERIAL, TokenCondition.DEFECTIVE).state is TokenState.DEFECTIVE
    assert (bytes(bank.row(SERIAL)["blob"]), bytes(bank.row(SERIAL)["row_mac"])) == (b"", b"")
    with pytest.raises(UnknownToken):
        core.verify(oathtool.event_code(device, 0), serial=SERIAL)
    with pytest.raises(NotInStock):
        counter.assign(HANAKO, SERIAL)
    with pytest.raises(NotAssigned):
        counter.take_back(SERIAL, TokenCondition.WORKING)


def test_another_banks_tokens_are_not_there(bank: HardwareBank) -> None:
    bank.deliver(SERIAL)
    before = bank.row(SERIAL)
    stranger = bank.connect(HardwareTokenDesk, "operator", OTHER_TENANT)
    calls: list[Callable[[], object]] = [
        lambda: stranger.assign(HANAKO, SERIAL),
        lambda: stranger.status(SERIAL),
        lambda: stranger.take_back(SERIAL, TokenCondition.DEFECTIVE),
        lambda: stranger.status("SKTS00000000"),
    ]
    for call in calls:
        with pytest.raises(UnknownSerial) as refused:
            call()
        assert str(refused.value) == "no token has this serial number"
    assert bank.row(SERIAL) == before


def test_a_customer_has_one_token(bank: HardwareBank, counter: HardwareTokenDesk) -> None:
    for serial in (SERIAL, SECOND):
        bank.deliver(serial)
    counter.assign(HANAKO, SERIAL)
    assert counter.assign(HANAKO, SERIAL).kind is TokenKind.EVENT_BASED
    with pytest.raises(LiveToken):
        counter.assign(HANAKO, SECOND)
    with pytest.raises(NotInStock):
        counter.assign(TARO, SERIAL)


@pytest.mark.parametrize("column", ["blob", "row_mac"])
def test_a_seed_that_was_moved_to_another_serial_is_vouched_for_by_nobody(
    bank: HardwareBank, counter: HardwareTokenDesk, column: str
) -> None:
    for serial in (SERIAL, SECOND):
        bank.deliver(serial)
    bank.database.run(
        f"UPDATE tokens SET {column} = (SELECT {column} FROM tokens WHERE serial = '{SECOND}')"  # noqa: S608 - our own
        f" WHERE serial = '{SERIAL}'"
    )
    before = bank.row(SERIAL)
    with pytest.raises(AuthorityFault, match="DATA_LOSS"):
        counter.assign(HANAKO, SERIAL)
    assert bank.row(SERIAL) == before


def test_a_customer_who_was_changed_by_hand_is_vouched_for_by_nobody(
    bank: HardwareBank, counter: HardwareTokenDesk
) -> None:
    bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    bank.database.run("UPDATE tokens SET subscriber = ?", TARO)
    with pytest.raises(AuthorityFault, match="DATA_LOSS"):
        counter.take_back(SERIAL, TokenCondition.WORKING)
    assert bank.row(SERIAL)["subscriber"] == TARO


@pytest.mark.parametrize("edit", ["digits = 10", "period = 30, factor = 'TIME'", "t0 = -1"])
def test_a_profile_that_was_changed_by_hand_is_vouched_for_by_nobody(
    bank: HardwareBank, counter: HardwareTokenDesk, edit: str
) -> None:
    bank.deliver(SERIAL)
    bank.database.run(f"UPDATE tokens SET {edit}")  # noqa: S608 - our own
    with pytest.raises(AuthorityFault, match="DATA_LOSS"):
        counter.assign(HANAKO, SERIAL)


def test_a_row_under_a_key_that_is_not_open_here_is_left_alone(
    bank: HardwareBank, counter: HardwareTokenDesk
) -> None:
    bank.deliver(SERIAL)
    bank.database.run("UPDATE tokens SET key_version = 99")
    before = bank.row(SERIAL)
    with pytest.raises(Unavailable):
        counter.assign(HANAKO, SERIAL, timeout=5.0)
    assert bank.row(SERIAL) == before


def test_a_hardware_token_is_not_deregistered_but_taken_back(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar
) -> None:
    bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    with pytest.raises(NotOffered, match="ReturnToken"):
        page.deregister(HANAKO)
    assert counter.status(SERIAL).state is TokenState.ASSIGNED


def test_a_token_whose_time_ends_before_its_first_code_says_so(
    bank: HardwareBank, counter: HardwareTokenDesk, page: TokenRegistrar
) -> None:
    device = bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    bank.database.run("UPDATE tokens SET not_after = 1")
    with pytest.raises(TokenExpired):
        page.activate(HANAKO, oathtool.event_code(device, 0))
    assert counter.status(SERIAL).state is TokenState.EXPIRED


def test_the_audit_names_who_did_what_to_which_token_and_no_customer(
    bank: HardwareBank, counter: HardwareTokenDesk
) -> None:
    bank.deliver(SERIAL)
    counter.assign(HANAKO, SERIAL)
    counter.take_back(SERIAL, TokenCondition.WORKING)
    counter.take_back(SERIAL, TokenCondition.DEFECTIVE)
    rows = bank.database.run("SELECT actor, action, serial, tenant FROM audit ORDER BY id")
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("importer", "IMPORT"),
        ("core-1", "ASSIGN"),
        ("core-1", "RETURN"),
        ("core-1", "CONDEMN"),
    ]
    assert {(row["serial"], row["tenant"]) for row in rows} == {(SERIAL, TENANT)}
    assert HANAKO not in str(bank.database.run("SELECT * FROM audit"))
