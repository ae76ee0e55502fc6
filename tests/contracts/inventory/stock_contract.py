# SPDX-License-Identifier: Apache-2.0
"""What every `Stock` must do."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest

from kagimori.application.deliveries.ports import (
    Added,
    Delivery,
    Duplicate,
    Known,
    NewToken,
    Stock,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import DESTROYED, State
from kagimori.domain.token import CustodyLabel, Kind, Profile, SealedSeed, Token
from support.tokens import (
    OTHER_TENANT,
    SERIAL,
    SUBSCRIBER,
    TENANT,
    identity,
    rfc4226,
    rfc6238,
    token,
)
from support.waiting import waited

T = TypeVar("T")

PROFILES = sorted({vector.profile for vector in rfc4226() + rfc6238()}, key=str)

DIGEST = hashlib.sha256(b"a vendor's file").digest()
DELIVERY = Delivery(TENANT, DIGEST, "acme", "os-user:keeper")

# To the microsecond, as the databases have it, and far from whole days.
FROM = datetime(2026, 1, 1, 15, 0, 0, 1, tzinfo=UTC)
UNTIL = datetime(2031, 12, 31, 14, 59, 59, 999999, tzinfo=UTC)
DEVICE = Device("Acme, K.K. (東京)", "OTP-100 'x'", date(2025, 2, 28))


@dataclass(frozen=True)
class Kept:
    """What is in the database of a token that came with a delivery."""

    token: Token
    validity: Validity
    device: Device
    delivery_id: str


class StockBench(Protocol):
    """An empty stock, and a look behind it."""

    @property
    def stock(self) -> Stock: ...

    def kept(self, serial: str, tenant: str = TENANT) -> Kept:
        """Return a token that came with a delivery."""
        ...

    def serials(self) -> list[str]:
        """Return the serials of all tokens, sorted."""
        ...

    def audit(self) -> list[tuple[str, str, str]]:
        """Return actor, action and serial of all lines, the oldest first."""
        ...

    def put(self, one: Token) -> None:
        """Have a token that came without a delivery, as a phone's does."""
        ...

    def change(self, serial: str, state: State, subscriber: str | None) -> None:
        """Put a token of `TENANT` in another state."""
        ...


def in_stock(serial: str, tenant: str = TENANT) -> NewToken:
    row = identity(tenant=tenant, token_id=f"id-{serial}", serial=serial, subscriber=None)
    return NewToken(token(row, state=State.IN_STOCK))


def begin(bench: StockBench, delivery: Delivery = DELIVERY) -> str:
    return waited(bench.stock.begin(delivery))


def add(
    bench: StockBench, tokens: Sequence[NewToken], actor: str = "importer"
) -> list[Added | Duplicate]:
    return waited(bench.stock.add(begin(bench), tokens, actor))


