# SPDX-License-Identifier: Apache-2.0
"""``kagimori app-profile``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def app_profile(
    *,
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
    target: Annotated[str, typer.Option(help="Where apps reach `kagimori provision`, host:port.")],
    ca: Annotated[Path, typer.Option(help="The CA of its certificate, PEM; it is copied in.")],
) -> None:
    """Print what token apps ship with: the address, its CA, and the keys they may seal to.

    Nothing in it is secret, but an app believes it: take it to the apps' makers by
    a way that nobody can change it on.
    """
    from kagimori.bootstrap import StartError  # noqa: PLC0415 - see kagimori.cli
    from kagimori.bootstrap.provisioning import app_banks  # noqa: PLC0415
    from kagimori.config import ConfigError, load  # noqa: PLC0415
    from kagimori.config.sections import address  # noqa: PLC0415

    try:
        address(target)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--target") from None
    if '"' in target or not target.isprintable():
        raise typer.BadParameter("must be host:port", param_hint="--target")
    try:
        banks = app_banks(load(config))
        authority = ca.read_text(encoding="ascii").strip()
    except (ConfigError, StartError) as error:
        typer.echo(f"kagimori: {error}", err=True)
        raise typer.Exit(1) from None
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"kagimori: --ca: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f'target = "{target}"')
    typer.echo(f'authority_ca = """\n{authority}\n"""\n\n[pins]')
    for bank in banks:
        keys = ", ".join(f'"{pin}"' for pin in bank.pins)
        typer.echo(f"# {bank.name}\n{bank.service_id} = [{keys}]")
    named = [(bank.service_id, bank.registers) for bank in banks if bank.registers]
    if named:
        typer.echo("\n# Whose customers make their tokens in the app, before the bank knows them.")
        typer.echo("[banks]")
    for service_id, name in named:
        # What JSON escapes, TOML does as well.
        typer.echo(f"{service_id} = {json.dumps(name, ensure_ascii=False)}")
