# SPDX-License-Identifier: Apache-2.0
"""``kagimori serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
) -> None:
    """Serve bank channels until SIGTERM or SIGINT; calls under way are finished."""
    from kagimori.bootstrap import StartError  # noqa: PLC0415 - see kagimori.cli
    from kagimori.config import ConfigError  # noqa: PLC0415
    from kagimori.processes.serve import run  # noqa: PLC0415

    try:
        run(config)
    except (ConfigError, StartError) as error:
        typer.echo(f"kagimori: {error}", err=True)
        raise typer.Exit(1) from None
