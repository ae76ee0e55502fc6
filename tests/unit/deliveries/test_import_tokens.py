# SPDX-License-Identifier: Apache-2.0
"""The import: each token once, never over another one, and to whom it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fakes.delivery_vault import seed_of
from fakes.stock import FakeStock
from kagimori.application.deliveries.import_tokens import (
    OrderRefused,
)
from kagimori.application.deliveries.report import Ending, Line, Result
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import SubscriberNames
from kagimori.domain.token import CustodyLabel, Hash, MovingFactor, Profile
from support.vendors.deliveries import (
    KEY,
    VENDOR,
    MemoryFile,
    seed_number,
    seed_under,
    serial_number,
    spoiled,
    token,
)
from support.vendors.import_authority import FLEET, ORDER, SERIALS, TENANT, Authority, all_are


def test_each_seed_comes_through_whole(authority: Authority) -> None:
    summary = authority.import_(FLEET)
    assert authority.results == all_are(Result.IMPORTED)
    for number, serial in enumerate(SERIALS):
        assert seed_of(authority.token(serial).identity.seed) == seed_number(number)
    assert {actor for actor, _, _ in authority.stock.audit} == {"os-user:keeper"}
    assert (summary.ending, summary.taken, summary.left_out) == (Ending.COMPLETE, 5, 0)
    assert summary.custody == {CustodyLabel.UNWRAPPED_IN_HSM: 5}


def test_a_report_s_line_says_where_the_file_tells_of_the_token(authority: Authority) -> None:
    authority.import_(FLEET)
    assert authority.told.lines[2] == Line(
        SERIALS[2], Result.IMPORTED, 3, CustodyLabel.UNWRAPPED_IN_HSM
    )
    assert authority.told.position == len(FLEET)


def test_a_token_is_born_in_stock_and_bound_by_its_row_mac(authority: Authority) -> None:
    event = Profile(MovingFactor.EVENT, Hash.SHA1, digits=8, period=0)
    authority.import_([token(0, profile=event, last_step=6)])
    born = authority.token(SERIALS[0])
    assert (born.state, born.identity.subscriber) == (State.IN_STOCK, None)
    assert (born.last_step, born.drift, born.identity.tenant) == (6, 0, TENANT)

    def mac_of(serial: str) -> bytes:
        changed = replace(born.identity, serial=serial)
        [mac] = asyncio.run(authority.vault.row_macs([changed]))
        return mac

    assert born.row_mac == mac_of(SERIALS[0])
    assert born.row_mac != mac_of("ANOTHER")


def test_what_the_vendor_says_of_the_device_is_kept(authority: Authority) -> None:
    device = Device("KagiTech", "K1")
    validity = Validity(None, datetime.now(UTC) + timedelta(days=1))
    authority.import_([token(0, device=device, validity=validity, drift=-3)])
    new = authority.stock.news[TENANT, SERIALS[0]]
    assert (new.device, new.validity, new.token.drift) == (device, validity, -3)


def test_token_ids_tell_nothing_and_never_repeat(authority: Authority) -> None:
    authority.import_(FLEET)
    ids = {one.identity.token_id for one in authority.stock.tokens.values()}
    assert len(ids) == len(FLEET)
    assert all(len(token_id) == 32 and int(token_id, 16) for token_id in ids)


def test_the_delivery_is_noted_as_read_to_its_end(authority: Authority) -> None:
    authority.import_(FLEET)
    [(delivery, noted)] = authority.stock.deliveries.items()
    assert (noted.tenant, noted.vendor, noted.actor) == (TENANT, VENDOR, "os-user:keeper")
    assert delivery in authority.stock.finished


# --- assignments -------------------------------------------------------------------


@pytest.mark.parametrize(("activate", "state"), [(False, State.ASSIGNED), (True, State.ACTIVE)])
def test_only_assigned_tokens_change_hands(
    authority: Authority, *, activate: bool, state: State
) -> None:
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1"}, activate=activate)
    authority.import_(FLEET, order)
    assert authority.token(SERIALS[1]).state is state
    assert authority.token(SERIALS[1]).identity.subscriber == "customer-1"
    assert authority.token(SERIALS[0]).state is State.IN_STOCK


@pytest.mark.parametrize("names", SubscriberNames)
def test_an_assignment_is_kept_as_the_tenant_wants_it(
    authority: Authority, names: SubscriberNames
) -> None:
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1"}, subscriber_names=names)
    authority.import_(FLEET, order)
    digest = authority.vault.fingerprint(TENANT, b"name customer-1").hex()
    kept = authority.token(SERIALS[1]).identity.subscriber
    assert kept == (digest if names is SubscriberNames.HMAC else "customer-1")
    assert len(digest) == 64


@pytest.mark.parametrize(
    "assignments",
    [
        {SERIALS[0]: ""},
        {SERIALS[0]: "c" * 65},
        {SERIALS[0]: "customer\t1"},
        {SERIALS[0]: "customer-1", SERIALS[1]: "customer-1"},
    ],
)
def test_an_assignment_that_cannot_be_refuses_the_order(
    authority: Authority, assignments: dict[str, str]
) -> None:
    with pytest.raises(OrderRefused) as refused:
        authority.import_(FLEET, replace(ORDER, assignments=assignments))
    assert "customer" not in str(refused.value)
    assert (authority.serials, authority.stock.deliveries) == ([], {})


def test_an_assignment_of_what_the_file_does_not_have_is_told_at_the_end(
    authority: Authority,
) -> None:
    order = replace(ORDER, assignments={"NOWHERE": "customer-1", SERIALS[0]: "customer-2"})
    summary = authority.import_(FLEET, order)
    assert authority.results == [*all_are(Result.IMPORTED), ("NOWHERE", Result.NOT_IN_FILE)]
    assert (summary.taken, summary.left_out) == (5, 1)


def test_a_customer_who_has_a_token_gets_no_second_one_and_holds_up_nobody(
    authority: Authority,
) -> None:
    authority.batch = 5
    authority.import_([token(9)], replace(ORDER, assignments={serial_number(9): "customer-1"}))
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1", SERIALS[2]: "customer-2"})
    authority.import_(FLEET, order)
    assert authority.results == [
        (serial, Result.REFUSED if serial == SERIALS[1] else Result.IMPORTED) for serial in SERIALS
    ]
    assert authority.told.lines[1].reason == "CUSTOMER_HAS_TOKEN"
    assert authority.token(SERIALS[2]).identity.subscriber == "customer-2"
    assert SERIALS[1] not in authority.serials


def test_neither_order_nor_report_shows_a_subscriber(authority: Authority) -> None:
    order = replace(ORDER, assignments={SERIALS[0]: "customer-1", "NOWHERE": "customer-2"})
    summary = authority.import_(FLEET, order)
    assert "customer" not in repr(order) + repr(authority.told) + repr(summary)


# --- what is there already ------------------------------------------------------------


def test_a_serial_of_the_stock_is_reported_and_left_alone(authority: Authority) -> None:
    authority.import_(FLEET[:1])
    before = authority.token(SERIALS[0])
    stranger = token(0, seed=seed_under(KEY, bytes(24)))
    authority.import_([replace(stranger, seed=token(7).seed), FLEET[1]])
    assert authority.results == [(SERIALS[0], Result.DUPLICATE), (SERIALS[1], Result.IMPORTED)]
    assert authority.token(SERIALS[0]) == before


def test_the_same_file_again_changes_nothing_and_says_it_is_all_in(authority: Authority) -> None:
    authority.import_(FLEET)
    before = dict(authority.stock.tokens)
    summary = authority.import_(FLEET, replace(ORDER, assignments={SERIALS[0]: "customer-1"}))
    assert authority.results == all_are(Result.IMPORTED)
    assert {line.detail for line in authority.told.lines} == {"by an earlier run"}
    assert summary.left_out == 0
    assert authority.stock.tokens == before


def test_a_file_that_is_another_one_has_duplicates(authority: Authority) -> None:
    authority.import_(FLEET)
    summary = authority.import_(MemoryFile(FLEET, digest=b"another" * 4))
    assert authority.results == all_are(Result.DUPLICATE)
    assert summary.taken == 0


def test_a_serial_of_another_tenant_is_another_token(authority: Authority) -> None:
    authority.import_(FLEET)
    other = replace(ORDER, tenant="10112001")
    authority.import_(FLEET, other)
    assert authority.results == all_are(Result.IMPORTED)
    assert len(authority.stock.tokens) == 2 * len(FLEET)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_serial_twice_in_a_file_is_its_first_token(authority: Authority, batch: int) -> None:
    authority.batch = batch
    again = token(0, seed=token(8).seed)
    authority.import_([FLEET[0], again, FLEET[1]])
    assert [result for _, result in authority.results] == [
        Result.IMPORTED,
        Result.DUPLICATE,
        Result.IMPORTED,
    ]
    assert authority.told.lines[1].reason == "IN_FILE_TWICE"
    assert seed_of(authority.token(SERIALS[0]).identity.seed) == seed_number(0)


def test_a_duplicate_s_seed_is_not_looked_at(authority: Authority) -> None:
    authority.import_([FLEET[0], replace(spoiled(1), serial=SERIALS[0])])
    assert authority.results == [(SERIALS[0], Result.IMPORTED), (SERIALS[0], Result.DUPLICATE)]


class Blind(FakeStock):
    """A stock that another import fills between a look and the writing."""

    looks = 0

    async def known(self, tenant: str, serials: Sequence[str]) -> dict[str, object]:  # type: ignore[override]
        self.looks += 1
        return {} if self.looks == 1 else dict(await super().known(tenant, serials))


@pytest.mark.parametrize(
    ("digest", "result"), [(b"", Result.IMPORTED), (b"another" * 4, Result.DUPLICATE)]
)
def test_a_serial_that_another_run_brought_in_meanwhile_is_whose_it_is(
    digest: bytes, result: Result
) -> None:
    first = Authority()
    first.import_(FLEET)
    second = Authority(stock=Blind(**vars(first.stock)), batch=5)
    before = dict(second.stock.tokens)
    second.import_(MemoryFile(FLEET, digest=digest))
    assert second.results == all_are(result)
    assert second.stock.tokens == before
