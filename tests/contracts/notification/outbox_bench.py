# SPDX-License-Identifier: Apache-2.0
"""An outbox over a real database, whichever of the two it is, and a look behind it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from kagimori.adapters.sql.database import Asked
from kagimori.adapters.sql.outbox import SqlOutbox, posted
from kagimori.application.notification.letter import Letter
from kagimori.application.notification.ports import Due
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.tokens import TENANT, identity, token
from support.waiting import transaction, waited

LASTS = 900.0


class Claimer:
    """One process's outbox; each call waits for its end."""

    def __init__(self, database: AnyDatabase) -> None:
        self._outbox = SqlOutbox(database.open())

    def claim(self, seconds: float = LASTS) -> Due | None:
        return waited(self._outbox.claim(str(uuid.uuid4()), seconds))

    def claimed(self) -> Due:
        due = self.claim()
        assert due is not None
        return due

    def sent(self, due: Due) -> bool:
        return waited(self._outbox.sent(due, "250"))

    def refused(self, due: Due) -> bool:
        return waited(self._outbox.refused(due, "550"))

    def later(self, due: Due, seconds: float = 60.0) -> bool:
        return waited(self._outbox.later(due, seconds, "451"))


class OutboxBench:
    """A database, a first claimer on it, and others as they are wanted."""

    def __init__(self, database: AnyDatabase) -> None:
        self.database = database
        self._opened = database.open()
        self.claimer = Claimer(database)

    def another(self) -> Claimer:
        return Claimer(self.database)

    def post(self, *letters: Letter) -> None:
        for each in letters:
            self.write(posted(each))

    def write(self, asked: Asked) -> None:
        """Do what another use case's transaction would."""
        with transaction(self._opened) as begun:
            begun.commit(asked)

    def write_and_undo(self, asked: Asked) -> None:
        class _Trouble(Exception):
            pass

        try:
            with transaction(self._opened) as begun:
                begun.run(asked)
                raise _Trouble  # noqa: TRY301 - as a use case that fails
        except _Trouble:
            pass

    def rows(self) -> Sequence[Any]:
        return self.database.run("SELECT * FROM outbox ORDER BY created_at, letter_id")

    def row(self) -> dict[str, Any]:
        (row,) = self.rows()
        return dict(row)

    def expire(self) -> None:
        """Let all leases and waits run out."""
        self.database.run("UPDATE outbox SET due_at = 1")

    def enrol(
        self,
        subscriber: str,
        token_id: str,
        address: str | None = "holder@customer.example",
        state: str = "PROVISIONED",
    ) -> None:
        """Give a customer a token, and the enrolment that led to it."""
        mine = token(identity(token_id=token_id, serial=token_id.upper(), subscriber=subscriber))
        Inventory(self.database.open()).add([mine], "importer")
        number = len(self.database.run("SELECT tenant FROM enrollments"))
        columns: dict[str, str | int | None] = {
            "tenant": TENANT,
            "subscriber": subscriber,
            "user_id": f"{number:012}",
            "state": state,
            "generation": 1,
            "request_id": str(uuid.uuid4()),
            "fingerprint": "00",
            "mail_address": address,
            "password_key_version": 1,
            "tries": 0,
            "issued_at": 1,
            "deadline": 1,
            "token_id": token_id if state == "PROVISIONED" else None,
            "released_on": "2026-01-01" if state == "RELEASED" else None,
        }
        places = ", ".join("?" for _ in columns)
        self.database.run(
            f"INSERT INTO enrollments ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our own
            *columns.values(),
        )
