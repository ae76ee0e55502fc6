# SPDX-License-Identifier: Apache-2.0
"""A bank whose customers sign, over a real database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from fakes.vault import FakeVault
from kagimori.adapters.sql.enrollment.challenges import SqlChallenges
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.application.signing.create import CreateTransactionChallenge, MadeChallenge
from kagimori.application.verification.verify import Caller
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import Signing, SoftwareTokens, TenantPolicy
from kagimori.domain.token import Kind
from kagimori.domain.transaction import SigningProfile, Transaction
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.tokens import OTHER_TENANT, SUBSCRIBER, TENANT, identity, token
from support.transactions import transaction
from support.waiting import waited

SCANNED: Final = SigningProfile.SCANNED
TYPED: Final = SigningProfile.TYPED
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
AT_ONCE: Final = 8
CALLER: Final = Caller(TENANT, "internet-banking")
POLICY: Final = TenantPolicy(
    "abukuma",
    TENANT,
    ZoneInfo("Asia/Tokyo"),
    tokens=SoftwareTokens(transaction_signing=True),
    signing=Signing(profiles=frozenset(SigningProfile)),
)


class SigningBank:
    """Asks for challenges, as a process of the authority's would."""

    def __init__(self, database: AnyDatabase) -> None:
        self.database = database
        self.fake = FakeVault()
        self.policies = {TENANT: POLICY, OTHER_TENANT: replace(POLICY, service_id=OTHER_TENANT)}
        self.inventory = Inventory(database.open())
        self.enrollments = SqlEnrollmentStore(database.open())
        self.create = self.another()

    def another(self) -> CreateTransactionChallenge:
        """Return the use case of another process."""
        store = SqlChallenges(self.database.open())
        return CreateTransactionChallenge(store, self.fake, self.policies)

    def enrol(
        self,
        number: int = 1,
        subscriber: str | None = None,
        *,
        state: State = State.ACTIVE,
        signs: bool = True,
        tenant: str = TENANT,
    ) -> None:
        """Give ``subscriber-<number>`` a token, with a second seed if it ``signs``."""
        row = identity(
            tenant=tenant,
            token_id=f"token-{number}",
            serial=f"KG{number:010}",
            subscriber=subscriber or f"subscriber-{number}",
            kind=Kind.SOFTWARE if signs else Kind.HARDWARE,
        )
        self.inventory.add([token(row, state=state)], "app")
        if signs:
            self.database.run(
                "INSERT INTO signing_seeds SELECT tenant, token_id, custody, seed_length,"
                " key_version, wrap_format, blob, row_mac, -1 FROM tokens"
                " WHERE tenant = ? AND token_id = ?",
                tenant,
                row.token_id,
            )

    def ask(
        self,
        request_id: str | None = None,
        subscriber: str = SUBSCRIBER,
        profile: SigningProfile = SCANNED,
        about: Transaction | None = None,
        caller: Caller = CALLER,
    ) -> MadeChallenge:
        """Ask for a challenge, by a request of its own unless one is given."""
        asked = self.create(
            caller, request_id or str(uuid4()), subscriber, profile, about or transaction()
        )
        return waited(asked)

    def change_policy(self, **changes: Any) -> None:  # noqa: ANN401 - any rule
        self.policies[TENANT] = replace(self.policies[TENANT], **changes)

    def change(self, table: str, **columns: str | int | None) -> None:
        """Do to all rows what time, or somebody with write access, would do."""
        changes = ", ".join(f"{column} = ?" for column in columns)
        self.database.run(f"UPDATE {table} SET {changes}", *columns.values())  # noqa: S608 - our own

    def age(self, microseconds: int) -> None:
        """Do to the challenges what so much time would do."""
        self.database.run(
            "UPDATE challenges SET created_at = created_at - ?, expires_at = expires_at - ?",
            microseconds,
            microseconds,
        )

    def use_up(self, *challenge_ids: str) -> None:
        """Do what right codes would do."""
        for challenge_id in challenge_ids:
            self.database.run(
                "UPDATE challenges SET state = 'USED', used_by = ? WHERE challenge_id = ?",
                str(uuid4()),
                challenge_id,
            )

    def rows(self) -> list[dict[str, Any]]:
        return list(self.database.run("SELECT * FROM challenges ORDER BY created_at"))

    def row(self) -> dict[str, Any]:
        (row,) = self.rows()
        return row

    def kept(self) -> set[str]:
        """Return the names of the challenges that there are."""
        return {row["challenge_id"] for row in self.rows()}


def ids(made: list[MadeChallenge]) -> list[str]:
    return [each.challenge.challenge_id for each in made]
