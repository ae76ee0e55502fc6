# SPDX-License-Identifier: Apache-2.0
"""One signature is good once, for what was signed, whoever offers it at the same time.

Engines on one database, as serving processes are: two on PostgreSQL, one on SQLite. The
HSM is not in it, so that the database's guards meet as often as may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pytest

from fakes.vault import FakeVault
from kagimori.domain.errors import ChallengeOver, TransactionChanged
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.transaction import Challenge, SigningProfile, Transaction, question_of
from races.numbers import NUMBERS
from support.banks.bank import Bank
from support.databases.challenges import TRANSFER, told_as
from support.databases.database import AnyDatabase, PostgresqlTestDatabase, TestDatabase
from support.phones.signer import Signer, enrol

SCANNED, TYPED = SigningProfile.SCANNED, SigningProfile.TYPED
ABREAST = 8
"""Requests for one challenge, by each engine: fewer than a token's line holds."""

Told = Verdict | BaseException


@dataclass
class House:
    """Engines over one database. Customers are known to each of them."""

    banks: Sequence[Bank]
    numbers: Iterator[int]

    def customer(self) -> Signer:
        return enrol(self.banks[0], next(self.numbers))

    def offer(self, signer: Signer, offered: Sequence[tuple[Challenge, str]]) -> Counter[object]:
        """Let every engine be asked all of it at once; return what it came to."""

        def ask(bank: Bank) -> list[Told]:
            return replace(signer, bank=bank).sign_all(offered)

        with ThreadPoolExecutor(len(self.banks)) as threads:
            told = chain.from_iterable(threads.map(ask, self.banks))
            return Counter(_kind(each) for each in told)


def _kind(told: Told) -> object:
    return told.outcome if isinstance(told, Verdict) else type(told)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Return engines on each of the two databases."""
    is_sqlite = request.param == "sqlite"
    database: AnyDatabase = (
        TestDatabase(tmp_path)
        if is_sqlite
        else PostgresqlTestDatabase(request.getfixturevalue("cluster"))
    )
    vault = FakeVault()
    with ExitStack() as stack:
        stack.callback(database.close)
        banks = [Bank(database, vault) for _ in range(1 if is_sqlite else 2)]
        for bank in banks:
            stack.callback(bank.close)
        yield House(banks, iter(range(1, 1_000_000)))


@pytest.mark.parametrize("profile", SigningProfile)
def test_one_challenge_is_accepted_once_whoever_answers_it(
    house: House, profile: SigningProfile
) -> None:
    signer = house.customer()
    for _ in range(NUMBERS.neighbours // 4):
        signed = signer.challenge(profile)
        code = signer.code(signed, profile, signer.step)
        told = house.offer(signer, [(signed, code)] * ABREAST)
        assert told[Outcome.ACCEPTED] == 1, told
        assert told.keys() == {Outcome.ACCEPTED, ChallengeOver}, told
        _let_a_step_pass(house)


def test_a_changed_transaction_is_refused_whatever_its_code(house: House) -> None:
    signer = house.customer()
    for yen in range(1, NUMBERS.neighbours // 4):
        signed = signer.challenge()
        changed = told_as(signed, Transaction((replace(TRANSFER, amount=TRANSFER.amount + yen),)))
        offered = [
            (changed, signer.code(changed)),
            (changed, signer.code(signed)),
        ] * (ABREAST // 2)
        # Nobody has looked at a code: there is nothing that could lock the token.
        told = house.offer(signer, offered)
        assert told == {TransactionChanged: ABREAST * len(house.banks)}, told
        told = house.offer(signer, [(signed, signer.code(signed)), *offered])
        assert told[Outcome.ACCEPTED] == 1, told
        assert told.keys() <= {Outcome.ACCEPTED, TransactionChanged, ChallengeOver}, told


def test_of_two_challenges_with_one_typed_code_one_is_accepted(house: House) -> None:
    signer = house.customer()
    for _ in range(NUMBERS.neighbours // 4):
        both = signer.challenge(TYPED), signer.challenge(TYPED)
        code = signer.app.code(question_of(TYPED, both[0]), signer.step)
        told = house.offer(signer, [(both[n % 2], code) for n in range(ABREAST)])
        assert told[Outcome.ACCEPTED] == 1, told
        assert told.keys() == {Outcome.ACCEPTED, Outcome.REPLAYED, ChallengeOver}, told
        _let_a_step_pass(house)


def _let_a_step_pass(house: House) -> None:
    for bank in house.banks:
        bank.now += 30
