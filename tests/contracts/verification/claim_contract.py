# SPDX-License-Identifier: Apache-2.0
"""What a `VerificationStore` answers to claims."""

from __future__ import annotations

import pytest

from contracts.store_bench import (
    BY_SERIAL,
    LIMITS,
    MINE,
    TODAY,
    Bench,
    again,
    answered,
    as_granted,
    ask,
    attempts,
    claim_all,
    claim_of,
    granted,
    guess,
    request_ids,
    token_row,
    verdict,
)
from kagimori.application.ports import (
    Answered,
    BySerial,
    BySubscriber,
    Finding,
    Granted,
    GrantedUnknown,
    Held,
    Refused,
)
from kagimori.domain.errors import InvalidField, RequestIdReused
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome, Verdict
from support.tokens import OTHER_TENANT, identity, token


class ClaimContract:
    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    @pytest.mark.parametrize("subject", [MINE, BY_SERIAL])
    def test_grants_the_whole_token(self, bench: Bench, subject: BySubscriber | BySerial) -> None:
        assert granted(bench, claim_of(subject)) == as_granted(token())

    def test_spends_an_attempt_before_the_search(self, bench: Bench) -> None:
        granted(bench, claim_of())
        assert attempts(bench) == (1, 1, 1)
        assert token_row(bench)["day"] == TODAY.isoformat()

    def test_a_held_token_holds_others_off_without_a_trace(self, bench: Bench) -> None:
        first = claim_of()
        granted(bench, first)
        answer = ask(bench, claim_of(BY_SERIAL))
        assert isinstance(answer, Held)
        assert 0 < answer.seconds <= 5
        assert attempts(bench) == (1, 1, 1)
        assert request_ids(bench) == {first.request_id}

    def test_a_lease_ends_by_itself_and_its_attempt_stays_spent(self, bench: Bench) -> None:
        granted(bench, claim_of())
        bench.expire_leases()
        granted(bench, claim_of())
        assert attempts(bench) == (2, 2, 2)

    def test_a_batch_answers_in_order(self, bench: Bench) -> None:
        bench.inventory.add(
            [token(identity(token_id="token-2", serial="B", subscriber="subscriber-2"))], "importer"
        )
        claims = [claim_of(BySubscriber("subscriber-2")), claim_of(BySerial("none")), claim_of()]
        second, unknown, first = claim_all(bench.store, claims)
        assert isinstance(second, Granted)
        assert second.token.identity.token_id == "token-2"
        assert unknown == GrantedUnknown()
        assert first == Granted(as_granted(token()))

    def test_a_token_twice_in_a_batch_is_held_the_second_time(self, bench: Bench) -> None:
        _, second = claim_all(bench.store, [claim_of(), claim_of()])
        assert isinstance(second, Held)
        assert attempts(bench) == (1, 1, 1)

    def test_a_code_of_the_wrong_length_changes_nothing(self, bench: Bench) -> None:
        answer = ask(bench, claim_of(code_length=8))
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, InvalidField)
        assert answer.error.field == "code"
        assert attempts(bench) == (0, 0, 0)
        assert not bench.rows("requests")


