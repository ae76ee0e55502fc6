# SPDX-License-Identifier: Apache-2.0
"""Takes a vendor's tokens into a tenant's inventory: all of a file, or nothing of it.

A seed that fails its check says that the file was damaged or changed on its
way. Nobody can say what else was changed then, so the whole file is refused. A
serial that the tenant has already says nothing about the file: its old token
stays as it is, and the others come in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import uuid4

from kagimori.application.inventory.ports import DeliveryVault, Duplicate, SeedRefused, Stock
from kagimori.application.inventory.vendor_file import VendorFile, VendorToken
from kagimori.application.subscribers import digest_of
from kagimori.domain.lifecycle import BORN, Event, State, after
from kagimori.domain.tenant import SubscriberNames
from kagimori.domain.token import CustodyLabel, Kind, Purpose, SealedSeed, Token, TokenIdentity

LONGEST_SUBSCRIBER: Final = 64
"""Characters, as in the API."""

_SEED_TWICE: Final = "SEED_TWICE: another serial of the file has the same encrypted seed"
_UNTOUCHED: Final = "the serial was there before; its token is untouched"


class Result(StrEnum):
    """What became of one token of the file."""

    IMPORTED = "IMPORTED"
    DUPLICATE = "DUPLICATE"
    """The serial was there before, in the inventory or further up in the file."""
    REFUSED = "REFUSED"
    """The token itself cannot be taken over, and so no token of the file is."""
    HELD_BACK = "HELD_BACK"
    """Nothing is wrong with it, but with another token of the file."""


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Who brings in tokens for whom.

    ``tenant`` is the service ID and ``actor`` the person, for the audit log.
    ``assignments`` gives a serial to a subscriber; with ``activate`` those
    tokens are in use at once. A clock error above ``max_drift`` steps is not
    taken from a file. ``subscriber_names`` and ``custody``, the labels that it
    accepts, are the tenant's rules.
    """

    tenant: str
    actor: str
    assignments: Mapping[str, str] = field(repr=False)
    activate: bool
    max_drift: int
    subscriber_names: SubscriberNames = SubscriberNames.PLAIN
    custody: frozenset[CustodyLabel] = frozenset(CustodyLabel)


@dataclass(frozen=True, slots=True)
class Line:
    """What is reported of one token: its custody label, or why it was refused."""

    serial: str
    result: Result
    note: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """A line for each token, in the file's order."""

    lines: tuple[Line, ...]

    def count(self, result: Result) -> int:
        """Return how many tokens came to ``result``."""
        return sum(line.result is result for line in self.lines)


class OrderRefused(Exception):
    """The order does not fit the file; nothing was looked at or changed."""


