# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - Alembic loads it by its path; the number is its place in the order
"""Tenants' rules, enrolments, signing seeds, letters; new words for what a token can be.

A program of version 0001 works beside this: it never meets a retired token,
which is bound to nobody, and takes a barred one for one that is not active.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_UUID = sa.Uuid().with_variant(sa.String(36), "sqlite")

_CUSTODIES = ("SEALED_BY_APP", "GENERATED_IN_HSM", "UNWRAPPED_IN_HSM", "HOST_TRANSIENT")
_PENDING = "state = 'PENDING'"

# A constraint's words before and after this: SQLite cannot change one in place.
_TOKENS = {
    "purpose": (("AUTHENTICATION",), ("AUTHENTICATION", "SIGNING")),
    "custody": (_CUSTODIES[1:], _CUSTODIES),
    "state": (
        ("IN_STOCK", "ASSIGNED", "ACTIVE", "LOCKED"),
        ("IN_STOCK", "ASSIGNED", "BARRED", "ACTIVE", "LOCKED", "RETIRED"),
    ),
}
_BOUND = (
    "(state = 'IN_STOCK') = (subscriber IS NULL)",
    "(state = 'IN_STOCK' OR state = 'RETIRED') = (subscriber IS NULL)",
)
_DESTROYED = "(state = 'RETIRED') = (length(blob) = 0)"
_OPERATIONS = (
    ("LOGIN", "TRANSFER", "BILL_PAYMENT"),
    ("LOGIN", "TRANSFER", "BILL_PAYMENT", "ACTIVATION"),
)


def upgrade() -> None:
    """Widen the constraints, then add the tables."""
    changes = {column: _words(column, new) for column, (_, new) in _TOKENS.items()}
    _constrain("tokens", {**changes, "bound": _BOUND[1], "destroyed": _DESTROYED})
    _constrain("requests", {"operation": _words("operation", _OPERATIONS[1])})
    op.add_column("audit", sa.Column("user_id", sa.String(16)))
    _create_tenants()
    _create_enrollments()
    _create_outbox()


def downgrade() -> None:
    """Take it all away; what uses the new words stands in the way."""
    for table in ("outbox", "tries", "envelopes", "enrollments", "signing_seeds", "tenants"):
        op.drop_table(table)
    op.drop_column("audit", "user_id")
    _constrain("requests", {"operation": _words("operation", _OPERATIONS[0])})
    changes = {column: _words(column, old) for column, (old, _) in _TOKENS.items()}
    _constrain("tokens", {**changes, "bound": _BOUND[0], "destroyed": None})


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("service_id", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("service_id", name="pk_tenants"),
        sa.UniqueConstraint("name", name="uq_tenants_name"),
    )


def _create_enrollments() -> None:
    op.create_table(
        "signing_seeds",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.Column("custody", sa.String(24), nullable=False),
        sa.Column("seed_length", sa.Integer, nullable=False),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("wrap_format", sa.String(16), nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("row_mac", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "token_id", name="pk_signing_seeds"),
        _check("signing_seeds_custody", _words("custody", _CUSTODIES)),
    )
    op.create_table(
        "enrollments",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(12), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("request_id", _UUID, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("mail_address", sa.String(254)),
        sa.Column("password_hash", sa.String(160)),
        sa.Column("password_key_version", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("token_id", sa.String(64)),
        sa.Column("released_on", sa.Date),
        sa.PrimaryKeyConstraint("tenant", "subscriber", name="pk_enrollments"),
        sa.UniqueConstraint("tenant", "user_id", name="uq_enrollments_tenant_user_id"),
        _check("enrollments_state", _words("state", ("ISSUED", "PROVISIONED", "RELEASED", "VOID"))),
        _check("enrollments_provisioned", "(state = 'PROVISIONED') = (token_id IS NOT NULL)"),
        _check("enrollments_released", "(state = 'RELEASED') = (released_on IS NOT NULL)"),
    )
    op.create_table(
        "envelopes",
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("token_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_envelopes"),
    )
    op.create_table(
        "tries",
        sa.Column("bucket", sa.String(96), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_tries"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("letter_id", _UUID, nullable=False),
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subscriber", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(12), nullable=False),
        sa.Column("recipient", sa.String(254)),
        sa.Column("message_id", sa.String(128), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("lease", _UUID),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("reply", sa.String(64)),
        sa.PrimaryKeyConstraint("letter_id", name="pk_outbox"),
        _check("outbox_kind", _words("kind", ("ISSUED", "REPLAYED"))),
        _check("outbox_state", _words("state", ("PENDING", "SENT", "REFUSED"))),
        _check("outbox_recipient", "(state = 'PENDING') = (recipient IS NOT NULL)"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        sqlite_where=sa.text(_PENDING),
        postgresql_where=sa.text(_PENDING),
    )
    op.create_index("ix_outbox_subscriber", "outbox", ["tenant", "subscriber", "created_at"])


def _constrain(table: str, changes: dict[str, str | None]) -> None:
    """Change a table's constraints; None takes one away, a new name adds one."""
    if op.get_context().dialect.name == "postgresql":
        for name, condition in changes.items():
            full = f"ck_{table}_{name}"
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {full}")
            if condition:
                op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {full} CHECK ({condition})")
        return
    _rebuild(table, changes)


def _rebuild(table: str, changes: dict[str, str | None]) -> None:
    """Make an SQLite table anew from its own words, with other constraints."""
    connection = op.get_bind()
    (statement,) = connection.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"),
        {"name": table},
    ).one()
    indexes = connection.execute(
        sa.text(
            "SELECT sql FROM sqlite_master "
            "WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL"
        ),
        {"name": table},
    ).all()
    for name, condition in changes.items():
        statement = _with_constraint(statement, f"ck_{table}_{name}", condition)
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    for (index,) in indexes:
        op.execute(f"DROP INDEX {index.split()[index.split().index('INDEX') + 1]}")
    op.execute(statement)
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before ORDER BY rowid")  # noqa: S608 - names of ours
    op.execute(f"DROP TABLE {table}_before")
    for (index,) in indexes:
        op.execute(index)


def _with_constraint(statement: str, name: str, condition: str | None) -> str:
    """Return a CREATE TABLE whose lines hold one constraint each, with this one changed."""
    opening, *lines = statement.rstrip().removesuffix(")").rstrip().split("\n")
    lines = [line.rstrip().removesuffix(",") for line in lines]
    wanted = [f"\tCONSTRAINT {name} CHECK ({condition})"] if condition else []
    held = [place for place, line in enumerate(lines) if f"CONSTRAINT {name} CHECK" in line]
    place = held[0] if held else len(lines)
    lines[place : place + len(held)] = wanted
    return "\n".join((opening, ", \n".join(lines), ")"))


def _words(column: str, words: tuple[str, ...]) -> str:
    # Not IN: SQLite would build a table of the words for each row that is written.
    return " OR ".join(f"{column} = '{word}'" for word in words)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=sa.schema.conv(f"ck_{name}"))
