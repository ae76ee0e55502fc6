# SPDX-License-Identifier: Apache-2.0
"""The process that sends the letters of the outbox, one after the other."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from kagimori import bootstrap, config
from kagimori.adapters.vault import harden_process
from kagimori.application.notification.send_letters import Outcome, Report, SendLetters
from kagimori.bootstrap.mailing import MailAuthority, mailing
from kagimori.config import ConfigError
from kagimori.domain.errors import StoreUnavailable
from kagimori.processes import logs
from kagimori.processes.exits import Exit
from kagimori.processes.readiness import say_ready

_LOG: Final = structlog.get_logger("kagimori.mail")

POLL: Final = 1.0
"""Seconds after which an outbox that had nothing to send is looked at again."""

NOT_ALL_SENT: Final = 75
"""Exit code: a letter did not go out, or the database did not answer (EX_TEMPFAIL)."""


def main(path: Path, *, once: bool) -> int:
    """Send as `run` does, and return the exit code; a refusal is told on standard error."""
    try:
        return run(path, once=once)
    except (ConfigError, bootstrap.StartError) as error:
        sys.stderr.write(f"kagimori: {error}\n")
        return Exit.REFUSED


def run(path: Path, *, once: bool) -> int:
    """Send until SIGTERM or SIGINT, or ``once`` what is due; return the exit code.

    Raises `ConfigError` or `StartError` if it must not start.
    """
    harden_process()
    settings = config.load(path)
    logs.configure(settings.log)
    with mailing(settings) as authority:
        return asyncio.run(_sending(authority, once=once))


async def _sending(authority: MailAuthority, *, once: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await authority.tenants.begin()
    following = asyncio.create_task(authority.tenants.follow())
    _LOG.info("sending", once=once, tenants=len(authority.tenants))
    say_ready()
    try:
        if once:
            return await _send_once(authority.letters, stop)
        await _send_on(authority.letters, stop)
    finally:
        following.cancel()
        await authority.carrier.close()
    _LOG.info("stopped")
    return Exit.STOPPED


async def _send_on(letters: SendLetters, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            report = await letters.next()
        except StoreUnavailable as trouble:
            _LOG.error("database", reason=trouble.reason, retry_after=trouble.retry_after)
            await _rest(stop, trouble.retry_after)
            continue
        if report is not None:
            _tell(report)
        # A server that is away is away for the next letter, too.
        if report is None or not report.reached:
            await _rest(stop, POLL)


async def _send_once(letters: SendLetters, stop: asyncio.Event) -> int:
    code: int = Exit.STOPPED
    while not stop.is_set():
        try:
            report = await letters.next()
        except StoreUnavailable as trouble:
            _LOG.error("database", reason=trouble.reason)
            return NOT_ALL_SENT
        if report is None:
            return code
        _tell(report)
        if report.outcome is not Outcome.SENT:
            code = NOT_ALL_SENT
        if not report.reached:
            return code
    return NOT_ALL_SENT


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _tell(report: Report) -> None:
    """Log a try: what is in a `Report` says nothing of whom the letter goes to."""
    tell = {Outcome.SENT: _LOG.info, Outcome.REFUSED: _LOG.error}.get(report.outcome, _LOG.warning)
    tell(
        "letter",
        letter_id=report.letter_id,
        tenant=report.tenant,
        kind=report.kind,
        outcome=report.outcome,
        tries=report.tries,
        reply=report.reply,
    )
