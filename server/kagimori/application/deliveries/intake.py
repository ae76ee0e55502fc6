# SPDX-License-Identifier: Apache-2.0
"""Takes batches of a delivery's tokens into a tenant's stock, and says what became of each.

A batch goes through three stages, so that several can be under way: it is judged
by what is known without the HSM, its seeds are sealed, and it is stored. A token
that cannot be taken over keeps no other one out. A serial that the tenant has
already stays as it is, whoever holds it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from kagimori.application.deliveries.batch import (
    SEED_TWICE,
    Candidate,
    Judged,
    Sealed,
    Twin,
    formed,
    part,
    said_of,
    twin_line,
)
from kagimori.application.deliveries.order import ImportOrder
from kagimori.application.deliveries.ports import (
    Added,
    DeliveryVault,
    Duplicate,
    Known,
    NewToken,
    SeedRefused,
    SeedToSeal,
    Seen,
    Stock,
)
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.token_id import rising_id
from kagimori.application.deliveries.vendor_file import Fault, Head, TokenFault, VendorToken
from kagimori.application.subscribers import digest_of
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import BORN, Event, State, after
from kagimori.domain.tenant import SubscriberNames
from kagimori.domain.token import Kind, Purpose, SealedSeed, Token, TokenIdentity

Batch = Sequence[VendorToken | TokenFault]

_UNTOUCHED: Final = "the serial was there before; its token is untouched"
_IN_FILE: Final = "the serial stands further up in the file; this token is left out"
_OUT: Final = "the token is taken out of the stock"
_GONE: Final = "the token was not in stock any more: look at it, and condemn it by hand"
_EARLIER: Final = "by an earlier run"
_HAS_ONE: Final = "the customer it was to be assigned to has a token already"


class Intake:
    """One delivery on its way into the stock.

    Batches are judged in the file's order, and stored in that order.
    """

    def __init__(  # noqa: PLR0913 - what it works on, and what it goes by
        self,
        order: ImportOrder,
        head: Head,
        delivery_id: str | None,
        *,
        vault: DeliveryVault,
        stock: Stock,
        seen: Seen,
        new_id: Callable[[], str] = rising_id,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``delivery_id`` is None in a dry run: nothing is written then.

        ``seen`` is empty. ``new_id`` names tokens: unique, and telling no more than when.
        """
        self._order = order
        self._head = head
        self._delivery_id = delivery_id
        self._vault = vault
        self._stock = stock
        self._seen = seen
        self._new_id = new_id
        self._clock = clock
        # Where a seed is in clear, its digest must not tell it.
        self._salt = secrets.token_bytes(32)

    async def take(self, batch: Batch) -> list[Line]:
        """Take a batch through all stages; return what `store` does.

        Raises `SeedRefused` where the head is refused, `HsmUnavailable` or
        `StoreUnavailable`; then nothing of the batch is imported.
        """
        return await self.store(await self.seal(await self.judge(batch)))

    # --- what is known without the HSM ---------------------------------------------

    async def judge(self, batch: Batch) -> Judged:
        """Refuse what breaks a rule, and find what was there before."""
        answers = [formed(token) for token in batch]
        twins = self._meet(answers)
        judged = Judged(answers, twins)
        known = await self._known([token.serial for token in judged.tokens])
        now = self._clock()
        for place, token in enumerate(answers):
            if isinstance(token, VendorToken):
                answers[place] = self._judged(token, known.get(token.serial), now)
        part(answers, twins)
        return judged

    def _meet(self, answers: list[Line | VendorToken]) -> list[Twin]:
        """Answer for what the file held before; return whose seed came again."""
        met = [
            (place, token) for place, token in enumerate(answers) if isinstance(token, VendorToken)
        ]
        twins = []
        earlier = self._seen.meet([(token.serial, self._digest(token)) for _, token in met])
        for (place, token), before in zip(met, earlier, strict=True):
            if before.serial:
                answers[place] = said_of(token, Result.DUPLICATE, "IN_FILE_TWICE", _IN_FILE)
            elif before.seed_of is not None:
                answers[place] = twin_line(token, before.seed_of)
                twins.append(Twin(before.seed_of, token.serial))
        return twins

    def _digest(self, token: VendorToken) -> bytes:
        seed = token.seed.ciphertext
        return hashlib.blake2b(seed, digest_size=16, key=self._salt).digest()

    async def _known(self, serials: Sequence[str]) -> dict[str, Known]:
        return await self._stock.known(self._order.tenant, serials) if serials else {}

    def _judged(self, token: VendorToken, known: Known | None, now: datetime) -> Line | VendorToken:
        if known is not None:
            if self._is_ours(known):
                return said_of(token, Result.IMPORTED, detail=_EARLIER)
            return said_of(token, Result.DUPLICATE, "IN_STOCK", _UNTOUCHED)
        if token.validity.is_over(now):
            return said_of(token, Result.REFUSED, Fault.EXPIRED, "its time is over already")
        if abs(token.drift) > self._order.max_drift:
            detail = f"the tenant follows a clock up to {self._order.max_drift} steps"
            return said_of(token, Result.REFUSED, "DRIFT_TOO_LARGE", detail)
        return token

    def _is_ours(self, known: Known) -> bool:
        return known.delivery_id is not None and known.delivery_id == self._delivery_id

    # --- what the HSM does -----------------------------------------------------------

    async def seal(self, judged: Judged) -> Sealed:
        """Have the seeds of a batch sealed, and its rows bound together.

        Raises `SeedRefused` where the head is refused, or `HsmUnavailable`.
        """
        tokens = judged.tokens
        seals = await self._seals(tokens)
        accepted = {
            token.serial: self._identity(token, seal)
            for token, seal in zip(tokens, seals, strict=True)
            if isinstance(seal, SealedSeed) and seal.custody in self._order.custody
        }
        identities = list(accepted.values())
        macs = await self._vault.row_macs(identities) if identities else []
        rows = dict(zip(accepted, zip(identities, macs, strict=True), strict=True))
        each = iter(seals)
        answers = [
            self._sealed(answer, next(each), rows) if isinstance(answer, VendorToken) else answer
            for answer in judged.answers
        ]
        refusals = [seal for seal in seals if isinstance(seal, SeedRefused)]
        return Sealed(answers, judged.twins, len(tokens), refusals)

    async def _seals(self, tokens: Sequence[VendorToken]) -> list[SealedSeed | SeedRefused]:
        if not tokens:
            return []
        seeds = [SeedToSeal(token.seed, token.profile.hash) for token in tokens]
        return await self._vault.seal(self._order.tenant, self._head, seeds)

    def _sealed(
        self,
        token: VendorToken,
        seal: SealedSeed | SeedRefused,
        rows: dict[str, tuple[TokenIdentity, bytes]],
    ) -> Line | Candidate:
        if isinstance(seal, SeedRefused):
            return said_of(token, Result.REFUSED, seal.reason, seal.detail)
        if token.serial not in rows:
            detail = f"the tenant takes no token that is {seal.custody}"
            return said_of(token, Result.REFUSED, "CUSTODY_NOT_ACCEPTED", detail, seal.custody)
        identity, mac = rows[token.serial]
        state = _state(assigned=identity.subscriber is not None, activate=self._order.activate)
        row = Token(identity, mac, state, last_step=token.last_step, drift=token.drift)
        return Candidate(NewToken(row, token.validity, token.device), token.line)

    def _identity(self, token: VendorToken, seed: SealedSeed) -> TokenIdentity:
        return TokenIdentity(
            tenant=self._order.tenant,
            token_id=self._new_id(),
            serial=token.serial,
            subscriber=self._subscriber(token.serial),
            kind=Kind.HARDWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=token.profile,
            seed=seed,
        )

    def _subscriber(self, serial: str) -> str | None:
        """Return to whom the token goes, as the database names him."""
        subscriber = self._order.assignments.get(serial)
        if subscriber is None or self._order.subscriber_names is SubscriberNames.PLAIN:
            return subscriber
        return digest_of(self._vault, self._order.tenant, subscriber)

    # --- what is written -------------------------------------------------------------

    async def store(self, sealed: Sealed) -> list[Line]:
        """Store a batch durably; return a line for each token, in order.

        After them comes a line for each token that was brought in before and is
        condemned now. Raises `StoreUnavailable`.
        """
        lines = await self._added(sealed.candidates)
        each = iter(lines)
        answers = [
            next(each) if isinstance(answer, Candidate) else answer for answer in sealed.answers
        ]
        return answers + await self._condemned(sealed.twins)

    async def _added(self, candidates: list[Candidate]) -> list[Line]:
        if self._delivery_id is None:
            return [candidate.told(Result.IMPORTABLE) for candidate in candidates]
        if not candidates:
            return []
        try:
            return await self._add(self._delivery_id, candidates)
        except InvalidField:
            return await self._add_apart(self._delivery_id, candidates)

    async def _add(self, delivery_id: str, candidates: Sequence[Candidate]) -> list[Line]:
        new = [candidate.new for candidate in candidates]
        answers = await self._stock.add(delivery_id, new, self._order.actor)
        taken = [answer.serial for answer in answers if isinstance(answer, Duplicate)]
        # Another run can have brought the serial in meanwhile, of this file or another.
        known = await self._known(taken)
        return [
            self._stored(candidate, answer, known)
            for candidate, answer in zip(candidates, answers, strict=True)
        ]

    def _stored(
        self, candidate: Candidate, answer: Added | Duplicate, known: dict[str, Known]
    ) -> Line:
        if isinstance(answer, Added):
            return candidate.told(Result.IMPORTED)
        if candidate.serial in known and self._is_ours(known[candidate.serial]):
            return candidate.told(Result.IMPORTED, detail=_EARLIER)
        return candidate.told(Result.DUPLICATE, "IN_STOCK", _UNTOUCHED)

    async def _add_apart(self, delivery_id: str, candidates: Sequence[Candidate]) -> list[Line]:
        """Add a batch in which a customer would get a second token: only he is left out."""
        loose = [candidate for candidate in candidates if not candidate.is_assigned]
        lines = {line.serial: line for line in await self._add(delivery_id, loose)}
        for candidate in candidates:
            if candidate.is_assigned:
                lines[candidate.serial] = await self._add_assigned(delivery_id, candidate)
        return [lines[candidate.serial] for candidate in candidates]

    async def _add_assigned(self, delivery_id: str, candidate: Candidate) -> Line:
        try:
            (line,) = await self._add(delivery_id, [candidate])
        except InvalidField:
            return candidate.told(Result.REFUSED, "CUSTOMER_HAS_TOKEN", _HAS_ONE)
        return line

    async def _condemned(self, twins: Sequence[Twin]) -> list[Line]:
        """Condemn the tokens that this delivery brought in whose seed came again."""
        if self._delivery_id is None or not twins:
            return []
        later = {twin.serial: twin.later for twin in reversed(twins)}
        known = await self._known(list(later))
        ours = self._not_yet_condemned(
            [serial for serial in later if serial in known and self._is_ours(known[serial])]
        )
        if not ours:
            return []
        tenant, actor = self._order.tenant, self._order.actor
        condemned = await self._stock.condemn(tenant, self._delivery_id, ours, actor)
        return [
            _condemnation(serial, later[serial], _OUT if serial in condemned else _GONE)
            for serial in ours
        ]

    def _not_yet_condemned(self, serials: Sequence[str]) -> list[str]:
        # Of three twins the first is condemned once. No serial begins so.
        names = [f"!{serial}" for serial in serials]
        earlier = self._seen.meet([(name, name.encode()) for name in names])
        return [serial for serial, met in zip(serials, earlier, strict=True) if not met.serial]


def _condemnation(serial: str, later: str, what: str) -> Line:
    detail = f"serial {later} has the same encrypted seed; {what}"
    return Line(serial, Result.CONDEMNED, reason=SEED_TWICE, detail=detail)


def _state(*, assigned: bool, activate: bool) -> State:
    if not assigned:
        return BORN
    state = after(BORN, Event.ASSIGN)
    return after(state, Event.ACTIVATE) if activate else state
