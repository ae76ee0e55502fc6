# SPDX-License-Identifier: Apache-2.0
"""Challenges and signing seeds in a store's database, and short words for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from contracts.sql_bench import SqlBench
from contracts.store_bench import Row, ask, claim_of, settle, verdict
from contracts.verification.batch_contract import customer, tokens
from kagimori.application.ports import (
    BySubscriber,
    Claim,
    Finding,
    Granted,
    Refused,
    SettleAnswer,
    SigningSeed,
)
from kagimori.domain.errors import AuthorityError
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import Operation
from kagimori.domain.token import Purpose, Token
from kagimori.domain.transaction import Challenge
from support.databases.challenges import write_challenge
from support.databases.database import TestDatabase
from support.tokens import identity, token

SIGNING_KEY = 7
"""Version of the wrapping key that only the signing seeds have."""


def signing_seeds(bench: SqlBench, last_step: int = -1) -> None:
    """Give every token a second seed that differs from the first by its key."""
    bench.run(
        "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length,"  # noqa: S608 - our own
        f" {SIGNING_KEY}, wrap_format, blob, row_mac, {last_step} FROM tokens"
    )


def challenge(bench: SqlBench, number: int = 0, **options: Any) -> Challenge:  # noqa: ANN401 - those of `write_challenge`
    """Write a challenge for a customer's token down."""
    return write_challenge(
        bench.database,
        subscriber=customer(number).value,
        token_id=f"token-{number:03d}",
        **options,
    )


def signature_of(signed: Challenge, number: int = 0, **changes: Any) -> Claim:  # noqa: ANN401 - any field
    """Return a claim of a signature of its own."""
    claim = claim_of(customer(number), operation=Operation.SIGNATURE, code_length=8, signed=signed)
    return replace(claim, **changes)


def granted_seed(bench: SqlBench, claim: Claim) -> tuple[Token, SigningSeed]:
    answer = ask(bench, claim)
    assert isinstance(answer, Granted), answer
    assert answer.signing is not None
    return answer.token, answer.signing


def granted_token(bench: SqlBench, claim: Claim) -> Token:
    return granted_seed(bench, claim)[0]


def refusal(bench: SqlBench, claim: Claim) -> type[AuthorityError]:
    """Claim in vain; return why."""
    answer = ask(bench, claim)
    assert isinstance(answer, Refused), answer
    return type(answer.error)


def sign(bench: SqlBench, signed: Challenge, step: int | None = None, **changes: Any) -> Verdict:  # noqa: ANN401 - any field
    """Offer a right code; return what came of it."""
    claim = signature_of(signed, **changes)
    return verdict(bench, claim, granted_token(bench, claim), Finding.SIGNED, step)


def settle_signed(
    bench: SqlBench, claim: Claim, token: Token, step: int | None = None
) -> SettleAnswer:
    return settle(bench, claim, token, Finding.SIGNED, step)


def challenge_rows(bench: SqlBench) -> list[tuple[str, str | None]]:
    """Return each challenge's state, and what has used it, the oldest first."""
    return [(row["state"], row["used_by"]) for row in bench.rows("challenges")]


def end_challenges_on_the_way(bench: SqlBench) -> None:
    """Let every challenge be ended when a request is opened, before its token is taken."""
    ending = "UPDATE challenges SET state = 'USED', used_by = NEW.request_id"
    if isinstance(bench.database, TestDatabase):
        bench.run(f"CREATE TRIGGER ending AFTER INSERT ON requests BEGIN {ending}; END")
        return
    bench.run(
        "CREATE FUNCTION ending() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {ending}; RETURN NEW; END $$"
    )
    bench.run(
        "CREATE TRIGGER ending AFTER INSERT ON requests FOR EACH ROW EXECUTE FUNCTION ending()"
    )


def watermarks(bench: SqlBench) -> list[int]:
    """Return the last steps of all signing seeds, by their tokens."""
    return [row["last_step"] for row in bench.rows("signing_seeds")]


def all_rows(bench: SqlBench, *tables: str) -> Sequence[Sequence[Row]]:
    return [[dict(row) for row in bench.rows(table)] for table in tables]


def is_signing_seed_of(token: Token, seed: SigningSeed) -> bool:
    """Return whether ``seed`` is what `signing_seeds` has given the token."""
    first, second = token.identity, seed.token.identity
    same = replace(second, purpose=first.purpose, seed=first.seed) == first
    return same and (second.purpose, second.seed.key_version) == (Purpose.SIGNING, SIGNING_KEY)


NOBODY = BySubscriber("nobody")


class OneCustomer:
    """A customer whose token has both of its seeds, and no step of either is spent."""

    @pytest.fixture(autouse=True)
    def _one_active_token(self, bench: SqlBench) -> None:
        bench.inventory.add(tokens(1), "importer")
        signing_seeds(bench)


def used(bench: SqlBench) -> None:
    bench.change("challenges", state="USED", used_by="00000000-0000-4000-8000-000000000001")


def expired(bench: SqlBench) -> None:
    bench.change("challenges", expires_at=1)


def at_the_moment(bench: SqlBench) -> None:
    (row,) = bench.rows("challenges")
    bench.change("challenges", expires_at=row["created_at"])


def forgotten(bench: SqlBench) -> None:
    bench.run("DELETE FROM challenges")


def retired(bench: SqlBench) -> None:
    bench.run(
        "UPDATE tokens SET state = 'RETIRED', subscriber = NULL, blob = substr(blob, 1, 0),"
        " generation = 2, lease = NULL, lease_until = NULL"
    )


def replaced(bench: SqlBench) -> None:
    retired(bench)
    new = identity(token_id="new", serial="NEW", subscriber=customer(0).value)
    bench.inventory.add([token(new)], "importer")
    bench.run("DELETE FROM signing_seeds")
    signing_seeds(bench)


def moved_to_another_token(bench: SqlBench) -> None:
    bench.change("challenges", token_id="another")


def moved_to_another_customer(bench: SqlBench) -> None:
    bench.change("challenges", subscriber="subscriber-2")
