# SPDX-License-Identifier: Apache-2.0
"""What every `Shelf` must do, beside a `VerificationStore` of the same tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from contracts.enrollment.enrollment_contract import issue
from contracts.inventory.shelf_bench import (
    KEEPER,
    POLICY,
    TIME,
    add,
    change,
    in_state,
    named,
    row_of,
    shelf_of,
)
from contracts.inventory.stock_contract import DELIVERY, DEVICE, FROM, UNTIL, gathered
from contracts.sql_bench import SqlBench
from contracts.store_bench import attempts, claim_of, granted, guess, settle, succeed
from kagimori.adapters.sql.inventory import shelf as sql_shelf
from kagimori.adapters.sql.inventory.shelf import SqlShelf
from kagimori.application.deliveries.ports import NewToken
from kagimori.application.enrollment.ports import Done, HeldToken, Stale
from kagimori.application.inventory.shelf import ChangeToken, ShelfRefused
from kagimori.application.inventory.shelf_ports import (
    Change,
)
from kagimori.application.ports import Finding, Overslept
from kagimori.domain.device import Device, Validity
from kagimori.domain.lifecycle import DESTROYED, TRANSITIONS, Event, State
from kagimori.domain.token import (
    CustodyLabel,
    SealedSeed,
)
from support.databases.enrolling import provision
from support.tokens import OTHER_TENANT, SERIAL, TENANT, identity, token
from support.waiting import waited

EVENTS = (Event.UNLOCK, Event.RETIRE, Event.CONDEMN)
LEGAL = [(state, event) for state in State for event in EVENTS if (state, event) in TRANSITIONS]
ILLEGAL = [(s, event) for s in State for event in EVENTS if (s, event) not in TRANSITIONS]


class LifeContract:
    @pytest.mark.parametrize(("state", "event"), LEGAL)
    def test_what_life_allows_is_done_and_told(
        self, bench: SqlBench, state: State, event: Event
    ) -> None:
        bench.inventory.add([in_state(state)], "importer")
        # A token in stock is unlocked only if wrong codes have counted on it.
        bench.change("tokens", failures=1)
        before = row_of(bench)
        done = change(bench, event)
        after = row_of(bench)
        becomes = TRANSITIONS[state, event]
        assert (done.seen.state, done.becomes) == (state, becomes)
        assert (after["state"], after["generation"]) == (becomes, before["generation"] + 1)
        if becomes in DESTROYED:
            assert (after["blob"], after["row_mac"], after["subscriber"]) == (b"", b"", None)
        else:
            untouched = ("blob", "row_mac", "subscriber")
            assert [after[name] for name in untouched] == [before[name] for name in untouched]
        assert after["last_step"] == 41
        line = bench.rows("audit")[-1]
        told = tuple(line[name] for name in ("tenant", "actor", "action", "token_id", "serial"))
        assert told == (TENANT, KEEPER, event, "token-1", SERIAL)

    @pytest.mark.parametrize(("state", "event"), ILLEGAL)
    def test_what_life_does_not_allow_changes_nothing(
        self, bench: SqlBench, state: State, event: Event
    ) -> None:
        bench.inventory.add([in_state(state)], "importer")
        before = row_of(bench)
        with pytest.raises(ShelfRefused, match=f"{SERIAL} is {state}"):
            change(bench, event)
        assert row_of(bench) == before
        assert len(bench.rows("audit")) == 1

    def test_a_serial_of_nobody_s_or_of_another_tenant_s_is_refused(self, bench: SqlBench) -> None:
        bench.inventory.add([token(identity(tenant=OTHER_TENANT))], "importer")
        before = row_of(bench)
        with pytest.raises(ShelfRefused, match="no token"):
            change(bench, Event.RETIRE)
        assert row_of(bench) == before

    def test_an_unlock_gives_all_attempts_back_but_those_of_the_day(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")
        for _ in range(5):
            guess(bench)
        assert row_of(bench)["state"] == State.LOCKED
        change(bench, Event.UNLOCK)
        assert attempts(bench) == (0, 5, 0)
        assert guess(bench).attempts_left == 2

    @pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
    @pytest.mark.parametrize("column", ["failures", "unlock_failures"])
    def test_a_token_in_stock_gets_its_attempts_back(
        self, bench: SqlBench, state: State, column: str
    ) -> None:
        bench.inventory.add([in_state(state)], "importer")
        bench.change("tokens", day_failures=5, **{column: 5})
        done = change(bench, Event.UNLOCK)
        assert (done.seen.state, done.becomes) == (state, state)
        assert (row_of(bench)["state"], attempts(bench)) == (state, (0, 5, 0))
        assert bench.rows("audit")[-1]["action"] == Event.UNLOCK

    @pytest.mark.parametrize("state", [State.IN_STOCK, State.RETURNED])
    def test_nor_is_a_token_in_stock_unlocked_that_has_spent_nothing(
        self, bench: SqlBench, state: State
    ) -> None:
        bench.inventory.add([in_state(state)], "importer")
        bench.change("tokens", day_failures=5)
        before = row_of(bench)
        with pytest.raises(ShelfRefused, match=f"{SERIAL} is {state}: it is not locked"):
            change(bench, Event.UNLOCK)
        assert row_of(bench) == before
        assert len(bench.rows("audit")) == 1

    @pytest.mark.parametrize("event", [Event.RETIRE, Event.CONDEMN])
    def test_a_verification_under_way_is_cut_off(self, bench: SqlBench, event: Event) -> None:
        bench.inventory.add([token()], "importer")
        claim = claim_of()
        token_of_claim = granted(bench, claim)
        change(bench, event)
        before = row_of(bench)
        assert before["lease"] is None
        assert isinstance(settle(bench, claim, token_of_claim, Finding.FRESH, 7), Overslept)
        assert row_of(bench) == before

    @pytest.mark.parametrize("event", [Event.RETIRE, Event.CONDEMN])
    def test_no_seed_is_left(self, bench: SqlBench, event: Event) -> None:
        bench.inventory.add([token()], "importer")
        bench.run(
            "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length, key_version,"
            " wrap_format, blob, row_mac, -1 FROM tokens"
        )
        change(bench, event)
        assert not bench.run("SELECT * FROM signing_seeds")
        row = row_of(bench)
        assert (row["blob"], row["row_mac"]) == (b"", b"")

    @pytest.mark.parametrize("event", [Event.RETIRE, Event.CONDEMN])
    def test_an_enrolment_ends_with_the_token_that_came_of_it(
        self, bench: SqlBench, event: Event
    ) -> None:
        issue(bench)
        provision(bench.database, token())
        (before,) = bench.rows("enrollments")
        done = change(bench, event)
        (after,) = bench.rows("enrollments")
        assert (after["state"], after["token_id"]) == ("RELEASED", None)
        assert (after["released_on"], after["generation"]) == (
            done.today.isoformat(),
            before["generation"] + 1,
        )
        forgotten = (after["mail_address"], after["password_hash"], after["fingerprint"])
        assert forgotten == (None, None, "")
        (letter,) = bench.rows("outbox")
        assert (letter["state"], letter["recipient"]) == ("REFUSED", None)
        assert bench.rows("audit")[-1]["user_id"] == before["user_id"]

    def test_an_enrolment_without_that_token_goes_on(self, bench: SqlBench) -> None:
        issue(bench)
        bench.inventory.add([token()], "importer")
        before = [dict(row) for row in bench.rows("enrollments")]
        change(bench, Event.RETIRE)
        assert [dict(row) for row in bench.rows("enrollments")] == before
        assert bench.rows("audit")[-1]["user_id"] is None

    def test_an_unlock_leaves_the_enrolment_as_it_is(self, bench: SqlBench) -> None:
        issue(bench)
        provision(bench.database, token(state=State.LOCKED))
        before = [dict(row) for row in bench.rows("enrollments")]
        change(bench, Event.UNLOCK)
        assert [dict(row) for row in bench.rows("enrollments")] == before
        assert bench.rows("audit")[-1]["user_id"] == before[0]["user_id"]

    @pytest.mark.parametrize("seen", [{"generation": 2}, {"state": State.ACTIVE}], ids=str)
    def test_what_is_not_as_it_was_read_is_stale(
        self, bench: SqlBench, seen: dict[str, Any]
    ) -> None:
        issue(bench)
        provision(bench.database, token(state=State.LOCKED))
        before = [dict(row) for row in (*bench.rows("tokens"), *bench.rows("enrollments"))]
        audited = len(bench.rows("audit"))
        held = replace(HeldToken("token-1", SERIAL, State.LOCKED, 1), **seen)
        wish = Change(TENANT, held, State.RETIRED, "RETIRE", KEEPER, date(2028, 2, 1))
        shelf = shelf_of(bench)
        assert isinstance(waited(shelf.destroy(wish)), Stale)
        assert isinstance(waited(shelf.unlock(replace(wish, becomes=State.ACTIVE))), Stale)
        after = [dict(row) for row in (*bench.rows("tokens"), *bench.rows("enrollments"))]
        assert after == before
        assert len(bench.rows("audit")) == audited

    def test_what_is_stale_is_read_again(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")

        class Meanwhile(SqlShelf):
            """Has somebody lock the token the first time, after it was read."""

            tries = 0

            async def destroy(self, change: Change) -> Done | Stale:
                self.tries += 1
                if self.tries == 1:
                    bench.change("tokens", state="LOCKED", generation=9)
                return await super().destroy(change)

        shelf = Meanwhile(bench.database.open())
        done = waited(ChangeToken(shelf, POLICY, KEEPER)(SERIAL, Event.RETIRE))
        assert (shelf.tries, done.seen.state, done.seen.generation) == (2, State.LOCKED, 9)
        assert row_of(bench)["generation"] == 10

    def test_of_two_at_once_one_is_refused(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")
        shelf = shelf_of(bench)

        async def retire() -> str:
            try:
                await ChangeToken(shelf, POLICY, KEEPER)(SERIAL, Event.RETIRE)
            except ShelfRefused:
                return "refused"
            return "done"

        assert sorted(gathered(retire(), retire())) == ["done", "refused"]
        assert [row["action"] for row in bench.rows("audit")] == ["IMPORT", "RETIRE"]


class CardContract:
    def test_a_card_has_all_but_secrets_and_the_customer(self, bench: SqlBench) -> None:
        seed = SealedSeed(b"the sealed seed", "AES-KWP", 7, 20, CustodyLabel.HOST_TRANSIENT)
        row = identity(TIME, seed=seed, subscriber="the customer's number")
        held = replace(token(row, last_step=41), drift=-3)
        delivery_id = add(bench, [NewToken(held, Validity(FROM, UNTIL), DEVICE)])
        card = waited(shelf_of(bench).look(TENANT, SERIAL))
        assert card is not None
        shown = card.token
        assert (shown.serial, shown.state, shown.is_bound) == (SERIAL, State.ACTIVE, True)
        assert (shown.profile, shown.custody, shown.key_version) == (TIME, seed.custody, 7)
        assert (shown.last_step, shown.drift, shown.generation) == (41, -3, 1)
        assert (shown.validity, shown.device) == (Validity(FROM, UNTIL), DEVICE)
        assert shown.delivery_id == delivery_id
        assert card.delivery is not None
        assert card.delivery.digest == DELIVERY.digest.hex()
        assert (card.delivery.vendor, card.delivery.actor) == (DELIVERY.vendor, DELIVERY.actor)
        assert card.delivery.finished_at is None
        assert "the customer's number" not in repr(card)
        assert "the sealed seed" not in repr(card)

    def test_a_token_of_no_delivery_has_a_card(self, bench: SqlBench) -> None:
        bench.inventory.add([token()], "importer")
        bench.run("DELETE FROM devices")
        card = waited(shelf_of(bench).look(TENANT, SERIAL))
        assert card is not None
        assert (card.delivery, card.token.delivery_id, card.token.imported_at) == (None, None, None)
        assert card.token.device == Device()

    def test_of_a_stranger_there_is_no_card(self, bench: SqlBench) -> None:
        bench.inventory.add([token(identity(tenant=OTHER_TENANT))], "importer")
        assert waited(shelf_of(bench).look(TENANT, SERIAL)) is None

    @pytest.mark.parametrize("window", [1, 3, 20_000])
    def test_the_last_ten_lines_are_told_however_far_apart(
        self, bench: SqlBench, monkeypatch: pytest.MonkeyPatch, window: int
    ) -> None:
        monkeypatch.setattr(sql_shelf, "_LINES_LOOKED_AT", window)
        bench.inventory.add([token(), named(1, subscriber="other")], "importer")
        shelf = shelf_of(bench)
        for step in range(12):
            first = waited(shelf.look(TENANT, SERIAL))
            assert first is not None
            assert len(first.told) == min(10, 1 + step)
            assert first.told[-1].action == ("IMPORT" if step < 10 else "VERIFY")
            succeed(bench, step)
        card = waited(shelf.look(TENANT, SERIAL))
        assert card is not None
        assert [(told.action, told.outcome) for told in card.told] == [("VERIFY", "ACCEPTED")] * 10
        assert all(newer.at >= older.at for newer, older in pairwise(card.told))
        other = waited(shelf.look(TENANT, "S00001"))
        assert other is not None
        assert [told.action for told in other.told] == ["IMPORT"]
