# SPDX-License-Identifier: Apache-2.0
"""``kagimori tokens``: a tenant's tokens, looked at, unlocked and put away."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from kagimori.bootstrap.shelf import ShelfDesk
    from kagimori.domain.lifecycle import Event

tokens = typer.Typer(
    help="Look at a tenant's tokens, unlock them, put them away, plan their exchange.",
    no_args_is_help=True,
)

_Config = Annotated[Path, typer.Option(help="The configuration file, TOML.")]
_Tenant = Annotated[str, typer.Option(help="Whose tokens: the tenant's name or service ID.")]
_Csv = Annotated[bool, typer.Option("--csv", help="Print comma-separated values, all columns.")]
_Serial = Annotated[str, typer.Argument(metavar="SERIAL", help="What is on the token's back.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_DAYS: Final = re.compile(r"([0-9]{1,5})d?")
_LONGEST_DAYS: Final = 36_500


@tokens.command("list")
def list_(  # noqa: PLR0913 - an option each
    config: _Config,
    tenant: _Tenant,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="Only those; repeatable. EXPIRED: its time is over."),
    ] = None,
    custody: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Only those with this custody label.")
    ] = None,
    serial: Annotated[
        str, typer.Option(metavar="PREFIX", help="Only serial numbers that begin so.")
    ] = "",
    delivery: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those that came with this delivery.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    csv: _Csv = False,
) -> None:
    """List tokens by their serial numbers."""
    from kagimori.application.inventory.shelf_ports import (  # noqa: PLC0415 - see kagimori.cli
        STATES,
        Wanted,
    )
    from kagimori.cli.token_pages import print_list  # noqa: PLC0415
    from kagimori.domain.token import CustodyLabel  # noqa: PLC0415

    wanted = Wanted(
        frozenset(_word("--state", word, STATES) for word in state or ()),
        CustodyLabel(_word("--custody", custody, tuple(CustodyLabel))) if custody else None,
        serial,
        delivery,
    )
    with _desk(config, tenant) as desk:
        print_list(desk, wanted, limit, as_csv=csv)


@tokens.command()
def show(serial: _Serial, config: _Config, tenant: _Tenant) -> None:
    """Show all there is to see of a token, and the last ten lines that the audit log has of it.

    It is what the database says: no HSM is asked whether somebody has changed that.
    """
    from kagimori.cli.token_card import print_card  # noqa: PLC0415 - see kagimori.cli

    with _desk(config, tenant) as desk:
        print_card(desk.policy, desk.card(serial))


@tokens.command()
def unlock(serial: _Serial, config: _Config, tenant: _Tenant) -> None:
    """Give a locked token its attempts back, but for those of the day."""
    from kagimori.domain.lifecycle import Event  # noqa: PLC0415 - see kagimori.cli

    with _desk(config, tenant) as desk:
        _change(desk, serial, Event.UNLOCK)


@tokens.command()
def retire(serial: _Serial, config: _Config, tenant: _Tenant, *, yes: _Yes = False) -> None:
    """Retire a token for good: its seed is destroyed."""
    from kagimori.domain.lifecycle import Event  # noqa: PLC0415 - see kagimori.cli

    with _desk(config, tenant) as desk:
        _put_away(desk, serial, Event.RETIRE, asked=not yes)


@tokens.command()
def defective(serial: _Serial, config: _Config, tenant: _Tenant, *, yes: _Yes = False) -> None:
    """Put a token away that is broken: its seed is destroyed."""
    from kagimori.domain.lifecycle import Event  # noqa: PLC0415 - see kagimori.cli

    with _desk(config, tenant) as desk:
        _put_away(desk, serial, Event.CONDEMN, asked=not yes)


@tokens.command()
def due(
    config: _Config,
    tenant: _Tenant,
    within: Annotated[str, typer.Option(metavar="DAYS", help="How far to look ahead: 90d.")],
    *,
    battery_years: Annotated[
        int, typer.Option(min=1, max=50, help="How long the tokens' batteries last.")
    ] = 5,
    csv: _Csv = False,
) -> None:
    """Plan exchanges: tokens whose validity ends, or whose battery is old by then.

    What customers have comes first, then month by month; the months are summed up.
    """
    from kagimori.cli.token_pages import print_due  # noqa: PLC0415 - see kagimori.cli

    days = _DAYS.fullmatch(within)
    if days is None or int(days[1]) > _LONGEST_DAYS:
        raise typer.BadParameter("must be a number of days, as in 90d", param_hint="--within")
    with _desk(config, tenant) as desk:
        counted, dues = desk.due(int(days[1]), battery_years)
        print_due(desk.now(), counted, dues, as_csv=csv)


@tokens.command()
def drifting(
    config: _Config,
    tenant: _Tenant,
    *,
    edge: Annotated[int, typer.Option(min=0, max=1000, help="How many steps count as near.")] = 2,
    csv: _Csv = False,
) -> None:
    """List clocks near the edge of what successes follow them to, or beyond: the worst first."""
    from kagimori.cli.token_pages import print_drifting  # noqa: PLC0415 - see kagimori.cli

    with _desk(config, tenant) as desk:
        print_drifting(desk.policy, desk.now(), desk.drifting(edge), as_csv=csv)


def _word(option: str, word: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise typer.BadParameter(f"must be one of {', '.join(words)}", param_hint=option)
    return word


def _put_away(desk: ShelfDesk, serial: str, event: Event, *, asked: bool) -> None:
    """Ask, and do it."""
    card = desk.card(serial)
    if asked:
        has = "a customer has it" if card.token.is_bound else "no customer has it"
        typer.echo(f"{serial} is {card.token.called(card.now)}; {has}.")
        typer.echo("Its seed will be destroyed, and cannot come back.")
        _confirm(f"{event.capitalize()} {serial}?")
    _change(desk, serial, event)


def _change(desk: ShelfDesk, serial: str, event: Event) -> None:
    change = desk.change(serial, event)
    typer.echo(f"tokens: {serial} was {change.seen.state} and is {change.becomes}")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        typer.echo("kagimori: nobody is there to be asked; --yes does it without", err=True)
        raise typer.Exit(1)
    if not typer.confirm(question):
        typer.echo("tokens: nothing was changed")
        raise typer.Exit(1)


@contextmanager
def _desk(config: Path, tenant: str) -> Iterator[ShelfDesk]:
    """Open the desk; what is refused there is told, with exit status 1."""
    from kagimori.application.inventory.shelf import (  # noqa: PLC0415 - see kagimori.cli
        ShelfRefused,
    )
    from kagimori.bootstrap.refusals import StartError  # noqa: PLC0415
    from kagimori.bootstrap.shelf import shelf_desk  # noqa: PLC0415
    from kagimori.cli.screen import visible  # noqa: PLC0415
    from kagimori.config import ConfigError, load  # noqa: PLC0415
    from kagimori.domain.errors import AuthorityError  # noqa: PLC0415
    from kagimori.processes.operator import operator  # noqa: PLC0415

    try:
        with shelf_desk(load(config), tenant, operator()) as desk:
            yield desk
    except (ConfigError, StartError, ShelfRefused, AuthorityError) as error:
        for line in str(error).splitlines():
            typer.echo(f"kagimori: {visible(line)}", err=True)
        raise typer.Exit(1) from None
