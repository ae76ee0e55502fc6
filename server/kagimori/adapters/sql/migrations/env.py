# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs; the connection comes from `kagimori.adapters.sql.migrations`."""

from alembic import context

from kagimori.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
