# SPDX-License-Identifier: Apache-2.0
"""``kagimori database``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def database(
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
) -> None:
    """Create the database, or bring its schema up to date. Safe to run again."""
    from kagimori.bootstrap import StartError, migrate  # noqa: PLC0415 - see kagimori.cli
    from kagimori.config import ConfigError, load  # noqa: PLC0415

    try:
        revision = migrate(load(config))
    except (ConfigError, StartError) as error:
        typer.echo(f"kagimori: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"database: schema {revision}")
