# SPDX-License-Identifier: Apache-2.0
"""What every `UnclaimedTokens` must do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from kagimori.adapters.sql.provisioning.unclaimed import SWEPT, SqlUnclaimedTokens
from kagimori.application.provisioning.store import NewToken, Provisioning
from kagimori.application.provisioning.unclaimed import MadeBefore, NotMade
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Token
from support.databases.database import AnyDatabase
from support.databases.enrolments import PROFILE, TENANT, USER, new_token, write_enrolment
from support.tokens import OTHER_TENANT
from support.waiting import waited

WAIT = timedelta(days=30)
DAY = 86_400_000_000
"""Microseconds."""
ENVELOPES = ("aa" * 32, "bb" * 32)
OTHERS = ("cc" * 32, "dd" * 32)
LEASE = "0192b3c4-5d6e-7f80-9123-456789abcdef"


def unclaimed(
    number: int = 1, envelopes: tuple[str, str] = ENVELOPES, **changed: object
) -> NewToken:
    """Return a token of nobody's that only a store looks at."""
    # As one for a customer, but without him.
    made: Any = type("Nobody", (), {"tenant": TENANT, "subscriber": None, **changed})
    serial = f"KG{number:010d}"
    new = new_token(made, number=number, serial=serial, envelopes=envelopes)
    login, signing = (
        Token(each.identity, each.row_mac, State.IN_STOCK) for each in (new.login, new.signing)
    )
    return NewToken(login, signing, new.login_digest, new.signing_digest)


def fresh(number: int) -> NewToken:
    """Return one with envelopes of its own."""
    return unclaimed(number, (f"{number:064d}", f"{number:063d}f"))


def add(store: SqlUnclaimedTokens, new: NewToken) -> datetime:
    added = waited(store.add(new, WAIT))
    assert isinstance(added, datetime)
    return added


def before(
    store: SqlUnclaimedTokens, envelopes: tuple[str, str] = ENVELOPES
) -> MadeBefore | NotMade | None:
    return waited(store.before(TENANT, *envelopes, WAIT))


def row_of(database: AnyDatabase, number: int = 1) -> dict[str, Any]:
    rows = database.run("SELECT * FROM tokens")
    (found,) = [row for row in rows if row["token_id"] == f"token-{number}"]
    return dict(found)


def states(database: AnyDatabase) -> dict[str, str]:
    return {row["token_id"]: row["state"] for row in database.run("SELECT * FROM tokens")}


def audited(database: AnyDatabase, action: str) -> list[tuple[str, str, str]]:
    """Return actor, token and serial of each audit row of this action."""
    rows = database.run("SELECT * FROM audit ORDER BY id")
    return [
        (row["actor"], row["token_id"], row["serial"]) for row in rows if row["action"] == action
    ]


def take(database: AnyDatabase, number: int = 1) -> None:
    """Do what a registration does to the row."""
    database.run(
        "UPDATE tokens SET subscriber = 'customer-1', state = 'ACTIVE', not_after = NULL"
        " WHERE token_id = ?",
        f"token-{number}",
    )


def age(database: AnyDatabase, microseconds: int = 31 * DAY) -> None:
    """Let time pass for all tokens that wait."""
    database.run(
        "UPDATE tokens SET not_after = not_after - ?, not_before = not_before - ?",
        microseconds,
        microseconds,
    )


