# SPDX-License-Identifier: Apache-2.0
"""The command line: what can be typed, in the customer's language, and how it ends."""

# No `from __future__ import annotations`: the options' help is not known before
# the language is, so typer has to find it in the annotations themselves.

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

import kagimori_client
from kagimori_client.token.cli import signing_texts, texts
from kagimori_client.token.cli.commands import Commands
from kagimori_client.token.cli.desk import Desk
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.cli.shelf import Shelf, home_of
from kagimori_client.token.cli.signing import Signing
from kagimori_client.token.cli.texts import Words, language_of
from kagimori_client.token.cli.unlocking import Unlocking

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130


def run(arguments: Sequence[str]) -> int:
    """Run one command; return the exit status: 0, 1, 2 for misuse, 130 for Ctrl-C."""
    _forbid_core_dumps()
    _print_what_can_be()
    words = Words(language_of(arguments, os.environ))
    desk = Desk(words)
    shelf = Shelf(home_of(os.environ))
    app = build(Commands(desk, shelf), words)
    add_signing(app, Signing(desk, Unlocking(desk, shelf)), words)
    try:
        status = app(_without_language(arguments), "kagimori-token", standalone_mode=False)
    except TyperException as wrong:
        desk.complain(Trouble(texts.BAD_USAGE, said=wrong.format_message()))
        return MISUSED
    except (typer.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - no customer reads a traceback
        desk.complain(error)
        return FAILED
    if status == INTERRUPTED:
        desk.complain(Trouble(texts.INTERRUPTED))
    return int(status or 0)


def build(commands: Commands, words: Words) -> typer.Typer:
    """Return the app that runs ``commands`` and explains itself in ``words``."""
    Token = Annotated[str | None, typer.Option("--token", "-t", help=words(texts.ABOUT_TOKEN))]  # noqa: N806 - types
    Once = Annotated[bool, typer.Option("--once", help=words(texts.ABOUT_ONCE))]  # noqa: N806
    Ascii = Annotated[bool, typer.Option("--ascii", help=words(texts.ABOUT_ASCII))]  # noqa: N806
    Authority = Annotated[Path | None, typer.Option(help=words(texts.ABOUT_AUTHORITY))]  # noqa: N806
    Yes = Annotated[bool, typer.Option("--yes", help=words(texts.ABOUT_YES))]  # noqa: N806
    Label = Annotated[str, typer.Argument(help=words(texts.ABOUT_NEW_LABEL))]  # noqa: N806
    Bank = Annotated[str | None, typer.Argument(help=words(texts.ABOUT_BANK))]  # noqa: N806
    app = _typer(commands, words)

    @app.command(help=words(texts.ABOUT_NEW))
    def new(bank: Bank = None, *, authority: Authority = None, ascii_only: Ascii = False) -> None:
        commands.make(bank, authority, ascii_only=ascii_only)

    @app.command(help=words(texts.ABOUT_SETUP))
    def setup(*, authority: Authority = None, ascii_only: Ascii = False) -> None:
        commands.set_up(authority, ascii_only=ascii_only)

    @app.command(help=words(texts.ABOUT_SHOW))
    def show(*, token: Token = None, once: Once = False, ascii_only: Ascii = False) -> None:
        commands.show(token, once=once, ascii_only=ascii_only)

    @app.command("list", help=words(texts.ABOUT_LIST))
    def list_() -> None:
        commands.list_tokens()

    @app.command(help=words(texts.ABOUT_LABEL))
    def label(text: Label, *, token: Token = None) -> None:
        commands.label(token, text)

    @app.command(help=words(texts.ABOUT_TIME))
    def time(*, token: Token = None, authority: Authority = None) -> None:
        commands.time(token, authority)

    @app.command(help=words(texts.ABOUT_REMOVE))
    def remove(*, token: Token = None, yes: Yes = False) -> None:
        commands.remove(token, yes=yes)

    return app


def add_signing(app: typer.Typer, signing: Signing, words: Words) -> None:
    """Let ``app`` run the command ``sign`` as well."""
    File = Annotated[Path | None, typer.Argument(help=words(signing_texts.ABOUT_FILE))]  # noqa: N806 - types
    Typed = Annotated[bool, typer.Option("--typed", help=words(signing_texts.ABOUT_TYPED))]  # noqa: N806
    Token = Annotated[str | None, typer.Option("--token", "-t", help=words(texts.ABOUT_TOKEN))]  # noqa: N806
    Yes = Annotated[bool, typer.Option("--yes", help=words(signing_texts.ABOUT_YES))]  # noqa: N806
    Ascii = Annotated[bool, typer.Option("--ascii", help=words(texts.ABOUT_ASCII))]  # noqa: N806

    @app.command(help=words(signing_texts.ABOUT_SIGN))
    def sign(
        file: File = None,
        *,
        typed: Typed = False,
        token: Token = None,
        yes: Yes = False,
        ascii_only: Ascii = False,
    ) -> None:
        if not typed:
            signing.scanned(token, file, yes=yes, plain=ascii_only)
        elif file is None:
            signing.typed(token, yes=yes, plain=ascii_only)
        else:
            raise Trouble(signing_texts.FILE_OR_TYPED)


def _typer(commands: Commands, words: Words) -> typer.Typer:
    Token = Annotated[str | None, typer.Option("--token", "-t", help=words(texts.ABOUT_TOKEN))]  # noqa: N806 - types
    Once = Annotated[bool, typer.Option("--once", help=words(texts.ABOUT_ONCE))]  # noqa: N806
    Ascii = Annotated[bool, typer.Option("--ascii", help=words(texts.ABOUT_ASCII))]  # noqa: N806
    Lang = Annotated[str | None, typer.Option("--lang", help=words(texts.ABOUT_LANG))]  # noqa: N806
    Version = Annotated[bool, typer.Option("--version", help=words(texts.ABOUT_VERSION))]  # noqa: N806
    app = typer.Typer(help=words(texts.ABOUT), add_completion=False, pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True)
    def usual(  # noqa: PLR0913 - an option each
        context: typer.Context,
        *,
        token: Token = None,
        once: Once = False,
        ascii_only: Ascii = False,
        lang: Lang = None,  # noqa: ARG001 - taken before; here for the help
        version: Version = False,
    ) -> None:
        if version:
            typer.echo(f"kagimori-token {kagimori_client.__version__}")
        elif context.invoked_subcommand is None:
            commands.show(token, once=once, ascii_only=ascii_only)

    return app


def _without_language(arguments: Sequence[str]) -> list[str]:
    """Return ``arguments`` without a ``--lang`` that was understood, wherever it stood."""
    left: list[str] = []
    known = {language.value for language in texts.Language}
    for argument in arguments:
        if argument.removeprefix("--lang=") in known and argument.startswith("--lang="):
            continue
        if argument in known and left and left[-1] == "--lang":
            left.pop()
            continue
        left.append(argument)
    return left


def _print_what_can_be() -> None:
    """Print a question mark for what the terminal's encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _forbid_core_dumps() -> None:
    """Keep seeds out of a core file, where the system has limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
