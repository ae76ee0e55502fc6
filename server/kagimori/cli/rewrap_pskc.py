# SPDX-License-Identifier: Apache-2.0
"""``kagimori rewrap-pskc``: the offline half of a key ceremony."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from kagimori.application.deliveries.rewrap import RewrapLine
    from kagimori.application.deliveries.vendor_file import VendorFile
    from kagimori.processes.rewrap_pskc import Rewrapped, Rewrapping, RewrapRequest

NOTHING_WRITTEN: Final = 1
SOME_REFUSED: Final = 3

_SHOWN: Final = 20
_REDRAWN_EVERY: Final = 256
_LONGEST_PASSWORD: Final = 4096
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


def rewrap_pskc(  # noqa: PLR0913 - an option each
    source: Annotated[Path, typer.Argument(metavar="IN", help="The vendor's PSKC file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The new file; must not exist.")],
    *,
    vendor: Annotated[str, typer.Option(help="The vendor, as the ceremony's file names it.")],
    to: Annotated[
        Path,
        typer.Option(help="The HSM's public key: vendor-NAME-onetime.pem of the ceremony."),
    ],
    key_file: Annotated[
        Path | None, typer.Option(help="A file with the vendor's key in hexadecimal.")
    ] = None,
    components: Annotated[
        int | None, typer.Option(min=2, max=5, help="So many people type a component each.")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password, for a file under one.")
    ] = None,
    signer: Annotated[
        Path | None, typer.Option(help="Certificate (PEM) of who must have signed IN.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="SHA-256 of IN, as the vendor said it by another way.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="A new CSV file with a line for each token.")
    ] = None,
    all_or_nothing: Annotated[
        bool, typer.Option("--all-or-nothing", help="Write nothing if one token is refused.")
    ] = False,
) -> None:
    """Turn a vendor's file into one that opens inside the HSM alone.

    For a machine without network and HSM: the seeds are open in its memory.
    The vendor's key is asked for, unless a file holds it. Exit status 0 means
    that every token was taken over, 3 that some were not, 1 that nothing was
    written.
    """
    from kagimori.adapters.pskc.file import ReadOptions  # noqa: PLC0415 - see kagimori.cli
    from kagimori.processes.rewrap_pskc import RewrapRequest  # noqa: PLC0415

    if sum(option is not None for option in (key_file, components, password_file)) > 1:
        raise typer.BadParameter("there is one key: name one of the three", param_hint="--key-file")
    password = None if password_file is None else _password_of(password_file)
    signed = None if signer is None else _octets_of(signer, "--signer")
    request = RewrapRequest(
        source=source,
        target=target,
        recipient=to,
        reading=ReadOptions(vendor, password=password, signer=signed),
        password=_typed_password,
        sha256=None if sha256 is None else _digest(sha256),
        all_or_nothing=all_or_nothing,
        report=report,
    )
    raise typer.Exit(_rewrap(request, key_file if key_file is not None else components or 1))


def _rewrap(request: RewrapRequest, key_from: Path | int) -> int:
    """Rewrap, say what came of it, and return the exit code."""
    from kagimori.application.deliveries.rewrap import RewrapRefused  # noqa: PLC0415
    from kagimori.application.deliveries.vendor_file import VendorFileRefused  # noqa: PLC0415
    from kagimori.custody.refusal import CeremonyRefused  # noqa: PLC0415
    from kagimori.processes.rewrap_pskc import opened  # noqa: PLC0415

    refused: list[RewrapLine] = []
    try:
        with opened(request) as rewrapping:
            _introduce(rewrapping)
            key = _key(rewrapping, key_from)
            with _progress(rewrapping.file, refused) as tell:
                done = rewrapping.run(key, tell)
    except VendorFileRefused as error:
        _nothing(f"{request.source}: {error}")
    except (RewrapRefused, CeremonyRefused) as error:
        _nothing(str(error))
    return _conclude(request, done, refused)


def _introduce(rewrapping: Rewrapping) -> None:
    request = rewrapping.request
    _say(f"IN   {request.source}: SHA-256 {rewrapping.file.digest.hex()}")
    _say(f"to   {request.recipient}: SHA-256 {rewrapping.fingerprint.hex()}")


def _key(rewrapping: Rewrapping, source: Path | int) -> bytes | None:
    """Return the vendor's key, from a file or as it is typed; None for a password's."""
    from kagimori.custody import components  # noqa: PLC0415

    if rewrapping.cipher is None:
        if source != 1:
            hint = "--key-file" if isinstance(source, Path) else "--components"
            raise typer.BadParameter("the file's key comes from a password", param_hint=hint)
        return None
    vendor = rewrapping.request.reading.vendor
    return components.enter(vendor, rewrapping.cipher, source, _say)


@contextmanager
def _progress(
    file: VendorFile, refused: list[RewrapLine]
) -> Iterator[Callable[[RewrapLine], None]]:
    """Show how much is read, on a terminal; keep the first tokens that were refused."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rewrapping", total=file.size)
        told = 0

        def tell(line: RewrapLine) -> None:
            nonlocal told
            told += 1
            if line.reason and len(refused) < _SHOWN:
                refused.append(line)
            if told % _REDRAWN_EVERY == 0:
                bar.update(task, completed=file.position)

        yield tell


def _conclude(request: RewrapRequest, done: Rewrapped, refused: list[RewrapLine]) -> int:
    count = done.count
    for line in refused:
        where = ", ".join([line.serial or "a token", *([f"line {line.line}"] if line.line else [])])
        _say(f"{where}: {line.reason}: {line.detail}")
    more = sum(count.refused.values()) - len(refused)
    if more:
        _say(f"and {more} more")
    for reason, tokens in count.refused.most_common():
        _say(f"{tokens} refused: {reason}")
    if done.digest is None:
        _nothing("a token was refused" if count.rewrapped else "no token could be taken over")
    _say(f"{count.rewrapped} tokens rewrapped")
    _say(f"OUT  {request.target}: SHA-256 {done.digest.hex()}")
    return SOME_REFUSED if count.refused else 0


def _typed_password() -> str:
    if not sys.stdin.isatty():
        _nothing("the file's password is typed at a terminal, and this is none")
    return getpass.getpass("the file's password: ")


def _password_of(path: Path) -> str:
    try:
        text = _octets_of(path, "--password-file").decode("utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter("not UTF-8 text", param_hint="--password-file") from None
    password = text.rstrip("\r\n")
    if not password:
        raise typer.BadParameter("the file is empty", param_hint="--password-file")
    return password


def _octets_of(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST_PASSWORD if option == "--password-file" else -1)
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {path}", param_hint=option) from None


def _digest(text: str) -> bytes:
    if not _SHA256.fullmatch(text):
        raise typer.BadParameter("a SHA-256 has 64 hexadecimal digits", param_hint="--sha256")
    return bytes.fromhex(text)


def _say(line: str) -> None:
    typer.echo(f"rewrap: {line}")


def _nothing(reason: str) -> NoReturn:
    typer.echo(f"kagimori: {reason}\nkagimori: nothing was written", err=True)
    raise typer.Exit(NOTHING_WRITTEN)
