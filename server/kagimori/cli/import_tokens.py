# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens``."""

from __future__ import annotations

import getpass
import re
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from kagimori.adapters.report_file import ReportFile
    from kagimori.application.deliveries.report import Sink
    from kagimori.processes.import_tokens import ImportRequest

NOTHING_IMPORTED: Final = 1
BROKE_OFF: Final = 4

_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


_File = Annotated[Path, typer.Argument(help="The vendor's PSKC file (RFC 6030).")]
_Config = Annotated[Path, typer.Option(help="The configuration file, TOML.")]
_Tenant = Annotated[str, typer.Option(help="Whose tokens they are, by the tenant's name.")]
_Vendor = Annotated[str, typer.Option(help="Whose keys the file is under.")]
_AllowHostTransient = Annotated[
    bool,
    typer.Option(
        "--allow-host-transient",
        help="Let this process open seeds that the HSM cannot, in locked memory.",
    ),
]
_AllowClearText = Annotated[
    bool,
    typer.Option("--allow-clear-text", help="Take seeds that are in clear: others may know them."),
]
_Assign = Annotated[
    list[str] | None,
    typer.Option(metavar="SERIAL=SUBSCRIBER", help="Give a token to a subscriber; repeatable."),
]
_Activate = Annotated[
    bool, typer.Option("--activate", help="Put the assigned tokens in use at once.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Do all but the writing, and report.")]
_AllOrNothing = Annotated[
    bool,
    typer.Option(
        "--all-or-nothing",
        help="Judge the whole file first; import it only if none is refused.",
    ),
]
_Report = Annotated[
    Path | None, typer.Option(metavar="FILE.csv", help="Write a line for each serial.")
]
_Csv = Annotated[
    bool, typer.Option("--csv", help="The file is OATH CSV: serial, seed, type and so on.")
]
_PasswordFile = Annotated[
    Path | None, typer.Option(help="A file with the password that the file is under.")
]
_Signer = Annotated[
    Path | None, typer.Option(metavar="CERT.pem", help="Who must have signed the file.")
]
_Sha256 = Annotated[
    str | None,
    typer.Option(metavar="HEX", help="The file's digest, as the vendor said it another way."),
]


def import_tokens(  # noqa: PLR0913 - an option each
    file: _File,
    *,
    config: _Config,
    tenant: _Tenant,
    vendor: _Vendor,
    allow_host_transient: _AllowHostTransient = False,
    allow_clear_text: _AllowClearText = False,
    assign: _Assign = None,
    activate: _Activate = False,
    dry_run: _DryRun = False,
    all_or_nothing: _AllOrNothing = False,
    report: _Report = None,
    csv: _Csv = False,
    password_file: _PasswordFile = None,
    signer: _Signer = None,
    sha256: _Sha256 = None,
) -> None:
    """Take a vendor's hardware tokens into a tenant's stock, with a report for each.

    A token that cannot be taken over keeps no other out. What was cut off is
    completed by running it again. Exit status 0: all are in; 1: nothing was
    imported; 2: wrong usage; 3: some were left out; 4: the file broke off, or the
    import was interrupted: what came before is in.
    """
    from kagimori.adapters.pskc.file import ReadOptions  # noqa: PLC0415 - see kagimori.cli
    from kagimori.processes.import_tokens import Allowed, ImportRequest  # noqa: PLC0415

    if activate and not assign:
        raise typer.BadParameter("nothing is assigned; see --assign", param_hint="--activate")
    request = ImportRequest(
        file=file,
        config=config,
        tenant=tenant,
        reading=ReadOptions(vendor, signer=_octets_of(signer, "--signer"), csv=csv),
        password=partial(_password, password_file),
        sha256=_digest(sha256),
        allowed=Allowed(allow_host_transient, allow_clear_text),
        assignments=_assignments(assign or []),
        activate=activate,
        dry_run=dry_run,
        all_or_nothing=all_or_nothing,
    )
    raise typer.Exit(_imported(request, report))


def _imported(request: ImportRequest, report: Path | None) -> int:
    """Import, and say how it went; return the exit code."""
    from kagimori.application.deliveries.import_tokens import (  # noqa: PLC0415 - see kagimori.cli
        DeliveryRefused,
        OrderRefused,
    )
    from kagimori.application.deliveries.vendor_file import VendorFileRefused  # noqa: PLC0415
    from kagimori.bootstrap import StartError  # noqa: PLC0415
    from kagimori.cli.import_pages import HINTS, Shown  # noqa: PLC0415
    from kagimori.config import ConfigError  # noqa: PLC0415
    from kagimori.domain.errors import AuthorityError  # noqa: PLC0415
    from kagimori.processes.import_tokens import run  # noqa: PLC0415

    with ExitStack() as closing:
        sinks: list[Sink] = []
        if report is not None:
            sinks.append(_opened(report, closing))
        shown = closing.enter_context(Shown.on_terminal(sinks))
        try:
            summary = run(request, shown, shown.begin)
        except (ConfigError, StartError, OrderRefused, AuthorityError) as error:
            _refuse("; ".join([str(error), *getattr(error, "__notes__", ())]))
        except DeliveryRefused as error:
            _refuse(f"{request.file}: {error}", HINTS.get(error.reason))
        except VendorFileRefused as error:
            _refuse(f"{request.file}: {error}")
        except OSError as error:
            _end(error, report)
    return shown.conclude(summary, request.file)


def _opened(report: Path, closing: ExitStack) -> ReportFile:
    from kagimori.adapters.report_file import report_file  # noqa: PLC0415 - see kagimori.cli

    try:
        return closing.enter_context(report_file(report))
    except OSError as error:
        raise typer.BadParameter(f"{report}: {error.strerror}", param_hint="--report") from None


def _refuse(said: str, hint: str | None = None) -> NoReturn:
    for sentence in (said, hint, "nothing was imported"):
        if sentence:
            typer.echo(f"kagimori: {sentence}", err=True)
    raise typer.Exit(NOTHING_IMPORTED) from None


def _end(error: OSError, report: Path | None) -> NoReturn:
    """Say that a file could not be read or written on, halfway through."""
    typer.echo(f"kagimori: {error.filename or report}: {error.strerror}", err=True)
    typer.echo("kagimori: the import ended there; run it again to go on", err=True)
    raise typer.Exit(BROKE_OFF) from None


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


def _digest(text: str | None) -> bytes | None:
    if text is None:
        return None
    if not _SHA256.fullmatch(text):
        raise typer.BadParameter("must be 64 hexadecimal digits", param_hint="--sha256")
    return bytes.fromhex(text)


def _octets_of(path: Path | None, option: str) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint=option) from None


def _password(path: Path | None) -> str:
    """Return the password that the vendor's file is under, which is never an argument."""
    from kagimori.config import ConfigError  # noqa: PLC0415 - see kagimori.cli

    if path is None:
        if not sys.stdin.isatty():
            raise ConfigError("the file is under a password, and nobody is there: --password-file")
        return getpass.getpass("password of the vendor's file: ")
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ConfigError(f"--password-file: {error.strerror}: {path}") from None
    except UnicodeDecodeError:
        # Its own words would show the password.
        raise ConfigError(f"--password-file: {path} is not UTF-8 text") from None