class UnknownContract:
    """Unknown, foreign and unbound are one and the same."""

    @pytest.fixture(autouse=True)
    def _tokens(self, bench: Bench) -> None:
        unbound = identity(token_id="token-2", serial="UNBOUND", subscriber=None)
        foreign = identity(tenant=OTHER_TENANT, serial="FOREIGN", subscriber="foreigner")
        bench.inventory.add([token(unbound, state=State.IN_STOCK), token(foreign)], "importer")

    @pytest.mark.parametrize(
        "subject",
        [
            BySerial("NOBODYS"),
            BySerial("UNBOUND"),
            BySerial("FOREIGN"),
            BySubscriber("foreigner"),
            BySubscriber("nobody"),
            BySubscriber(""),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("code_length", [6, 8])
    def test_has_one_answer_and_one_shape(
        self, bench: Bench, subject: BySubscriber | BySerial, code_length: int
    ) -> None:
        claim = claim_of(subject, code_length=code_length)
        assert ask(bench, claim) == GrantedUnknown()
        settled = verdict(bench, claim, None, Finding.UNKNOWN)
        assert settled == answered(bench, again(claim)) == Verdict(Outcome.UNKNOWN_TOKEN)
        (request,) = bench.rows("requests")
        assert request["token_id"] is None
        (line,) = [row for row in bench.rows("audit") if row["action"] == "VERIFY"]
        assert (line["token_id"], line["serial"], line["outcome"]) == (None, None, "UNKNOWN_TOKEN")
        assert {row["failures"] for row in bench.rows("tokens")} == {0}

    def test_is_not_searched_twice_at_once_for_one_request(self, bench: Bench) -> None:
        claim = claim_of(BySerial("NOBODYS"))
        assert ask(bench, claim) == GrantedUnknown()
        assert isinstance(ask(bench, again(claim)), Held)
        bench.expire_leases()
        assert ask(bench, again(claim)) == GrantedUnknown()


class SameRequestContract:
    """The same request_id: the same answer, and never a second attempt."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")

    def test_gets_the_first_answer(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        first = verdict(bench, claim, as_granted(token()), Finding.FRESH, 7)
        assert first.receipt is not None
        guess(bench)
        assert answered(bench, again(claim)) == first
        assert claim_all(bench.another_store(), [again(claim)]) == [Answered(first)]

    def test_is_refused_for_another_code(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        for _ in ("pending", "abandoned"):
            answer = ask(bench, again(claim, fingerprint=b"\1" * 32))
            assert isinstance(answer, Refused)
            assert isinstance(answer.error, RequestIdReused)
            bench.expire_leases()
        assert attempts(bench) == (1, 1, 1)

    def test_belongs_to_one_tenant(self, bench: Bench) -> None:
        bench.inventory.add([token(identity(tenant=OTHER_TENANT))], "importer")
        claim = claim_of()
        granted(bench, claim)
        granted(bench, again(claim, tenant=OTHER_TENANT, fingerprint=b"\1" * 32))

    def test_is_held_while_it_is_under_way(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        assert isinstance(ask(bench, again(claim)), Held)

    def test_takes_over_from_a_crash_without_a_second_attempt(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        retry = again(claim)
        assert granted(bench, retry) == as_granted(token())
        assert attempts(bench) == (1, 1, 1)
        assert isinstance(ask(bench, again(claim)), Held)
        assert isinstance(ask(bench, claim_of()), Held)

    def test_takes_over_even_the_last_attempt(self, bench: Bench) -> None:
        for _ in range(LIMITS.consecutive - 1):
            guess(bench)
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        granted(bench, again(claim))

    def test_spends_anew_if_the_token_was_used_since(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        guess(bench)
        granted(bench, again(claim))
        assert attempts(bench) == (3, 3, 3)

    def test_leaves_no_trace_if_the_token_is_in_use_since(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.expire_leases()
        granted(bench, claim_of())
        assert isinstance(ask(bench, again(claim)), Held)
        assert attempts(bench) == (2, 2, 2)

    def test_is_forgotten_after_ten_minutes(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        verdict(bench, claim, as_granted(token()), Finding.FRESH, 7)
        (row,) = bench.rows("requests")
        bench.change("requests", created_at=row["created_at"] - 599_000_000)
        assert answered(bench, again(claim)).outcome == Outcome.ACCEPTED
        bench.change("requests", created_at=row["created_at"] - 600_000_000)
        granted(bench, again(claim, fingerprint=b"\1" * 32))

    def test_is_held_past_the_window_while_it_is_under_way(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.change("requests", created_at=1)
        assert isinstance(ask(bench, again(claim)), Held)
        assert [row["lease"] for row in bench.rows("requests")] == [str(claim.lease)]

    def test_begins_a_new_window_before_it_is_pruned(self, bench: Bench) -> None:
        claims = [claim_of(BySerial(f"N{number}")) for number in range(20)]
        claim_all(bench.store, claims)
        bench.change("requests", created_at=1, lease_until=1)
        renewed = again(claims[-1], fingerprint=b"\1" * 32)
        assert ask(bench, renewed) == GrantedUnknown()
        (row,) = [row for row in bench.rows("requests") if row["lease"] == str(renewed.lease)]
        assert row["fingerprint"] == renewed.fingerprint.hex()
        assert row["created_at"] > 1
        assert len(bench.rows("requests")) > 1

    def test_is_pruned_a_few_at_a_time(self, bench: Bench) -> None:
        claim_all(bench.store, [claim_of(BySerial(f"N{number}")) for number in range(20)])
        bench.change("requests", created_at=1, lease_until=1)
        left = []
        for _ in range(6):
            ask(bench, claim_of(BySerial("NONE")))
            left.append(sum(row["created_at"] == 1 for row in bench.rows("requests")))
        assert left[0] > 10
        assert left == sorted(left, reverse=True)
        assert left[-1] == 0

    def test_is_not_pruned_while_it_is_searched(self, bench: Bench) -> None:
        claim = claim_of()
        granted(bench, claim)
        bench.change("requests", created_at=1)
        ask(bench, claim_of(BySerial("NONE")))
        first = verdict(bench, claim, as_granted(token()), Finding.FRESH, 7)
        bench.change("requests", created_at=bench.rows("requests")[-1]["created_at"])
        assert answered(bench, again(claim)) == first
