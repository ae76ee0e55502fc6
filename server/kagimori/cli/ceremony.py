# SPDX-License-Identifier: Apache-2.0
"""``kagimori ceremony``: make the keys of an HSM, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def ceremony(
    file: Annotated[Path, typer.Argument(help="the ceremony's file, as softhsm/ceremony.toml")],
) -> None:
    """Make the keys of an HSM, once, and try to break them.

    PINs and key components are read from where FILE says or asked for; a
    random PIN is drawn into a PIN file that does not exist. Exit status 0
    means that every check passed and the record is written.
    """
    # Here and not above: python-pkcs11 must not enter a process that serves.
    from kagimori.custody import script  # noqa: PLC0415
    from kagimori.custody.refusal import CeremonyRefused  # noqa: PLC0415

    try:
        script.hold(file, Console())
    except CeremonyRefused as refused:
        typer.echo(f"ceremony: {refused}", err=True)
        raise typer.Exit(1) from None