class ImportTokens:
    """The use case. ``new_id`` names tokens: unique, and telling nothing."""

    def __init__(
        self,
        vault: DeliveryVault,
        inventory: Stock,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        """Work on ``inventory``, with seeds sealed by ``vault``."""
        self._vault = vault
        self._inventory = inventory
        self._new_id = new_id

    def __call__(self, order: ImportOrder, file: VendorFile) -> ImportReport:
        """Import the tokens of ``file``; return what became of each.

        Raises `OrderRefused`, and `HsmUnavailable` or `StoreUnavailable` with
        nothing imported.
        """
        _check_assignments(order, file)
        answers = self._candidates(order, file)
        refused = any(_is(answer, Result.REFUSED) for answer in answers)
        tokens = [answer for answer in answers if isinstance(answer, Token)]
        lines = iter(map(_held_back, tokens) if refused else self._added(order, tokens))
        return ImportReport(
            tuple(next(lines) if isinstance(answer, Token) else answer for answer in answers)
        )

    def _candidates(self, order: ImportOrder, file: VendorFile) -> list[Token | Line]:
        """Return a token for each that could be added, a line for each that could not."""
        serials = [token.serial for token in file.tokens]
        taken = self._inventory.known_serials(order.tenant, serials)
        shared = _shared_seeds(file)
        answers: list[Token | Line] = []
        for token in file.tokens:
            if token.serial in taken:
                answers.append(Line(token.serial, Result.DUPLICATE, _UNTOUCHED))
                continue
            taken.add(token.serial)
            if token.seed.ciphertext in shared:
                answers.append(Line(token.serial, Result.REFUSED, _SEED_TWICE))
                continue
            answers.append(self._candidate(order, file, token))
        return answers

    def _candidate(self, order: ImportOrder, file: VendorFile, token: VendorToken) -> Token | Line:
        if abs(token.drift) > order.max_drift:
            note = f"DRIFT_TOO_LARGE: the tenant follows a clock up to {order.max_drift} steps"
            return Line(token.serial, Result.REFUSED, note)
        try:
            sealed = self._vault.seal(token.seed, file.mac, order.tenant, token.profile.hash)
        except SeedRefused as refusal:
            return Line(token.serial, Result.REFUSED, str(refusal))
        if sealed.custody not in order.custody:
            note = f"CUSTODY_NOT_ACCEPTED: the tenant takes no token that is {sealed.custody}"
            return Line(token.serial, Result.REFUSED, note)
        return self._token(order, token, sealed)

    def _token(self, order: ImportOrder, token: VendorToken, sealed: SealedSeed) -> Token:
        subscriber = self._subscriber(order, token.serial)
        identity = TokenIdentity(
            tenant=order.tenant,
            token_id=self._new_id(),
            serial=token.serial,
            subscriber=subscriber,
            kind=Kind.HARDWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=token.profile,
            seed=sealed,
        )
        return Token(
            identity=identity,
            row_mac=self._vault.row_mac(identity),
            state=_state(assigned=subscriber is not None, activate=order.activate),
            last_step=token.last_step,
            drift=token.drift,
        )

    def _subscriber(self, order: ImportOrder, serial: str) -> str | None:
        """Return to whom the token goes, as the database names him."""
        subscriber = order.assignments.get(serial)
        if subscriber is None or order.subscriber_names is SubscriberNames.PLAIN:
            return subscriber
        return digest_of(self._vault, order.tenant, subscriber)

    def _added(self, order: ImportOrder, tokens: Sequence[Token]) -> list[Line]:
        if not tokens:
            return []
        answers = self._inventory.add(tokens, order.actor)
        return [
            # Somebody else's import can have brought the serial in meanwhile.
            Line(answer.serial, Result.DUPLICATE, _UNTOUCHED)
            if isinstance(answer, Duplicate)
            else Line(answer.serial, Result.IMPORTED, token.identity.seed.custody)
            for answer, token in zip(answers, tokens, strict=True)
        ]


def _check_assignments(order: ImportOrder, file: VendorFile) -> None:
    strangers = sorted(set(order.assignments) - {token.serial for token in file.tokens})
    if strangers:
        msg = f"the file has no token {', '.join(strangers)} to assign"
        raise OrderRefused(msg)
    subscribers = list(order.assignments.values())
    if not all(map(_is_subscriber, subscribers)):
        msg = f"a subscriber is named by 1 to {LONGEST_SUBSCRIBER} printable characters"
        raise OrderRefused(msg)
    if len(set(subscribers)) < len(subscribers):
        msg = "two tokens are assigned to one subscriber"
        raise OrderRefused(msg)


def _shared_seeds(file: VendorFile) -> set[bytes]:
    """Return the encrypted seeds that stand behind more than one serial.

    No vendor does that; who holds one of the tokens might, for a MAC covers the
    seed and not the serial (RFC 6030 §6.1.1).
    """
    serials: dict[bytes, set[str]] = defaultdict(set)
    for token in file.tokens:
        serials[token.seed.ciphertext].add(token.serial)
    return {seed for seed, names in serials.items() if len(names) > 1}


def _is_subscriber(name: str) -> bool:
    return 0 < len(name) <= LONGEST_SUBSCRIBER and name.isprintable()


def _state(*, assigned: bool, activate: bool) -> State:
    if not assigned:
        return BORN
    state = after(BORN, Event.ASSIGN)
    return after(state, Event.ACTIVATE) if activate else state


def _held_back(token: Token) -> Line:
    return Line(token.identity.serial, Result.HELD_BACK, "another token of the file is refused")


def _is(answer: Token | Line, result: Result) -> bool:
    return isinstance(answer, Line) and answer.result is result
