# SPDX-License-Identifier: Apache-2.0
"""A bank's counter for hardware tokens: the real use cases over a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from fakes.vault import FakeVault, hotp
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.application.enrollment.activate import ActivateToken, Activation
from kagimori.application.inventory.desk import (
    Assignment,
    AssignToken,
    Condition,
    GetToken,
    ReturnToken,
)
from kagimori.application.inventory.desk_ports import StockedToken
from kagimori.application.ports import BySubscriber
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import TokenIdentity
from support.banks.bank import Bank
from support.databases.database import Value
from support.tokens import EVENT, SERIAL, SUBSCRIBER, TENANT, identity, token

STAFF = Caller(TENANT, "suzuki")
PAGE = Caller(TENANT, "registrar-1")
NEXT = "subscriber-2"


class RowMacs:
    """Makes the vault's MACs; tests may hold them up."""

    def __init__(self, vault: FakeVault) -> None:
        self._vault = vault

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        return await self._vault.row_macs(identities)


@dataclass
class Counter:
    """One process of ``bank``'s; its event-based tokens have seeds that tell their serials."""

    bank: Bank
    caller: Caller = field(default=STAFF)

    def __post_init__(self) -> None:
        opened, vault, policies = self.bank.database.open(), self.bank.vault, self.bank.policies
        self.macs = RowMacs(vault)
        self.store = SqlDesk(opened)
        self._assign = AssignToken(self.store, self.macs, vault, policies)
        self._token = GetToken(self.store)
        self._take_back = ReturnToken(self.store, self.macs)
        customers = SqlEnrollmentStore(opened)
        self._activate = ActivateToken(self.bank.verify, customers, vault, policies)

    def stock(self, serial: str = SERIAL, **changes: Any) -> None:  # noqa: ANN401 - any field
        """Bring a token in."""
        of = identity(
            EVENT,
            **{"serial": serial, "token_id": f"token-{serial}", "subscriber": None, **changes},
        )
        of = replace(of, seed=self.bank.vault.seal(of.tenant, seed_of(serial)))
        bound = State.IN_STOCK if of.subscriber is None else State.ACTIVE
        mac = self.bank.vault.row_mac(of)
        self.bank.inventory.add([token(of, state=bound, row_mac=mac)], "importer")

    def change(self, **columns: Value) -> None:
        """Do to all tokens' rows what somebody with write access could."""
        changes = ", ".join(f"{column} = ?" for column in columns)
        self.bank.database.run(f"UPDATE tokens SET {changes}", *columns.values())  # noqa: S608 - our own

    def assign(self, subscriber: str = SUBSCRIBER, serial: str = SERIAL) -> StockedToken:
        return self.bank.run(self._assign(self.caller, Assignment(subscriber, serial)))

    def token(self, serial: str = SERIAL) -> StockedToken:
        return self.bank.run(self._token(self.caller, serial))

    def take_back(
        self, condition: Condition = Condition.WORKING, serial: str = SERIAL
    ) -> StockedToken:
        return self.bank.run(self._take_back(self.caller, serial, condition))

    def activate(
        self, code: str, subscriber: str = SUBSCRIBER, request_id: str | None = None
    ) -> Outcome:
        activation = Activation(request_id or str(uuid4()), subscriber, Otp(code))
        return self.bank.run(self._activate(PAGE, activation, 5.0)).outcome

    def log_in(
        self, code: str, subscriber: str = SUBSCRIBER, request_id: str | None = None
    ) -> Outcome:
        subject = BySubscriber(subscriber)
        return self.bank.ask(code, subject=subject, request_id=request_id).outcome

    def row(self, serial: str = SERIAL) -> dict[str, Any]:
        (found,) = [
            row for row in self.bank.database.run("SELECT * FROM tokens") if row["serial"] == serial
        ]
        return dict(found)

    def audited(self) -> list[tuple[object, object, object]]:
        """Return who did what to which token, without imports and verifications."""
        rows = self.bank.database.run("SELECT * FROM audit ORDER BY id")
        return [
            (row["actor"], row["action"], row["serial"])
            for row in rows
            if row["action"] not in {"IMPORT", "VERIFY"}
        ]


def seed_of(serial: str) -> bytes:
    return f"the seed of {serial}".encode()


def code(step: int, serial: str = SERIAL) -> str:
    return hotp(seed_of(serial), step, 6)
