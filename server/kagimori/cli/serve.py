# SPDX-License-Identifier: Apache-2.0
"""``kagimori serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Serve with so many processes; needs PostgreSQL."),
    ] = None,
) -> None:
    """Serve bank channels until SIGTERM or SIGINT; calls under way are finished."""
    # See kagimori.cli for why these are not at the top.
    if workers is None:
        from kagimori.processes import serve  # noqa: PLC0415

        raise typer.Exit(serve.main(config))
    from kagimori.processes import supervise  # noqa: PLC0415

    raise typer.Exit(supervise.main(config, workers))
