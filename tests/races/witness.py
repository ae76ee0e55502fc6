# SPDX-License-Identifier: Apache-2.0
"""A trigger that writes down every change of a token, in the transaction that makes it.

Whoever only looks at the database now and then would miss a step that went back
and forth, or a lease that was held for a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from kagimori.adapters.sql.schema import audit, challenges, requests, signing_seeds, tokens
from kagimori.domain.token import NEVER

_COLUMNS = "serial, state, last_step, failures, lease"
_NEW = ", ".join(f"NEW.{column}" for column in _COLUMNS.split(", "))

_SQLITE = f"""
CREATE TABLE witness (id INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS});

CREATE TRIGGER witness AFTER UPDATE ON tokens BEGIN
  INSERT INTO witness ({_COLUMNS}) VALUES ({_NEW});
END

CREATE TABLE seed_witness (id INTEGER PRIMARY KEY AUTOINCREMENT, token_id, last_step);

CREATE TRIGGER seed_witness AFTER UPDATE ON signing_seeds BEGIN
  INSERT INTO seed_witness (token_id, last_step) VALUES (NEW.token_id, NEW.last_step);
END
"""  # noqa: S608 - our own names

_POSTGRESQL = f"""
CREATE TABLE witness (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  serial text, state text, last_step bigint, failures integer, lease uuid);

CREATE FUNCTION bear_witness() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
  INSERT INTO witness ({_COLUMNS}) VALUES ({_NEW});
  RETURN NULL;
END';

CREATE TRIGGER witness AFTER UPDATE ON tokens FOR EACH ROW EXECUTE FUNCTION bear_witness()

CREATE TABLE seed_witness (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_id text, last_step bigint);

CREATE FUNCTION bear_witness_of_seeds() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
  INSERT INTO seed_witness (token_id, last_step) VALUES (NEW.token_id, NEW.last_step);
  RETURN NULL;
END';

CREATE TRIGGER seed_witness AFTER UPDATE ON signing_seeds
FOR EACH ROW EXECUTE FUNCTION bear_witness_of_seeds()
"""  # noqa: S608 - our own names

_TRIGGERS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}

_witness = sa.table("witness", *(sa.column(name) for name in ("id", *_COLUMNS.split(", "))))
_seed_witness = sa.table("seed_witness", *map(sa.column, ("id", "token_id", "last_step")))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An ACCEPTED row of the audit; ``digest`` is of what was signed, if that was it."""

    request_id: str
    receipt: str
    digest: str | None = None


def engine_at(url: str) -> sa.Engine:
    """Return a way to a database; ``url`` is as in the configuration."""
    ours = sa.make_url(url)
    if ours.get_backend_name() == "postgresql":
        ours = ours.set(drivername="postgresql+psycopg")
    return sa.create_engine(ours, poolclass=sa.NullPool)


class Ended(NamedTuple):
    """Whether a challenge is OPEN or USED, and by which request."""

    state: str
    used_by: str | None


