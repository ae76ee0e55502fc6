# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kagimori.application.inventory.import_tokens import ImportReport

NOTHING_IMPORTED = 1
DUPLICATES_LEFT_ALONE = 3


def import_tokens(  # noqa: PLR0913 - an option each
    file: Annotated[Path, typer.Argument(help="The vendor's PSKC file (RFC 6030).")],
    *,
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
    tenant: Annotated[str, typer.Option(help="Whose tokens they are, by the tenant's name.")],
    vendor: Annotated[str, typer.Option(help="Whose transport key the file is under.")],
    allow_host_transient: Annotated[
        bool,
        typer.Option(
            "--allow-host-transient",
            help="Let this process open seeds that the HSM cannot, in locked memory.",
        ),
    ] = False,
    assign: Annotated[
        list[str] | None,
        typer.Option(metavar="SERIAL=SUBSCRIBER", help="Give a token to a subscriber; repeatable."),
    ] = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Put the assigned tokens in use at once.")
    ] = False,
) -> None:
    """Take a vendor's hardware tokens into a tenant's inventory: the whole file or nothing."""
    from kagimori.application.inventory.import_tokens import (  # noqa: PLC0415 - see kagimori.cli
        OrderRefused,
    )
    from kagimori.application.inventory.vendor_file import VendorFileRefused  # noqa: PLC0415
    from kagimori.bootstrap import StartError  # noqa: PLC0415
    from kagimori.config import ConfigError  # noqa: PLC0415
    from kagimori.domain.errors import AuthorityError  # noqa: PLC0415
    from kagimori.processes.import_tokens import ImportRequest, run  # noqa: PLC0415

    if activate and not assign:
        raise typer.BadParameter("nothing is assigned; see --assign", param_hint="--activate")
    request = ImportRequest(
        file, config, tenant, vendor, allow_host_transient, _assignments(assign or []), activate
    )
    try:
        report = run(request)
    except (ConfigError, StartError, OrderRefused, VendorFileRefused, AuthorityError) as error:
        said = "; ".join([str(error), *getattr(error, "__notes__", ())])
        said = f"{file}: {said}" if isinstance(error, VendorFileRefused) else said
        typer.echo(f"kagimori: {said}\nkagimori: nothing was imported", err=True)
        raise typer.Exit(NOTHING_IMPORTED) from None
    raise typer.Exit(_show(report))


def _assignments(options: list[str]) -> dict[str, str]:
    assignments: dict[str, str] = {}
    for option in options:
        serial, _, subscriber = option.partition("=")
        # The option itself is not shown: it may name a customer.
        if not serial or not subscriber:
            raise typer.BadParameter("must be SERIAL=SUBSCRIBER", param_hint="--assign")
        if serial in assignments:
            raise typer.BadParameter(f"{serial} is assigned twice", param_hint="--assign")
        assignments[serial] = subscriber
    return assignments


def _show(report: ImportReport) -> int:
    """Print the report and return the exit code."""
    from rich.console import Console  # noqa: PLC0415 - see kagimori.cli
    from rich.table import Table  # noqa: PLC0415

    from kagimori.application.inventory.import_tokens import Result  # noqa: PLC0415

    table = Table()
    for heading, whole in (("serial", True), ("result", True), ("custody, or why not", False)):
        table.add_column(heading, no_wrap=whole)
    for line in report.lines:
        table.add_row(line.serial, line.result, line.note)
    Console(markup=False, highlight=False).print(table)
    imported, duplicates, refused = map(
        report.count, (Result.IMPORTED, Result.DUPLICATE, Result.REFUSED)
    )
    if refused:
        typer.echo("import: the file is refused as a whole")
    if any(line.note.startswith("HOST_TRANSIENT_NOT_ALLOWED") for line in report.lines):
        typer.echo("import: --allow-host-transient would open it in this process's locked memory")
    typer.echo(f"import: {imported} imported, {duplicates} duplicates, {refused} refused")
    if refused:
        return NOTHING_IMPORTED
    return DUPLICATES_LEFT_ALONE if duplicates else 0
