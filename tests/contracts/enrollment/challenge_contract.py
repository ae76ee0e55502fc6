# SPDX-License-Identifier: Apache-2.0
"""What asking for a challenge must do over every `ChallengeStore`.

A test module makes it its own by a subclass and a fixture ``bank``.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.enrollment.challenge_bench import (
    AT_ONCE,
    CALLER,
    MINUTE,
    SCANNED,
    SECOND,
    TYPED,
    SigningBank,
    ids,
)
from contracts.enrollment.grid_card_bench import at_once
from kagimori.adapters.sql.times import moment
from kagimori.application.signing.create import MadeChallenge
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    CannotSign,
    ChallengeOver,
    InvalidField,
    NotIdentified,
    NotOffered,
    NoToken,
    RequestIdReused,
)
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import Signing, SoftwareTokens, SubscriberNames
from kagimori.domain.transaction import SigningProfile, Transaction
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT
from support.transactions import TRANSFER, transaction, transfer
from support.waiting import PATIENCE, waited

NEXT = "subscriber-2"


class MakeContract:
    """A challenge is made for the customer's token."""

    @pytest.mark.parametrize("profile", SigningProfile)
    def test_it_is_written_down_for_the_customers_token(
        self, bank: SigningBank, profile: SigningProfile
    ) -> None:
        bank.enrol()
        request_id = str(uuid4())
        made = bank.ask(request_id, profile=profile)
        row = bank.row()
        assert (row["tenant"], row["subscriber"], row["token_id"]) == (
            TENANT,
            SUBSCRIBER,
            "token-1",
        )
        assert (row["challenge_id"], row["request_id"]) == (ids([made])[0], request_id)
        assert (row["state"], row["used_by"], row["profile"]) == ("OPEN", None, profile.value)
        assert row["digest"] == made.challenge.digest.hex()
        assert (made.profile, made.challenge.transaction) == (profile, transaction())
        assert UUID(made.challenge.challenge_id).version == 4

    def test_the_database_is_not_told_what_is_signed(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.ask()
        row = bank.row()
        told = {"tenant", "subscriber", "token_id", "request_id", "profile"}
        made = {"challenge_id", "digest", "state", "created_at", "expires_at", "used_by"}
        assert set(row) == told | made
        assert not [word for word in (TRANSFER.payee_name, "INVOICE") if word in str(row)]

    def test_it_can_be_answered_as_long_as_the_tenant_says(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.change_policy(signing=Signing(minutes=7))
        made = bank.ask()
        row = bank.row()
        assert row["expires_at"] - row["created_at"] == 7 * MINUTE
        assert moment(row["expires_at"]) == made.expires_at

    def test_the_same_transfer_twice_is_two_things_to_sign(self, bank: SigningBank) -> None:
        bank.enrol()
        first, second = bank.ask(), bank.ask()
        assert first.challenge.transaction == second.challenge.transaction
        assert first.challenge.text != second.challenge.text
        assert first.challenge.digest != second.challenge.digest
        assert bank.kept() == set(ids([first, second]))

    @pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
    def test_a_token_in_use_gets_one_locked_or_not(self, bank: SigningBank, state: State) -> None:
        bank.enrol(state=state)
        bank.ask()
        assert bank.row()["token_id"] == "token-1"

    @pytest.mark.parametrize("state", sorted({State.ASSIGNED, State.BARRED}))
    def test_whose_token_is_not_in_use_yet_gets_none(self, bank: SigningBank, state: State) -> None:
        bank.enrol(state=state)
        with pytest.raises(NoToken):
            bank.ask()
        assert not bank.rows()

    def test_who_has_no_token_gets_none(self, bank: SigningBank) -> None:
        bank.enrol()
        with pytest.raises(NoToken):
            bank.ask(subscriber=NEXT)
        assert not bank.rows()

    @pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
    def test_a_token_without_a_second_seed_cannot_sign(
        self, bank: SigningBank, state: State
    ) -> None:
        bank.enrol(state=state, signs=False)
        bank.enrol(2)
        with pytest.raises(CannotSign):
            bank.ask()
        assert not bank.rows()

    def test_after_an_exchange_it_is_for_the_new_token(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.ask()
        end_token(bank)
        bank.enrol(2, SUBSCRIBER)
        bank.ask()
        assert [row["token_id"] for row in bank.rows()] == ["token-1", "token-2"]

    def test_numbers_that_are_kept_as_digests_are_found(self, bank: SigningBank) -> None:
        bank.change_policy(subscriber_names=SubscriberNames.HMAC)
        digest = bank.fake.fingerprint(TENANT, b"name " + SUBSCRIBER.encode()).hex()
        bank.enrol(1, digest)
        request_id = str(uuid4())
        assert bank.ask(request_id) == bank.ask(request_id)
        assert bank.row()["subscriber"] == digest


class RefusedContract:
    """What the tenant's rules or the transaction itself forbid leaves nothing behind."""

    def test_a_bank_that_does_not_offer_it(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.change_policy(tokens=SoftwareTokens(transaction_signing=False))
        with pytest.raises(NotOffered, match="signing transactions"):
            bank.ask()
        assert not bank.rows()

    @pytest.mark.parametrize("profile", SigningProfile)
    def test_a_profile_that_it_does_not_offer(
        self, bank: SigningBank, profile: SigningProfile
    ) -> None:
        bank.enrol()
        bank.change_policy(signing=Signing(profiles=frozenset(SigningProfile) - {profile}))
        with pytest.raises(NotOffered, match=f"signing what is {profile.lower()}"):
            bank.ask(profile=profile)
        assert not bank.rows()

    def test_a_bank_that_is_served_no_more(self, bank: SigningBank) -> None:
        bank.enrol()
        del bank.policies[TENANT]
        with pytest.raises(NotIdentified):
            bank.ask()

    def test_a_batch_that_is_to_be_typed(self, bank: SigningBank) -> None:
        bank.enrol()
        batch = transaction(transfer(), transfer())
        with pytest.raises(InvalidField, match=r"transaction\.transfers"):
            bank.ask(profile=TYPED, about=batch)
        assert not bank.rows()
        assert bank.ask(about=batch).challenge.transaction == batch

    @pytest.mark.parametrize(
        ("about", "field"),
        [
            (Transaction(()), "transaction.transfers"),
            (transaction(amount=0), r"transaction\.transfers\[0\]\.amount"),
            (transaction(payee_name="ﾔﾏﾀﾞ\nﾊﾅｺ"), r"transaction\.transfers\[0\]\.payee_name"),
        ],
        ids=["no transfer", "no amount", "two lines"],
    )
    def test_what_has_no_encoding(self, bank: SigningBank, about: Transaction, field: str) -> None:
        bank.enrol()
        with pytest.raises(InvalidField, match=field):
            bank.ask(about=about)
        assert not bank.rows()


class RequestContract:
    """One request, one challenge."""

    @pytest.mark.parametrize("profile", SigningProfile)
    def test_the_same_request_has_the_same_challenge(
        self, bank: SigningBank, profile: SigningProfile
    ) -> None:
        bank.enrol()
        request_id = str(uuid4())
        made = bank.ask(request_id, profile=profile)
        bank.create = bank.another()
        assert [bank.ask(request_id, profile=profile) for _ in range(3)] == [made] * 3
        assert bank.row()["digest"] == made.challenge.digest.hex()

    def test_one_request_at_once_makes_one_challenge(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        asked = [partial(asked_apart, bank, request_id) for _ in range(AT_ONCE)]
        told = at_once(asked)
        assert len(set(told)) == 1
        assert isinstance(told[0], MadeChallenge)
        assert bank.kept() == {told[0].challenge.challenge_id}

    @pytest.mark.parametrize(
        "other",
        [
            {"about": transaction(amount=150_001)},
            {"about": transaction(account_number="1234568")},
            {"about": transaction(payee_name="ﾔﾏﾀﾞ ﾊﾅﾖ")},
            {"about": transaction(transfer(), transfer())},
            {"profile": TYPED},
            {"subscriber": NEXT},
        ],
        ids=["amount", "account", "payee", "one more", "profile", "customer"],
    )
    def test_another_wish_cannot_use_its_id(self, bank: SigningBank, other: dict[str, Any]) -> None:
        bank.enrol()
        bank.enrol(2)
        request_id = str(uuid4())
        made = bank.ask(request_id)
        before = bank.row()
        with pytest.raises(RequestIdReused):
            bank.ask(request_id, **other)
        assert bank.row() == before
        assert bank.ask(request_id) == made

    def test_one_whose_challenge_was_answered_is_over(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        bank.use_up(*ids([bank.ask(request_id)]))
        assert_over(bank, request_id)

    def test_one_whose_time_is_over_is_over(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        made = bank.ask(request_id)
        bank.age(5 * MINUTE - int(PATIENCE) * SECOND)
        again = bank.ask(request_id)
        assert (again.challenge, again.profile) == (made.challenge, made.profile)
        bank.age(int(PATIENCE) * SECOND)
        assert_over(bank, request_id)

    def test_one_whose_token_is_no_more_is_over(self, bank: SigningBank) -> None:
        bank.enrol()
        request_id = str(uuid4())
        bank.ask(request_id)
        end_token(bank)
        assert_over(bank, request_id)
        bank.enrol(2, SUBSCRIBER)
        assert_over(bank, request_id)

    def test_another_banks_request_of_that_name_is_another(self, bank: SigningBank) -> None:
        bank.enrol()
        bank.enrol(1, tenant=OTHER_TENANT)
        request_id = str(uuid4())
        mine = bank.ask(request_id)
        theirs = bank.ask(request_id, caller=Caller(OTHER_TENANT, "internet-banking"))
        assert theirs.challenge.tenant == OTHER_TENANT
        assert bank.kept() == set(ids([mine, theirs]))
        assert bank.ask(request_id) == mine

    def test_another_banks_customer_of_that_number_is_another(self, bank: SigningBank) -> None:
        bank.enrol()
        with pytest.raises(NoToken):
            bank.ask(caller=Caller(OTHER_TENANT, CALLER.name))


def end_token(bank: SigningBank) -> None:
    """Do to every token what its deregistration would do."""
    bank.change("tokens", state="RETIRED", subscriber=None, blob="")
    bank.database.run("DELETE FROM signing_seeds")


def asked_apart(bank: SigningBank, request_id: str) -> MadeChallenge:
    """Ask as a process of its own."""
    asked = bank.another()(CALLER, request_id, SUBSCRIBER, SCANNED, transaction())
    return waited(asked)


def assert_over(bank: SigningBank, request_id: str) -> None:
    before = bank.rows()
    with pytest.raises(ChallengeOver):
        bank.ask(request_id)
    assert bank.rows() == before
    with pytest.raises(RequestIdReused):
        bank.ask(request_id, about=transaction(amount=1))