def gathered(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Run them side by side."""

    async def run() -> list[T]:
        return list(await asyncio.gather(*coroutines))

    return waited(run())


class DeliveryContract:
    def test_the_same_file_for_the_same_tenant_is_the_same_delivery(
        self, bench: StockBench
    ) -> None:
        first = begin(bench)
        assert len(first) == 32
        assert begin(bench, replace(DELIVERY, vendor="other", actor="somebody else")) == first

    @pytest.mark.parametrize(
        "other",
        [replace(DELIVERY, tenant=OTHER_TENANT), replace(DELIVERY, digest=bytes(32))],
        ids=["tenant", "digest"],
    )
    def test_another_file_or_tenant_is_another_delivery(
        self, bench: StockBench, other: Delivery
    ) -> None:
        assert begin(bench, other) != begin(bench)

    def test_two_who_begin_at_once_have_the_same(self, bench: StockBench) -> None:
        ids = gathered(*(bench.stock.begin(DELIVERY) for _ in range(8)))
        assert len(set(ids)) == 1

    def test_a_delivery_is_finished_once(self, bench: StockBench) -> None:
        delivery_id = begin(bench)
        first = waited(bench.stock.finish(TENANT, delivery_id))
        assert first.utcoffset() == timedelta(0)
        assert waited(bench.stock.finish(TENANT, delivery_id)) == first

    def test_deliveries_finish_each_for_itself(self, bench: StockBench) -> None:
        theirs = begin(bench, replace(DELIVERY, tenant=OTHER_TENANT))
        mine = begin(bench)
        first = waited(bench.stock.finish(TENANT, mine))
        # SQLite's clock counts milliseconds.
        time.sleep(0.002)
        assert waited(bench.stock.finish(OTHER_TENANT, theirs)) > first


class AddContract:
    def test_adds_in_order_with_an_audit_row_each(self, bench: StockBench) -> None:
        answers = add(bench, [in_stock("B"), in_stock("A")], "hsm-admin-1")
        assert answers == [Added("B"), Added("A")]
        assert bench.audit() == [("hsm-admin-1", "IMPORT", "B"), ("hsm-admin-1", "IMPORT", "A")]

    @pytest.mark.parametrize("profile", PROFILES, ids=str)
    def test_a_token_comes_back_as_it_went_in(self, bench: StockBench, profile: Profile) -> None:
        seed = SealedSeed(bytes(range(256)), "AES-KWP", 7, 64, CustodyLabel.CLEAR_TEXT)
        row = identity(profile, subscriber=None, seed=seed, kind=Kind.HARDWARE)
        new = NewToken(
            replace(token(row, state=State.IN_STOCK, last_step=41, row_mac=b"\0\xff"), drift=-3),
            Validity(FROM, UNTIL),
            DEVICE,
        )
        assert add(bench, [new]) == [Added(SERIAL)]
        assert bench.kept(SERIAL) == Kept(new.token, new.validity, DEVICE, begin(bench))

    def test_a_vendor_may_say_nothing(self, bench: StockBench) -> None:
        before = datetime.now(UTC).date()
        add(bench, [in_stock("A")])
        kept = bench.kept("A")
        assert kept.validity == Validity()
        assert (kept.device.manufacturer, kept.device.model) == ("", "")
        # Its battery is counted from the day that it came.
        assert kept.device.since in {before, datetime.now(UTC).date()}

    def test_nothing_is_a_call_too(self, bench: StockBench) -> None:
        assert add(bench, []) == []
        assert (bench.serials(), bench.audit()) == ([], [])

    def test_a_duplicate_is_reported_and_the_old_token_untouched(self, bench: StockBench) -> None:
        add(bench, [in_stock("A")])
        before = bench.kept("A")
        row = identity(token_id="another", serial="A", subscriber=None)
        newcomer = NewToken(token(row, state=State.IN_STOCK), Validity(FROM, UNTIL), DEVICE)
        assert add(bench, [newcomer, in_stock("B")]) == [Duplicate("A"), Added("B")]
        assert bench.kept("A") == before
        assert [serial for _, _, serial in bench.audit()] == ["A", "B"]

    def test_of_a_serial_twice_in_one_call_the_first_is_added(self, bench: StockBench) -> None:
        first, other = in_stock("A"), in_stock("B")
        row = identity(token_id="another", serial="A", subscriber=None)
        second = NewToken(token(row, state=State.IN_STOCK), Validity(FROM, UNTIL), DEVICE)
        answers = add(bench, [first, other, second, first])
        assert answers == [Added("A"), Added("B"), Duplicate("A"), Duplicate("A")]
        assert bench.kept("A").token == first.token
        assert bench.kept("A").validity == Validity()
        assert [serial for _, _, serial in bench.audit()] == ["A", "B"]

    def test_a_thousand_in_a_call_are_answered_in_order(self, bench: StockBench) -> None:
        add(bench, [in_stock(f"S{number:04}") for number in range(0, 1000, 3)])
        every = [in_stock(f"S{number:04}") for number in reversed(range(1000))]
        answers = add(bench, every)
        assert answers == [
            (Duplicate if int(new.token.identity.serial[1:]) % 3 == 0 else Added)(
                new.token.identity.serial
            )
            for new in every
        ]
        assert len(bench.serials()) == 1000

    def test_tenants_share_no_serials(self, bench: StockBench) -> None:
        add(bench, [in_stock("A")])
        theirs = begin(bench, replace(DELIVERY, tenant=OTHER_TENANT))
        new = in_stock("A", OTHER_TENANT)
        assert waited(bench.stock.add(theirs, [new], "importer")) == [Added("A")]
        assert bench.kept("A", OTHER_TENANT).token == new.token
        assert bench.kept("A").token.identity.tenant == TENANT

    def test_a_customer_has_one_token(self, bench: StockBench) -> None:
        add(bench, [NewToken(token())])
        second = token(identity(token_id="token-2", serial="B"))
        with pytest.raises(InvalidField) as caught:
            add(bench, [in_stock("C"), NewToken(second)])
        assert caught.value.field == "subscriber_ref"
        assert SUBSCRIBER not in str(caught.value)
        assert bench.serials() == [SERIAL]
        assert len(bench.audit()) == 1

    def test_two_at_once_add_every_token_once(self, bench: StockBench) -> None:
        delivery_id = begin(bench)
        every = [in_stock(f"S{number:03}") for number in range(200)]
        answers = gathered(
            bench.stock.add(delivery_id, every, "one"),
            bench.stock.add(delivery_id, every[::-1], "other"),
        )
        added = [answer.serial for each in answers for answer in each if isinstance(answer, Added)]
        assert sorted(added) == bench.serials() == [f"S{number:03}" for number in range(200)]
        assert len(bench.audit()) == 200


class KnownContract:
    def test_knows_its_serials_and_whence_they_came(self, bench: StockBench) -> None:
        add(bench, [in_stock("A"), in_stock("B")])
        bench.put(token(identity(token_id="phone", serial="P")))
        delivery_id = begin(bench)
        assert waited(bench.stock.known(TENANT, ["A", "C", "P", "B", "'", "A"])) == {
            "A": Known("A", delivery_id),
            "P": Known("P", None),
            "B": Known("B", delivery_id),
        }

    def test_knows_nothing_of_other_tenants(self, bench: StockBench) -> None:
        add(bench, [in_stock("A")])
        assert waited(bench.stock.known(OTHER_TENANT, ["A"])) == {}

    def test_nothing_is_known_of_nothing(self, bench: StockBench) -> None:
        assert waited(bench.stock.known(TENANT, [])) == {}


class CondemnContract:
    def test_a_condemned_token_s_seed_is_destroyed(self, bench: StockBench) -> None:
        add(bench, [in_stock("A"), in_stock("B"), in_stock("C")])
        untouched = bench.kept("B")
        named = ["C", "A", "C", "NONE"]
        condemned = waited(bench.stock.condemn(TENANT, begin(bench), named, "keeper"))
        assert condemned == {"A", "C"}
        for serial in ("A", "C"):
            kept = bench.kept(serial).token
            assert (kept.state, kept.identity.seed.blob, kept.row_mac) == (
                State.DEFECTIVE,
                b"",
                b"",
            )
            assert kept.generation == in_stock(serial).token.generation + 1
        assert bench.kept("B") == untouched
        assert sorted(bench.audit()[3:]) == [("keeper", "CONDEMN", "A"), ("keeper", "CONDEMN", "C")]

    @pytest.mark.parametrize("state", sorted(set(State) - {State.IN_STOCK, *DESTROYED}))
    def test_only_what_is_in_stock_is_condemned(self, bench: StockBench, state: State) -> None:
        add(bench, [in_stock("A")])
        bench.change("A", state, None if state is State.RETURNED else SUBSCRIBER)
        before = bench.kept("A")
        assert not waited(bench.stock.condemn(TENANT, begin(bench), ["A"], "keeper"))
        assert bench.kept("A") == before
        assert len(bench.audit()) == 1

    def test_nobody_else_s_delivery_is_condemned(self, bench: StockBench) -> None:
        add(bench, [in_stock("A")])
        bench.put(token(identity(token_id="P", serial="P", subscriber=None), state=State.IN_STOCK))
        before = bench.kept("A")
        other = begin(bench, replace(DELIVERY, digest=bytes(32)))
        waited(bench.stock.condemn(TENANT, other, ["A", "P"], "keeper"))
        theirs = begin(bench, replace(DELIVERY, tenant=OTHER_TENANT))
        waited(bench.stock.condemn(OTHER_TENANT, theirs, ["A"], "keeper"))
        assert bench.kept("A") == before
        assert len(bench.audit()) == 1

    def test_once_more_does_nothing(self, bench: StockBench) -> None:
        add(bench, [in_stock("A")])
        for _ in range(2):
            waited(bench.stock.condemn(TENANT, begin(bench), ["A"], "keeper"))
        assert bench.kept("A").token.generation == in_stock("A").token.generation + 1
        assert len(bench.audit()) == 2


class StockContract(DeliveryContract, AddContract, KnownContract, CondemnContract):
    """All of it."""
