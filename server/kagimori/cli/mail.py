# SPDX-License-Identifier: Apache-2.0
"""``kagimori mail``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mail(
    *,
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
    once: Annotated[
        bool, typer.Option("--once", help="Send what is due now, then end; 0 if all of it went.")
    ] = False,
) -> None:
    """Send the letters of the outbox until SIGTERM or SIGINT; the one under way is finished."""
    from kagimori.processes import mail  # noqa: PLC0415 - see kagimori.cli

    raise typer.Exit(mail.main(config, once=once))