class Witness:
    """Reads an authority's database, and changes it as another process would."""

    def __init__(self, url: str) -> None:
        """Set the trigger; ``url`` is as in the configuration."""
        self._engine = engine_at(url)
        with self._engine.begin() as connection:
            for statement in _TRIGGERS[self._engine.dialect.name].split("\n\n"):
                connection.exec_driver_sql(statement)

    def token(self, serial: str) -> sa.Row[tuple[object, ...]]:
        """Return the token's row as it is now."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(tokens).where(tokens.c.serial == serial)).one()

    def held(self, serials: Sequence[str]) -> bool:
        """Return whether verifications hold the leases of all these tokens."""
        asked = sa.select(sa.func.count()).where(
            tokens.c.serial.in_(serials), tokens.c.lease.is_not(None)
        )
        with self._engine.connect() as connection:
            return connection.execute(asked).scalar_one() == len(serials)

    def steps(self, serial: str) -> list[int]:
        """Return the values that ``last_step`` was changed to, one after the other."""
        seen = [NEVER, *(row.last_step for row in self._seen(serial))]
        return [after for before, after in pairwise(seen) if before != after]

    def claims(self, serial: str) -> int:
        """Return how often the token's lease was taken."""
        return len({row.lease for row in self._seen(serial)} - {None})

    def accepted(self, serial: str) -> list[Acceptance]:
        """Return the token's acceptances in the audit, the first first."""
        asked = (
            sa.select(audit.c.request_id, audit.c.receipt_number, audit.c.transaction_digest)
            .where(audit.c.serial == serial, audit.c.outcome == "ACCEPTED")
            .order_by(audit.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [Acceptance(str(name), f"{number:07d}", digest) for name, number, digest in rows]

    def challenge(self, challenge_id: UUID) -> Ended:
        """Return what became of a challenge."""
        asked = sa.select(challenges.c.state, challenges.c.used_by).where(
            challenges.c.challenge_id == str(challenge_id)
        )
        with self._engine.connect() as connection:
            state, used_by = connection.execute(asked).one()
        return Ended(state, None if used_by is None else str(used_by))

    def signing_steps(self, serial: str) -> list[int]:
        """Return the values of the last step of the token's other seed, one after the other."""
        token_id = sa.select(tokens.c.token_id).where(tokens.c.serial == serial).scalar_subquery()
        asked = sa.select(_seed_witness.c.last_step).where(_seed_witness.c.token_id == token_id)
        with self._engine.connect() as connection:
            return list(connection.execute(asked.order_by(_seed_witness.c.id)).scalars())

    def most_failures(self, serial: str) -> int:
        """Return the most wrong codes in a row that the token ever had, each being one at first."""
        return max((row.failures for row in self._seen(serial)), default=0)

    def acts(self, request_id: str) -> list[tuple[str, str]]:
        """Return what the audit has of a request, the first first: the act, and the serial."""
        asked = (
            sa.select(audit.c.action, audit.c.serial)
            .where(audit.c.request_id == request_id)
            .order_by(audit.c.id)
        )
        with self._engine.connect() as connection:
            return [(row.action, row.serial) for row in connection.execute(asked)]

    def receipts(self) -> list[int]:
        """Return the receipt numbers of all acceptances, in their order."""
        asked = sa.select(audit.c.receipt_number).where(audit.c.receipt_number.is_not(None))
        with self._engine.connect() as connection:
            return list(connection.execute(asked.order_by(audit.c.id)).scalars())

    def change(self, serial: str, **columns: object) -> None:
        """Change a token as another process of the authority would, guard by guard."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(tokens).where(tokens.c.serial == serial).values(**columns))

    def use(self, challenge_id: UUID, request_id: str) -> None:
        """End a challenge as another process of the authority would."""
        ended = {"state": "USED", "used_by": request_id}
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(challenges)
                .where(challenges.c.challenge_id == str(challenge_id))
                .values(ended)
            )

    def spend_steps_until(self, serial: str, step: int) -> None:
        """Spend steps of the token's other seed, up to ``step``, as another process would."""
        token_id = sa.select(tokens.c.token_id).where(tokens.c.serial == serial).scalar_subquery()
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(signing_seeds)
                .where(signing_seeds.c.token_id == token_id)
                .values(last_step=step)
            )

    def expire_leases(self, serial: str) -> None:
        """Let five seconds pass for the token, and for the requests that wait on it."""
        with self._engine.begin() as connection:
            token_id = (
                sa.select(tokens.c.token_id).where(tokens.c.serial == serial).scalar_subquery()
            )
            for table in (tokens, requests):
                connection.execute(
                    sa.update(table)
                    .where(table.c.token_id == token_id, table.c.lease_until.is_not(None))
                    .values(lease_until=1)
                )

    def sound(self, serial: str) -> None:
        """Fail unless each acceptance raised ``last_step``, and nothing else moved it.

        A signature raises that of another seed, or none, and is about one challenge only.
        """
        steps, accepted = self.steps(serial), self.accepted(serial)
        assert steps == sorted(set(steps)), f"{serial}: last_step went through {steps}"
        signed = [acceptance.digest for acceptance in accepted if acceptance.digest]
        assert len(signed) == len(set(signed)), f"{serial}: a transaction was accepted twice"
        shown = len(accepted) - len(signed)
        assert len(steps) == shown, f"{serial}: {shown} acceptances of {steps}"
        steps = self.signing_steps(serial)
        assert steps == sorted(set(steps)), f"{serial}: the other last_step went through {steps}"
        numbers = [acceptance.receipt for acceptance in accepted]
        assert numbers == sorted(set(numbers)), f"{serial}: receipts {numbers}"

    def _seen(self, serial: str) -> list[sa.Row[tuple[object, ...]]]:
        asked = sa.select(_witness).where(_witness.c.serial == serial).order_by(_witness.c.id)
        with self._engine.connect() as connection:
            return list(connection.execute(asked).all())
