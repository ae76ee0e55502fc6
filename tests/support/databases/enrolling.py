# SPDX-License-Identifier: Apache-2.0
"""What an app's set-up leaves behind: a token of the enrolment's own."""

from __future__ import annotations

from kagimori.domain.token import Token
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory


def provision(database: AnyDatabase, token: Token) -> None:
    """Give the customer whom ``token`` names a token for an enrolment that is ISSUED."""
    Inventory(database.open()).add([token], "app")
    identity = token.identity
    assert identity.subscriber is not None
    database.run(
        "UPDATE enrollments SET state = 'PROVISIONED', token_id = ?, generation = generation + 1"
        " WHERE tenant = ? AND subscriber = ? AND state = 'ISSUED'",
        identity.token_id,
        identity.tenant,
        identity.subscriber,
    )