class UnclaimedTokenContract:
    def test_a_token_waits_in_stock_with_both_seeds(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        until = add(store, unclaimed())
        token = row_of(database)
        wanted = {
            "tenant": TENANT,
            "serial": "KG0000000001",
            "subscriber": None,
            "kind": "SOFTWARE",
            "state": "IN_STOCK",
            "blob": b"login blob",
            "row_mac": b"login mac",
            "last_step": -1,
            "lease": None,
        }
        assert {name: token[name] for name in wanted} == wanted
        assert token["not_after"] - token["not_before"] == 30 * DAY
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert until == epoch + timedelta(microseconds=token["not_after"])
        (signing,) = database.run("SELECT * FROM signing_seeds")
        assert (signing["token_id"], signing["blob"]) == ("token-1", b"signing blob")
        kept = database.run("SELECT * FROM envelopes")
        assert {row["digest"] for row in kept} == set(ENVELOPES)
        assert audited(database, "PROVISION_NEW") == [("app", "token-1", "KG0000000001")]

    def test_the_databases_clock_says_until_when(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        earlier = datetime.now(UTC)
        until = add(store, unclaimed())
        assert earlier + WAIT - timedelta(minutes=5) < until
        assert until < datetime.now(UTC) + WAIT + timedelta(minutes=5)
        assert row_of(database)["state"] == "IN_STOCK"

    def test_a_serial_that_is_taken_is_told_and_nothing_is_written(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        database.run("UPDATE tokens SET serial = 'KG0000000002'")
        assert waited(store.add(unclaimed(2, OTHERS), WAIT)) is NotMade.SERIAL_TAKEN
        assert list(states(database)) == ["token-1"]
        assert len(database.run("SELECT * FROM signing_seeds")) == 1
        assert len(database.run("SELECT * FROM envelopes")) == 2
        assert len(database.run("SELECT * FROM audit")) == 1

    @pytest.mark.parametrize(
        ("envelopes", "refused"),
        [
            ((ENVELOPES[0], OTHERS[1]), NotMade.LOGIN_ENVELOPE_USED),
            ((OTHERS[0], ENVELOPES[1]), NotMade.SIGNING_ENVELOPE_USED),
            ((ENVELOPES[1], OTHERS[1]), NotMade.LOGIN_ENVELOPE_USED),
            ((OTHERS[0], ENVELOPES[0]), NotMade.SIGNING_ENVELOPE_USED),
        ],
    )
    def test_an_envelope_opens_once(
        self,
        database: AnyDatabase,
        store: SqlUnclaimedTokens,
        envelopes: tuple[str, str],
        refused: NotMade,
    ) -> None:
        add(store, unclaimed())
        assert before(store, envelopes) is refused
        assert waited(store.add(unclaimed(2, envelopes), WAIT)) is refused
        assert list(states(database)) == ["token-1"]
        assert len(database.run("SELECT * FROM signing_seeds")) == 1
        assert len(database.run("SELECT * FROM envelopes")) == 2

    def test_envelopes_of_two_tokens_are_not_those_of_one(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        add(store, unclaimed(2, OTHERS))
        assert before(store, (ENVELOPES[0], OTHERS[1])) is NotMade.LOGIN_ENVELOPE_USED
        assert len(states(database)) == 2

    def test_an_issued_tokens_envelopes_make_no_other(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        write_enrolment(database)
        issuing = SqlProvisioningStore(database.open())
        tried = waited(issuing.claim(TENANT, USER, 5))
        assert tried is not None
        issued = new_token(tried, envelopes=ENVELOPES)
        assert waited(issuing.provision(tried, issued)) is Provisioning.DONE
        assert before(store) is NotMade.LOGIN_ENVELOPE_USED
        assert waited(store.add(unclaimed(2), WAIT)) is NotMade.LOGIN_ENVELOPE_USED
        assert list(states(database)) == ["token-1"]

    def test_another_tenants_envelopes_are_nothing_here(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed(tenant=OTHER_TENANT))
        assert before(store) is None
        add(store, unclaimed())
        assert len(database.run("SELECT * FROM tokens")) == 2

    def test_of_the_same_envelopes_at_once_one_token_is_made(self, database: AnyDatabase) -> None:
        stores = [SqlUnclaimedTokens(database.open()) for _ in range(2)]
        # Turned round for the second: who waits must not wait in a circle.
        news = [unclaimed(1), unclaimed(2, (ENVELOPES[1], ENVELOPES[0]))]

        async def at_once() -> Sequence[datetime | NotMade]:
            pairs = zip(stores, news, strict=True)
            return await asyncio.gather(*(one.add(new, WAIT) for one, new in pairs))

        answers = waited(at_once())
        assert sum(isinstance(answer, datetime) for answer in answers) == 1
        assert len(database.run("SELECT * FROM tokens")) == 1
        assert len(database.run("SELECT * FROM envelopes")) == 2


class MadeBeforeContract:
    def test_new_envelopes_have_made_nothing(self, store: SqlUnclaimedTokens) -> None:
        assert before(store) is None

    def test_the_same_envelopes_find_their_token_again(self, store: SqlUnclaimedTokens) -> None:
        until = add(store, unclaimed())
        assert before(store) == MadeBefore("KG0000000001", PROFILE, until)

    def test_a_rule_that_has_changed_since_does_not_change_the_time(
        self, store: SqlUnclaimedTokens
    ) -> None:
        until = add(store, unclaimed())
        found = waited(store.before(TENANT, *ENVELOPES, timedelta(days=3)))
        assert found == MadeBefore("KG0000000001", PROFILE, until)

    @pytest.mark.parametrize("state", ["ACTIVE", "LOCKED", "ASSIGNED"])
    def test_a_token_that_a_customer_has_is_found_with_the_same_time(
        self, database: AnyDatabase, store: SqlUnclaimedTokens, state: str
    ) -> None:
        until = add(store, unclaimed())
        take(database)
        database.run("UPDATE tokens SET state = ?", state)
        assert before(store) == MadeBefore("KG0000000001", PROFILE, until)

    def test_a_token_whose_time_is_over_is_none_any_more(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        age(database)
        assert before(store) is NotMade.LOGIN_ENVELOPE_USED

    @pytest.mark.parametrize("state", ["RETIRED", "DEFECTIVE"])
    def test_a_token_that_has_ended_is_none_any_more(
        self, database: AnyDatabase, store: SqlUnclaimedTokens, state: str
    ) -> None:
        add(store, unclaimed())
        database.run("UPDATE tokens SET state = ?, blob = substr(blob, 1, 0)", state)
        assert before(store) is NotMade.LOGIN_ENVELOPE_USED


class WaitingTokenContract:
    def test_those_that_wait_are_counted_by_tenant(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        assert waited(store.waiting(TENANT)) == 0
        for number in range(1, 6):
            add(store, fresh(number))
        add(store, unclaimed(9, OTHERS, tenant=OTHER_TENANT))
        assert waited(store.waiting(TENANT)) == 5
        assert waited(store.waiting(OTHER_TENANT)) == 1
        take(database)
        database.run("UPDATE tokens SET not_after = 1 WHERE token_id = 'token-2'")
        assert waited(store.waiting(TENANT)) == 3

    def test_hardware_in_stock_waits_for_nobody(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        database.run("UPDATE tokens SET kind = 'HARDWARE'")
        assert waited(store.waiting(TENANT)) == 0


class SweepContract:
    def test_what_is_over_ends_and_its_seeds_are_destroyed(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        age(database)
        add(store, unclaimed(2, OTHERS))
        old = row_of(database)
        assert (old["state"], old["blob"], old["row_mac"]) == ("RETIRED", b"", b"")
        assert (old["lease"], old["generation"]) == (None, 2)
        seeds = database.run("SELECT token_id FROM signing_seeds")
        assert [row["token_id"] for row in seeds] == ["token-2"]
        assert audited(database, "EXPIRE") == [("authority", "token-1", "KG0000000001")]
        # What was opened once is not opened again.
        assert len(database.run("SELECT * FROM envelopes")) == 4

    def test_a_few_at_a_time_end_and_the_oldest_first(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        numbers = range(1, SWEPT + 3)
        for number in numbers:
            add(store, fresh(number))
        for number in numbers:
            database.run(
                "UPDATE tokens SET not_after = ? WHERE token_id = ?",
                100 - number,
                f"token-{number}",
            )
        add(store, fresh(50))
        ended = {name for name, state in states(database).items() if state == "RETIRED"}
        assert ended == {f"token-{number}" for number in range(3, SWEPT + 3)}
        assert len(database.run("SELECT * FROM signing_seeds")) == 3
        add(store, fresh(51))
        assert list(states(database).values()).count("RETIRED") == SWEPT + 2

    def test_a_token_that_waits_or_is_somebodys_stays(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        for number in (1, 2):
            add(store, fresh(number))
        take(database)
        database.run("UPDATE tokens SET not_after = 1 WHERE token_id = 'token-1'")
        add(store, fresh(3))
        assert "RETIRED" not in states(database).values()
        assert len(database.run("SELECT * FROM signing_seeds")) == 3

    def test_a_vendors_token_whose_time_is_over_stays(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        age(database)
        database.run("UPDATE tokens SET kind = 'HARDWARE'")
        add(store, fresh(2))
        assert states(database)["token-1"] == "IN_STOCK"

    @pytest.mark.parametrize(("until", "stays"), [(1 << 60, True), (1, False)])
    def test_a_token_that_is_being_registered_is_left_alone(
        self,
        database: AnyDatabase,
        store: SqlUnclaimedTokens,
        until: int,
        stays: bool,  # noqa: FBT001 - a parameter
    ) -> None:
        add(store, unclaimed())
        age(database)
        database.run("UPDATE tokens SET lease = ?, lease_until = ?", LEASE, until)
        add(store, fresh(2))
        assert (row_of(database)["state"] == "IN_STOCK") is stays
        assert (row_of(database)["lease"] == LEASE) is stays

    def test_where_nothing_is_made_nothing_ends(
        self, database: AnyDatabase, store: SqlUnclaimedTokens
    ) -> None:
        add(store, unclaimed())
        age(database)
        waited(store.add(unclaimed(2, (ENVELOPES[0], OTHERS[1])), WAIT))
        assert states(database) == {"token-1": "IN_STOCK"}

    def test_two_that_sweep_at_once_end_each_token_once(self, database: AnyDatabase) -> None:
        stores = [SqlUnclaimedTokens(database.open()) for _ in range(2)]
        for number in range(1, 13):
            add(stores[0], fresh(number))
        age(database)

        async def at_once() -> None:
            made = (stores[n % 2].add(fresh(n), WAIT) for n in range(20, 26))
            await asyncio.gather(*made)

        waited(at_once())
        ended = [token_id for _, token_id, _ in audited(database, "EXPIRE")]
        assert len(ended) == len(set(ended)) == 12
