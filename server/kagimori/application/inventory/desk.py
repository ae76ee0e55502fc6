# SPDX-License-Identifier: Apache-2.0
"""At the bank's counter: a hardware token is handed out, looked at, and taken back."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from kagimori.application.enrollment.ports import Stale
from kagimori.application.enrollment.standing import while_stale
from kagimori.application.inventory.desk_ports import (
    Assigning,
    Condemning,
    DeskStore,
    Hindered,
    Returning,
    RowMacs,
    StockedToken,
)
from kagimori.application.policies import Policies, policy_of
from kagimori.application.subscribers import Fingerprints, kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import (
    LiveToken,
    NotAssigned,
    NotHardware,
    NotInStock,
    RecordTampered,
    TokenExpired,
    UnknownSerial,
)
from kagimori.domain.lifecycle import Event, IllegalTransition, State, after
from kagimori.domain.token import Kind, Token, TokenIdentity


class Condition(StrEnum):
    """How a token comes back."""

    WORKING = "WORKING"
    DEFECTIVE = "DEFECTIVE"


_COMES_TO: Final = {Condition.WORKING: Event.RETURN, Condition.DEFECTIVE: Event.CONDEMN}

_BACK: Final = {
    (State.RETURNED, Condition.WORKING),
    (State.DEFECTIVE, Condition.DEFECTIVE),
}
"""What a token is that has come back so before."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which customer is to have which token."""

    subscriber_ref: str = field(repr=False)
    serial: str


class GetToken:
    """The use case behind ``GetToken``."""

    def __init__(self, store: DeskStore) -> None:
        """Look into ``store``."""
        self._store = store

    async def __call__(self, caller: Caller, serial: str) -> StockedToken:
        """Return the hardware token; raise `UnknownSerial`, `NotHardware`, `StoreUnavailable`."""
        return await _look(self._store, caller, serial)


class AssignToken:
    """The use case behind ``AssignToken``."""

    def __init__(
        self, store: DeskStore, vault: RowMacs, digests: Fingerprints, policies: Policies
    ) -> None:
        """``policies`` is by service ID."""
        self._store = store
        self._vault = vault
        self._digests = digests
        self._policies = policies

    async def __call__(self, caller: Caller, assignment: Assignment) -> StockedToken:
        """Bind a token in stock to the customer; it is durable.

        The same again gives the same answer. Raises `UnknownSerial`, `NotHardware`,
        `NotInStock`, `TokenExpired`, `LiveToken`, `RecordTampered`, `HsmUnavailable`
        or `StoreUnavailable`; nothing was changed then, or it is not known.
        """
        policy = policy_of(self._policies, caller.tenant)
        name = kept_name(self._digests, policy, assignment.subscriber_ref)
        return await while_stale(lambda: self._attempt(caller, name, assignment.serial))

    async def _attempt(self, caller: Caller, name: str, serial: str) -> StockedToken | Stale:
        found = await _look(self._store, caller, serial)
        if found.token.identity.subscriber == name:
            return found
        becomes = _assigned(found)
        mine = replace(found.token.identity, subscriber=name)
        row_mac = await _new_mac(self._vault, found.token, mine)
        done = await self._store.assign(Assigning(found.token, mine, row_mac, becomes, caller.name))
        if isinstance(done, Hindered):
            # He may have been given this very token meanwhile.
            return await self._hindered(caller, name, serial)
        return done if isinstance(done, Stale) else _changed(found, becomes, mine)

    async def _hindered(self, caller: Caller, name: str, serial: str) -> StockedToken:
        found = await _look(self._store, caller, serial)
        if found.token.identity.subscriber != name:
            raise LiveToken
        return found


class ReturnToken:
    """The use case behind ``ReturnToken``."""

    def __init__(self, store: DeskStore, vault: RowMacs) -> None:
        """``vault`` makes the MAC over a token that is nobody's again."""
        self._store = store
        self._vault = vault

    async def __call__(self, caller: Caller, serial: str, condition: Condition) -> StockedToken:
        """Take a token back from its customer; it is durable.

        No verification of it that is under way can be accepted from then on, and no
        code that was accepted before ever is again. A token that works goes into
        stock; the seed of a defective one is destroyed, for which no HSM is needed.
        The same again gives the same answer. Raises `UnknownSerial`, `NotHardware`,
        `NotAssigned`, `RecordTampered`, `HsmUnavailable` or `StoreUnavailable`.
        """
        return await while_stale(lambda: self._attempt(caller, serial, condition))

    async def _attempt(
        self, caller: Caller, serial: str, condition: Condition
    ) -> StockedToken | Stale:
        found = await _look(self._store, caller, serial)
        token = found.token
        if (token.state, condition) in _BACK:
            return found
        becomes = _back(token.state, condition)
        nobodys = replace(token.identity, subscriber=None)
        if condition is Condition.DEFECTIVE:
            done = await self._store.condemn(Condemning(token, becomes, caller.name))
        else:
            row_mac = await _new_mac(self._vault, token, nobodys)
            done = await self._store.take_back(Returning(token, row_mac, becomes, caller.name))
        return done if isinstance(done, Stale) else _changed(found, becomes, nobodys)


async def _look(store: DeskStore, caller: Caller, serial: str) -> StockedToken:
    found = await store.look(caller.tenant, serial)
    if found is None:
        raise UnknownSerial
    if found.token.identity.kind is not Kind.HARDWARE:
        raise NotHardware
    return found


def _assigned(found: StockedToken) -> State:
    """Return the state of the token once a customer has it."""
    try:
        becomes = after(found.token.state, Event.ASSIGN)
    except IllegalTransition:
        raise NotInStock from None
    # One whose time has not begun may be handed out: it works from then on.
    if found.is_expired:
        raise TokenExpired
    return becomes


def _back(state: State, condition: Condition) -> State:
    """Return the state of the token once it is back."""
    try:
        return after(state, _COMES_TO[condition])
    except IllegalTransition:
        raise NotAssigned from None


async def _new_mac(vault: RowMacs, seen: Token, becomes: TokenIdentity) -> bytes:
    """Return the MAC over what the row becomes, if the row as it was read has its own.

    Otherwise whoever can write the database would have a row of his own vouched for.
    """
    try:
        as_read, row_mac = await vault.row_macs([seen.identity, becomes])
    except (OverflowError, ValueError):
        raise RecordTampered from None
    if not hmac.compare_digest(as_read, seen.row_mac):
        raise RecordTampered
    return row_mac


def _changed(found: StockedToken, state: State, identity: TokenIdentity) -> StockedToken:
    """Return the token as the bank is told of it."""
    return replace(found, token=replace(found.token, identity=identity, state=state))
