# SPDX-License-Identifier: Apache-2.0
"""The database as the application's `VerificationStore`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from kagimori.adapters.sql.database import (
    Asked,
    AtOnce,
    Database,
    Transaction,
    transacted,
    unavailable,
)
from kagimori.adapters.sql.enrollment.customers import ONE_TOKEN_EACH
from kagimori.adapters.sql.lives import Changed
from kagimori.adapters.sql.verification import consequences, requests
from kagimori.adapters.sql.verification.claims import Claims
from kagimori.adapters.sql.verification.settlements import Settlements
from kagimori.application.ports import (
    Claim,
    ClaimAnswer,
    NotKnown,
    Overslept,
    Refused,
    SettleAnswer,
    Settlement,
)
from kagimori.domain.errors import StoreUnavailable

Answers = tuple[list[SettleAnswer], list[ClaimAnswer]]

_PRUNE_EVERY: Final = 256

_OVERSLEPT: Final = Overslept()


class SqlVerificationStore:
    """Each batch is one transaction; each item succeeds or fails by itself."""

    def __init__(self, database: Database, prune_every: int = _PRUNE_EVERY) -> None:
        """Work on ``database``, whose schema is current.

        Old requests are looked for once in ``prune_every`` claims.
        """
        self._database = database
        self._prune_every = prune_every
        self._unpruned = 0

    async def commit(self, settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Answers:
        """See `VerificationStore.commit`."""
        if not any(map(consequences.brings_about, settlements)):
            return await self._commit(settlements, claims)
        concluded = await self._conclude(settlements)
        others = [each for place, each in enumerate(settlements) if place not in concluded]
        answers, claimed = await self._commit(others, claims)
        settled = iter(answers)
        places = range(len(settlements))
        merged = [concluded[place] if place in concluded else next(settled) for place in places]
        return merged, claimed

    async def _conclude(self, settlements: Sequence[Settlement]) -> dict[int, SettleAnswer]:
        """Settle those that bring something about, one after the other, by their places.

        In a transaction with others' tokens each could wait for one that waits for it.
        Once the database fails the others are left to their retries.
        """
        concluded: dict[int, SettleAnswer] = {}
        trouble: StoreUnavailable | None = None
        for place, settlement in enumerate(settlements):
            if not consequences.brings_about(settlement):
                continue
            try:
                concluded[place] = (
                    NotKnown(trouble) if trouble else await self._conclude_alone(settlement)
                )
            except StoreUnavailable as error:
                trouble = error
                concluded[place] = NotKnown(error)
        return concluded

    async def _conclude_alone(self, settlement: Settlement) -> SettleAnswer:
        try:
            return await transacted(
                self._database, lambda begun: consequences.conclude(begun, settlement)
            )
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's own
            is_guard = isinstance(error, Changed) or str(error) in ONE_TOKEN_EACH
            return _OVERSLEPT if is_guard else NotKnown(_refusal(error))

    async def _commit(self, settlements: Sequence[Settlement], claims: Sequence[Claim]) -> Answers:
        """Do all in one transaction.

        If one item of several makes the database or this code fail in a way
        that is no outage, each gets a transaction of its own. So does each where
        a row that one of them goes by is not as it was read: nothing of it is kept.
        """
        try:
            return await self._together(settlements, claims)
        except StoreUnavailable:
            raise
        except Exception as error:
            if len(settlements) + len(claims) == 1 and not isinstance(error, Changed):
                raise
        return (
            [await self._settle_alone(settlement) for settlement in settlements],
            [await self._claim_alone(claim) for claim in claims],
        )

    async def ping(self) -> None:
        """See `VerificationStore.ping`."""
        await self._database.ping()

    async def _together(
        self, settlements: Sequence[Settlement], claims: Sequence[Claim]
    ) -> Answers:
        pruning = self._pruning(len(claims))
        answers = None
        if self._database.at_once is not None:
            answers = await _in_one_go(
                self._database, self._database.at_once, settlements, claims, pruning
            )
        if answers is None:
            step_by_step = partial(_step_by_step, settlements, claims, pruning)
            answers = await transacted(self._database, step_by_step)
        return answers

    def _pruning(self, claims: int) -> Sequence[Asked]:
        """Return what takes old requests away, now and then."""
        self._unpruned += claims
        if not claims or self._unpruned < self._prune_every:
            return ()
        unpruned, self._unpruned = self._unpruned, 0
        return (requests.pruning(unpruned),)

    async def _settle_alone(self, settlement: Settlement) -> SettleAnswer:
        try:
            return (await self._together([settlement], []))[0][0]
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is this item's own
            # The lease runs out by itself, and the attempt stays spent.
            return _OVERSLEPT

    async def _claim_alone(self, claim: Claim) -> ClaimAnswer:
        try:
            return (await self._together([], [claim]))[1][0]
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's own
            return Refused(_refusal(error))


def _refusal(error: Exception) -> StoreUnavailable:
    refusal = unavailable("the database does not take this request")
    refusal.__cause__ = error
    return refusal


async def _in_one_go(
    database: Database,
    at_once: AtOnce,
    settlements: Sequence[Settlement],
    claims: Sequence[Claim],
    pruning: Sequence[Asked],
) -> Answers | None:
    """Do what nearly every batch comes to; None if this one does not.

    All settlements are verdicts in time. Claims that are not simply granted take a
    transaction of their own after it.
    """
    settling, claiming = Settlements(settlements), Claims(claims)
    if not settling.is_plain():
        return None
    settled, claimed = settling.settling(), claiming.first()
    # Pruning first: what is over by then is opened anew, and not found gone later.
    wanted = (*pruning, *settled, *claimed, *settling.writing())
    done = await at_once(*wanted) if wanted else None
    if done is None:
        return None
    # How many tokens were settled was hoped for, and is so.
    given = iter(done.rows[len(pruning) + len(settled) :])
    claiming.take(given)
    settling.take_written(done.now, given)
    if claiming.is_open:
        await _finish(database, claiming)
    return settling.answers, claiming.answers


async def _finish(database: Database, claiming: Claims) -> None:
    """Answer the other claims; what is durable already cannot fail with them.

    Of those that fail, requests stay open until their leases end, as after a crash.
    """
    try:
        async with database.transaction() as transaction:
            await claiming.finish(transaction)
    except StoreUnavailable as error:
        claiming.fail_open(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is these claims' own
        claiming.fail_open(_refusal(error))


async def _step_by_step(
    settlements: Sequence[Settlement],
    claims: Sequence[Claim],
    pruning: Sequence[Asked],
    transaction: Transaction,
) -> Answers:
    settling, claiming = Settlements(settlements), Claims(claims)
    first = (*await settling.first(transaction), *claiming.first())
    given = iter(await transaction.run(*first)) if first else iter(())
    settling.take(given)
    claiming.take(given)
    # Pruning last: from there on nothing waits for another transaction.
    if claiming.is_open:
        await settling.finish(last=False)
        # After the verdicts: a claim may ask for one of them.
        await claiming.finish(transaction, *pruning)
    else:
        await settling.finish(*pruning, last=True)
    return settling.answers, claiming.answers
