# SPDX-License-Identifier: Apache-2.0
"""What every `ProvisioningStore` must do."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from kagimori.adapters.sql.provisioning.store import SqlProvisioningStore
from kagimori.application.enrollment.ports import SealedPassword
from kagimori.application.provisioning.store import (
    GivenBack,
    Otherwise,
    Provisioning,
    SetUpBefore,
    Tried,
)
from kagimori.domain.enrollment import EnrollmentState
from support.databases.database import AnyDatabase
from support.databases.enrolments import (
    ADDRESS,
    HASH,
    LONG_AGO,
    NOBODY,
    PROFILE,
    SUBSCRIBER,
    TENANT,
    USER,
    audited,
    enrolment,
    new_token,
    outcomes,
    write_enrolment,
)
from support.tokens import OTHER_TENANT
from support.waiting import waited

LIMIT = 5
ENVELOPES = ("aa" * 32, "bb" * 32)
OTHERS = ("cc" * 32, "dd" * 32)


def claim(store: SqlProvisioningStore, user_id: str = USER) -> Tried:
    tried = waited(store.claim(TENANT, user_id, LIMIT))
    assert tried is not None
    return tried


class ProvisioningClaimContract:
    def test_a_claim_counts_a_try_and_tells_what_was_issued(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database)
        assert claim(store) == Tried(
            TENANT,
            USER,
            SUBSCRIBER,
            EnrollmentState.ISSUED,
            3,
            SealedPassword(HASH, 2),
            expired=False,
            token_id=None,
        )
        assert enrolment(database)["tries"] == 1
        assert audited(database) == []

    def test_there_are_so_many_tries_and_no_more(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database)
        for _ in range(LIMIT):
            claim(store)
        assert waited(store.claim(TENANT, USER, LIMIT)) is None
        assert enrolment(database)["tries"] == LIMIT

    def test_200_claims_at_once_over_two_connections_are_five(self, database: AnyDatabase) -> None:
        write_enrolment(database)
        stores = [SqlProvisioningStore(database.open()) for _ in range(2)]

        async def all_at_once() -> list[Tried | None]:
            claims = [stores[n % 2].claim(TENANT, USER, LIMIT) for n in range(200)]
            return await asyncio.gather(*claims)

        granted = [tried for tried in waited(all_at_once()) if tried is not None]
        assert len(granted) == LIMIT

    @pytest.mark.parametrize("state", ["VOID", "RELEASED"])
    def test_what_is_over_has_no_tries(
        self, database: AnyDatabase, store: SqlProvisioningStore, state: str
    ) -> None:
        released_on = "2003-07-16" if state == "RELEASED" else None
        write_enrolment(database, state=state, released_on=released_on)
        assert waited(store.claim(TENANT, USER, LIMIT)) is None
        assert enrolment(database)["tries"] == 0

    def test_a_user_id_is_of_one_tenant(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database)
        assert waited(store.claim(OTHER_TENANT, USER, LIMIT)) is None
        assert waited(store.claim(TENANT, NOBODY, LIMIT)) is None

    def test_an_expired_enrolment_says_so(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, deadline=LONG_AGO)
        assert claim(store).expired

    def test_a_forgotten_password_is_none(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, password_hash=None)
        assert claim(store).password is None


class ProvisioningRefusalContract:
    def test_a_refusal_is_written_down_and_the_enrolment_stays(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database)
        claim(store)
        before = enrolment(database)
        waited(store.refuse(TENANT, USER, LIMIT))
        assert enrolment(database) == before
        assert audited(database) == [("PROVISION", USER, "REFUSED")]

    def test_the_last_refusal_voids_and_forgets(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database)
        for _ in range(LIMIT):
            claim(store)
            waited(store.refuse(TENANT, USER, LIMIT))
        row = enrolment(database)
        assert (row["state"], row["generation"]) == ("VOID", 4)
        assert (row["password_hash"], row["mail_address"]) == (None, None)
        assert outcomes(database) == ["REFUSED"] * 4 + ["VOID"]

    def test_a_crash_after_the_last_claim_leaves_no_enrolment_in_between(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, tries=LIMIT)
        assert waited(store.claim(TENANT, USER, LIMIT)) is None
        waited(store.refuse(TENANT, USER, LIMIT))
        assert enrolment(database)["state"] == "VOID"

    def test_an_app_that_is_set_up_is_never_voided(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, state="PROVISIONED", token_id="token-1", tries=LIMIT)
        waited(store.refuse(TENANT, USER, LIMIT))
        row = enrolment(database)
        assert (row["state"], row["mail_address"]) == ("PROVISIONED", ADDRESS)

    def test_an_unknown_user_leaves_an_audit_row_too(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        waited(store.refuse(TENANT, NOBODY, LIMIT))
        assert audited(database) == [("PROVISION", NOBODY, "REFUSED")]

    def test_what_expired_is_void_and_forgotten(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, deadline=LONG_AGO)
        waited(store.expire(claim(store)))
        row = enrolment(database)
        assert (row["state"], row["password_hash"], row["mail_address"]) == ("VOID", None, None)
        assert outcomes(database) == ["EXPIRED"]

    def test_what_was_issued_anew_meanwhile_does_not_expire(
        self, database: AnyDatabase, store: SqlProvisioningStore
    ) -> None:
        write_enrolment(database, deadline=LONG_AGO)
        tried = claim(store)
        database.run("UPDATE enrollments SET generation = 9")
        waited(store.expire(tried))
        assert enrolment(database)["state"] == "ISSUED"

    @pytest.mark.parametrize("why", GivenBack)
    def test_a_try_is_given_back_once_and_to_its_own_enrolment(
        self, database: AnyDatabase, store: SqlProvisioningStore, why: GivenBack
    ) -> None:
        write_enrolment(database)
        claim(store)
        tried = claim(store)
        waited(store.give_back(tried, why))
        assert enrolment(database)["tries"] == 1
        database.run("UPDATE enrollments SET generation = 9")
        waited(store.give_back(tried, why))
        assert enrolment(database)["tries"] == 1
        assert outcomes(database) == [why, why]


class ProvisioningTokenContract:
    @pytest.fixture
    def tried(self, database: AnyDatabase, store: SqlProvisioningStore) -> Tried:
        write_enrolment(database)
        return claim(store)

    def test_a_token_is_assigned_with_both_seeds(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        assert waited(store.provision(tried, new_token(tried))) is Provisioning.DONE
        row = enrolment(database)
        assert (row["state"], row["token_id"], row["tries"], row["generation"]) == (
            "PROVISIONED",
            "token-1",
            0,
            4,
        )
        (token,) = database.run("SELECT * FROM tokens")
        wanted = {
            "tenant": TENANT,
            "token_id": "token-1",
            "serial": "KG00000000A1",
            "subscriber": SUBSCRIBER,
            "kind": "SOFTWARE",
            "purpose": "AUTHENTICATION",
            "digits": 8,
            "period": 60,
            "custody": "SEALED_BY_APP",
            "seed_length": 64,
            "blob": b"login blob",
            "row_mac": b"login mac",
            "state": "ASSIGNED",
            "last_step": -1,
        }
        assert {name: token[name] for name in wanted} == wanted
        (signing,) = database.run("SELECT * FROM signing_seeds")
        assert dict(signing) == {
            "tenant": TENANT,
            "token_id": "token-1",
            "custody": "SEALED_BY_APP",
            "seed_length": 64,
            "key_version": 1,
            "wrap_format": "RFC5649",
            "blob": b"signing blob",
            "row_mac": b"signing mac",
            # None of its codes was accepted.
            "last_step": -1,
        }
        assert {row["digest"] for row in database.run("SELECT * FROM envelopes")} == set(ENVELOPES)
        (audit,) = database.run("SELECT * FROM audit")
        assert (audit["outcome"], audit["token_id"], audit["serial"], audit["user_id"]) == (
            "PROVISIONED",
            "token-1",
            "KG00000000A1",
            USER,
        )

    @pytest.mark.parametrize(
        "happening",
        [
            "UPDATE enrollments SET generation = 9",
            "UPDATE enrollments SET state = 'VOID'",
            "UPDATE enrollments SET state = 'RELEASED', released_on = '2003-07-16'",
            "DELETE FROM enrollments",
        ],
    )
    def test_an_enrolment_that_has_changed_is_left_alone(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried, happening: str
    ) -> None:
        database.run(happening)
        assert waited(store.provision(tried, new_token(tried))) is Provisioning.OVERTAKEN
        assert nothing_written(database)

    @pytest.mark.parametrize(
        ("envelopes", "refused"),
        [
            ((ENVELOPES[0], OTHERS[1]), Provisioning.LOGIN_ENVELOPE_USED),
            ((OTHERS[0], ENVELOPES[1]), Provisioning.SIGNING_ENVELOPE_USED),
            ((ENVELOPES[1], OTHERS[1]), Provisioning.LOGIN_ENVELOPE_USED),
        ],
    )
    def test_an_envelope_opens_once(
        self,
        database: AnyDatabase,
        store: SqlProvisioningStore,
        tried: Tried,
        envelopes: tuple[str, str],
        refused: Provisioning,
    ) -> None:
        waited(store.provision(tried, new_token(tried)))
        write_enrolment(database, subscriber="customer-2", user_id=NOBODY)
        other = claim(store, NOBODY)
        new = new_token(other, number=2, serial="KG00000000A2", envelopes=envelopes)
        assert waited(store.provision(other, new)) is refused
        row = enrolment(database, NOBODY)
        assert (row["state"], row["tries"], row["token_id"]) == ("ISSUED", 1, None)
        assert len(database.run("SELECT * FROM tokens")) == 1
        assert len(database.run("SELECT * FROM signing_seeds")) == 1
        assert len(database.run("SELECT * FROM envelopes")) == 2

    def test_a_serial_that_is_taken_is_told(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        waited(store.provision(tried, new_token(tried)))
        write_enrolment(database, subscriber="customer-2", user_id=NOBODY)
        other = claim(store, NOBODY)
        twin = new_token(other, number=2, envelopes=OTHERS)
        assert waited(store.provision(other, twin)) is Provisioning.SERIAL_TAKEN
        drawn_again = new_token(other, number=2, serial="KG00000000A2", envelopes=OTHERS)
        assert waited(store.provision(other, drawn_again)) is Provisioning.DONE

    def test_a_customer_has_one_live_token(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        waited(store.provision(tried, new_token(tried)))
        database.run("UPDATE enrollments SET state = 'ISSUED', token_id = NULL, generation = 9")
        again = claim(store)
        new = new_token(again, number=2, serial="KG00000000A2", envelopes=OTHERS)
        assert waited(store.provision(again, new)) is Provisioning.LIVE_TOKEN
        assert enrolment(database)["state"] == "ISSUED"

    def test_of_two_apps_at_once_one_is_set_up(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        other = SqlProvisioningStore(database.open())
        first = new_token(tried)
        second = new_token(tried, number=2, serial="KG00000000A2", envelopes=OTHERS)

        async def at_once() -> list[Provisioning]:
            both = store.provision(tried, first), other.provision(tried, second)
            return [*await asyncio.gather(*both)]

        assert Counter(waited(at_once())) == {Provisioning.DONE: 1, Provisioning.OVERTAKEN: 1}
        assert len(database.run("SELECT * FROM tokens")) == 1

    def test_two_customers_with_the_same_envelopes_at_once_do_not_wait_in_a_circle(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        write_enrolment(database, subscriber="customer-2", user_id=NOBODY)
        theirs = claim(store, NOBODY)
        other = SqlProvisioningStore(database.open())
        first = new_token(tried)
        second = new_token(
            theirs, number=2, serial="KG00000000A2", envelopes=(ENVELOPES[1], ENVELOPES[0])
        )

        async def at_once() -> list[Provisioning]:
            both = store.provision(tried, first), other.provision(theirs, second)
            return [*await asyncio.gather(*both)]

        assert Counter(waited(at_once()))[Provisioning.DONE] == 1
        assert len(database.run("SELECT * FROM tokens")) == 1

    def test_the_same_envelopes_find_their_token_again(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        waited(store.provision(tried, new_token(tried)))
        assert waited(store.before(tried, *ENVELOPES)) == SetUpBefore("KG00000000A1", PROFILE)
        assert waited(store.before(tried, ENVELOPES[0], OTHERS[1])) is Otherwise.BY_OTHERS
        assert waited(store.before(tried, *OTHERS)) is Otherwise.BY_OTHERS
        database.run("UPDATE enrollments SET state = 'VOID', token_id = NULL")
        assert waited(store.before(tried, *ENVELOPES)) is Otherwise.GONE

    def test_another_tokens_envelopes_are_not_this_ones(
        self, database: AnyDatabase, store: SqlProvisioningStore, tried: Tried
    ) -> None:
        waited(store.provision(tried, new_token(tried)))
        write_enrolment(database, subscriber="customer-2", user_id=NOBODY)
        other = claim(store, NOBODY)
        new = new_token(other, number=2, serial="KG00000000A2", envelopes=OTHERS)
        waited(store.provision(other, new))
        assert waited(store.before(other, *ENVELOPES)) is Otherwise.BY_OTHERS


def nothing_written(database: AnyDatabase) -> bool:
    tables = ("tokens", "signing_seeds", "envelopes", "audit")
    return not any(database.run(f"SELECT * FROM {table}") for table in tables)  # noqa: S608 - our own
