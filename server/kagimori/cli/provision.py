# SPDX-License-Identifier: Apache-2.0
"""``kagimori provision``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def provision(
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
) -> None:
    """Set token apps up until SIGTERM or SIGINT; calls under way are finished."""
    from kagimori.processes import provision  # noqa: PLC0415 - see kagimori.cli

    raise typer.Exit(provision.main(config))
