# SPDX-License-Identifier: Apache-2.0
"""The ``kagimori`` command: one thin file per subcommand.

Each subcommand imports what it needs when it runs, because some must never
meet in one process: the ceremony's python-pkcs11 and the server's extension.
"""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from kagimori.cli.app_profile import app_profile
from kagimori.cli.ceremony import ceremony
from kagimori.cli.database import database
from kagimori.cli.import_tokens import import_tokens
from kagimori.cli.mail import mail
from kagimori.cli.print_cards import print_cards
from kagimori.cli.provision import provision
from kagimori.cli.rewrap_pskc import rewrap_pskc
from kagimori.cli.serve import serve
from kagimori.cli.tenants import tenants
from kagimori.cli.tokens import tokens

app = typer.Typer(
    name="kagimori",
    help="Kagimori (鍵守): an OTP token authority for banks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables
)


@app.callback(invoke_without_command=True)
def _kagimori(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"kagimori {metadata.version('kagimori')}")
        raise typer.Exit


app.command("app-profile")(app_profile)
app.command()(ceremony)
app.command()(database)
app.command("import-tokens")(import_tokens)
app.command()(mail)
app.command("print-cards")(print_cards)
app.command()(provision)
app.command("rewrap-pskc")(rewrap_pskc)
app.command()(serve)
app.add_typer(tenants, name="tenants")
app.add_typer(tokens, name="tokens")


def main() -> None:
    """Run the command line."""
    app()
