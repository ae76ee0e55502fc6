# SPDX-License-Identifier: Apache-2.0
"""``kagimori tenants``: the banks' rules, shown and changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kagimori.bootstrap import TenantDesk

tenants = typer.Typer(
    help="Show the tenants' rules that are in force, or change them.", no_args_is_help=True
)

_Config = Annotated[Path, typer.Option(help="The configuration file, TOML.")]


@tenants.command()
def apply(
    config: _Config,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TENANTS_FILE]",
            help="The tenants' file; else the one that the configuration names.",
        ),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before applying.")] = False,
) -> None:
    """Put the tenants' file in force: show what changes, ask, and apply all of it or nothing.

    Servers follow within seconds, without a restart. A tenant that is not in the
    file stays as it is. Exit status 0: applied, or nothing to do; 1: refused.
    """
    from kagimori.cli.tenant_pages import print_plan  # noqa: PLC0415 - see kagimori.cli
    from kagimori.config import load  # noqa: PLC0415
    from kagimori.processes.operator import operator  # noqa: PLC0415

    with _desk(config) as desk:
        plan = desk.plan(file or load(config).tenants)
        print_plan(plan)
        if not plan.changes:
            typer.echo("tenants: nothing to do")
            return
        if not yes:
            _confirm()
        desk.apply(plan, operator())
        typer.echo(f"tenants: applied {len(plan.changes)}")


@tenants.command()
def show(config: _Config) -> None:
    """Print the tenants in force."""
    from kagimori.cli.tenant_pages import print_rows  # noqa: PLC0415 - see kagimori.cli

    with _desk(config) as desk:
        print_rows(desk.rows())


@contextmanager
def _desk(config: Path) -> Iterator[TenantDesk]:
    """Open the desk; what is refused there is told, with exit status 1."""
    from kagimori.application.administration.tenants import (  # noqa: PLC0415 - see kagimori.cli
        TenantsRefused,
    )
    from kagimori.bootstrap import StartError, tenant_desk  # noqa: PLC0415
    from kagimori.config import ConfigError, load  # noqa: PLC0415
    from kagimori.domain.errors import StoreUnavailable  # noqa: PLC0415

    try:
        with tenant_desk(load(config)) as desk:
            yield desk
    except (ConfigError, StartError, TenantsRefused, StoreUnavailable) as error:
        for line in str(error).splitlines():
            typer.echo(f"kagimori: {line}", err=True)
        raise typer.Exit(1) from None


def _confirm() -> None:
    if not sys.stdin.isatty():
        typer.echo("kagimori: nobody is there to be asked; --yes applies without", err=True)
        raise typer.Exit(1)
    if not typer.confirm("Apply?"):
        typer.echo("tenants: nothing was changed")
        raise typer.Exit(1)
