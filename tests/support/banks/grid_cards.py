# SPDX-License-Identifier: Apache-2.0
"""A bank whose customers have grid cards, over a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from fakes.vault import FakeVault
from kagimori.adapters.sql.database import Asked, Value, transacted
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.enrollment.grid_cards import SqlGridCards
from kagimori.application.grid_cards.answer import AnswerGridChallenge, VerifyGridAnswer
from kagimori.application.grid_cards.challenge import CreateGridChallenge
from kagimori.application.grid_cards.ports import (
    CardVault,
    Challenge,
    GridAnswer,
    GridVerdict,
    card_identity,
)
from kagimori.application.grid_cards.unlock import UnlockGridCard
from kagimori.application.subscribers import Fingerprints
from kagimori.application.verification.verify import Caller
from kagimori.domain.grid_card import Cells, Pair
from kagimori.domain.policy import AttemptLimits
from kagimori.domain.tenant import Registration, TenantPolicy
from kagimori.domain.token import CustodyLabel, SealedSeed, TokenIdentity
from support.databases.database import AnyDatabase
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT, rfc4226
from support.waiting import waited

SEED: Final = rfc4226()[0].seed
SHOWN: Final = tuple(vector.code[-4:] for vector in rfc4226()[:8])
"""What a card of `SEED` shows."""

CARD: Final = "card-1"
NUMBER: Final = "GC0123456789"
CALLER: Final = Caller(TENANT, "branch-3")

POLICY: Final = TenantPolicy(
    "abukuma", TENANT, ZoneInfo("Asia/Tokyo"), registration=Registration(grid_card=True)
)

_INSERT: Final = statement(
    """
{batch}
INSERT INTO grid_cards
  (tenant, card_id, number, subscriber, custody, seed_length, key_version, wrap_format, blob,
   row_mac, state, generation, printed_at)
SELECT b.tenant, b.card_id, b.number, b.subscriber, 'CELLS_PRINTED', b.seed_length, b.key_version,
       b.wrap_format, b.blob, b.row_mac, 'ACTIVE', 1, {now}
{from_batch}
""",
    batch={
        "tenant": "text",
        "card_id": "text",
        "number": "text",
        "subscriber": "text",
        "seed_length": "integer",
        "key_version": "integer",
        "wrap_format": "text",
        "blob": "bytea",
        "row_mac": "bytea",
    },
)


class CardHsm(CardVault, Fingerprints, Protocol):
    """What a bank asks of an HSM."""

    def row_mac(self, identity: TokenIdentity) -> bytes: ...


class CardBank:
    """Asks and answers, as a process of the authority's would."""

    def __init__(self, database: AnyDatabase, vault: CardHsm | None = None) -> None:
        self.fake = FakeVault()
        self.database = database
        self.policies = {TENANT: POLICY, OTHER_TENANT: replace(POLICY, service_id=OTHER_TENANT)}
        self._vault = vault or self.fake
        self.work_with(self._vault)

    def work_with(self, vault: CardVault) -> None:
        """Have ``vault`` compare from now on, as a process that starts now would."""
        store = SqlGridCards(self.database.open())
        digests, policies = self._vault, self.policies
        self.create = CreateGridChallenge(store, digests, policies)
        self.judge = AnswerGridChallenge(store, vault, digests, policies)
        self.verify = VerifyGridAnswer(self.judge)
        self.unlock = UnlockGridCard(store, digests, policies)

    def print_card(
        self,
        subscriber: str = SUBSCRIBER,
        card_id: str = CARD,
        number: str = NUMBER,
        sealed: SealedSeed | None = None,
    ) -> TokenIdentity:
        """Give the customer a card, of `SEED` unless it is ``sealed`` already."""
        sealed = sealed or self.fake.seal(TENANT, SEED, custody=CustodyLabel.CELLS_PRINTED)
        card = card_identity(TENANT, card_id, number, subscriber, sealed)
        row: tuple[Value, ...] = (
            TENANT,
            card_id,
            number,
            subscriber,
            sealed.length,
            sealed.key_version,
            sealed.wrap_format,
            sealed.blob,
            self._vault.row_mac(card),
        )
        asked = Asked(_INSERT, {}, [row])
        waited(transacted(self.database.open(), lambda begun: begun.commit(asked)))
        return card

    def limit(self, **limits: int) -> None:
        """Change how many wrong answers a card bears."""
        self.policies[TENANT] = replace(self.policies[TENANT], limits=AttemptLimits(**limits))

    def challenge(self, subscriber: str = SUBSCRIBER) -> Challenge:
        return waited(self.create(CALLER, subscriber))

    def give(
        self,
        challenge: Challenge,
        cells: tuple[str, str],
        request_id: str | None = None,
        subscriber: str = SUBSCRIBER,
    ) -> GridVerdict:
        """Answer, under a request_id of its own unless one is given."""
        answer = GridAnswer(challenge.challenge_id, Cells(*cells))
        return waited(self.verify(CALLER, request_id or str(uuid4()), subscriber, answer))

    def give_right(self, challenge: Challenge, request_id: str | None = None) -> GridVerdict:
        return self.give(challenge, right(challenge.pair), request_id)

    def give_wrong(self, challenge: Challenge, request_id: str | None = None) -> GridVerdict:
        return self.give(challenge, wrong(challenge.pair), request_id)

    def unlocked(self, subscriber: str = SUBSCRIBER) -> None:
        waited(self.unlock(CALLER, subscriber))

    def expire(self) -> None:
        """Let the time of every challenge be over."""
        self.change(answer_by=1)

    def change(self, **columns: str | int | None) -> None:
        """Do to every card's row what time, or somebody with write access, would do."""
        changes = ", ".join(f"{column} = ?" for column in columns)
        self.database.run(f"UPDATE grid_cards SET {changes}", *columns.values())  # noqa: S608 - our own

    def row(self, card_id: str = CARD) -> dict[str, Any]:
        rows = self.database.run("SELECT * FROM grid_cards")
        (row,) = [row for row in rows if row["card_id"] == card_id]
        return dict(row)

    def columns(self, *names: str) -> tuple[Any, ...]:
        row = self.row()
        return tuple(row[name] for name in names)

    def audited(self) -> Sequence[tuple[Any, ...]]:
        """Return action, outcome, actor, card and number of each line."""
        lines = self.database.run("SELECT * FROM audit ORDER BY id")
        names = ("action", "outcome", "actor", "token_id", "serial")
        return [tuple(line[name] for name in names) for line in lines]


def right(pair: Pair) -> tuple[str, str]:
    return SHOWN[pair.first], SHOWN[pair.second]


def wrong(pair: Pair) -> tuple[str, str]:
    """Return cells of which the first is right: no card of `SEED` shows the other."""
    return SHOWN[pair.first], "0000"
