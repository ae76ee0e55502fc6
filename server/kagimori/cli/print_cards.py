# SPDX-License-Identifier: Apache-2.0
"""``kagimori print-cards``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from kagimori.adapters.print_shop import CmsPrintShop
    from kagimori.application.grid_cards.printing import Printed
    from kagimori.processes.print_cards import Checked, Completed, PrintRequest

NOTHING_PRINTED: Final = 1
EARLIER_COMPLETED: Final = 3
UNFINISHED: Final = 4


def print_cards(  # noqa: PLR0913 - an option each
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="The file for the print shop; must not exist.")
    ],
    *,
    config: Annotated[Path, typer.Option(help="The configuration file, TOML.")],
    tenant: Annotated[str, typer.Option(help="Whose customers they are, by the tenant's name.")],
    subscribers: Annotated[
        Path, typer.Option(metavar="FILE", help="The bank's customer numbers, one in each line.")
    ],
    certificate: Annotated[
        Path, typer.Option(metavar="SHOP.pem", help="The print shop's certificate.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and draw nothing.")
    ] = False,
) -> None:
    """Draw a grid card for each customer, and encrypt their cells to the print shop.

    A customer's earlier card is void from then on. Exit status 0: all are printed; 1:
    nothing was; 2: wrong usage; 3: OUT is an earlier run's, which had been cut off; 4:
    it was cut off when OUT was nearly done: run it again, and it finds out.
    """
    from kagimori.processes.print_cards import PrintRequest  # noqa: PLC0415 - see kagimori.cli

    request = PrintRequest(config, tenant, subscribers, certificate, target, dry_run)
    raise typer.Exit(_printed(request))


def _printed(request: PrintRequest) -> int:
    """Print, and say how it went; return the exit code."""
    from kagimori.application.grid_cards.print_order import (  # noqa: PLC0415 - see kagimori.cli
        PrintRefused,
        PrintUnfinished,
    )
    from kagimori.bootstrap import StartError  # noqa: PLC0415
    from kagimori.config import ConfigError  # noqa: PLC0415
    from kagimori.domain.errors import AuthorityError  # noqa: PLC0415
    from kagimori.processes.print_cards import run  # noqa: PLC0415

    try:
        return _conclude(request, run(request, _introduce))
    except PrintUnfinished as error:
        _end(str(error), "run it again: it finds out what became of it", UNFINISHED)
    except (ConfigError, StartError, PrintRefused, AuthorityError) as error:
        said = "; ".join([str(error), *getattr(error, "__notes__", ())])
        _end(said, "nothing was printed", NOTHING_PRINTED)
    except OSError as error:
        said = f"{error.filename or request.target}: {error.strerror}"
        _end(said, "nothing was printed", NOTHING_PRINTED)


def _introduce(shop: CmsPrintShop) -> None:
    from kagimori.cli.screen import visible  # noqa: PLC0415 - see kagimori.cli

    _say(f"to   {visible(shop.name)}: SHA-256 {shop.fingerprint.hex()}")


def _conclude(request: PrintRequest, done: Printed | Checked | Completed) -> int:
    from kagimori.processes.print_cards import Checked, Completed  # noqa: PLC0415 - see above

    if isinstance(done, Checked):
        _say(f"{done.cards} cards can be printed")
        return 0
    if isinstance(done, Completed):
        _say(f"an earlier run has made {done.cards} cards live; its file has its name now")
        _say("this run has printed nothing; name another OUT for other customers")
    else:
        _say(f"{done.cards} cards printed; {done.replaced} earlier ones are void")
    _say(f"OUT  {request.target}: SHA-256 {done.digest.hex()}")
    return EARLIER_COMPLETED if isinstance(done, Completed) else 0


def _say(line: str) -> None:
    typer.echo(f"print-cards: {line}")


def _end(said: str, hint: str, status: int) -> NoReturn:
    typer.echo(f"kagimori: {said}\nkagimori: {hint}", err=True)
    raise typer.Exit(status) from None
