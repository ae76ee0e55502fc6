# SPDX-License-Identifier: Apache-2.0
"""A serving process, from its configuration to its last answer."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from kagimori import bootstrap, config
from kagimori.adapters.vault import harden_process
from kagimori.config import ConfigError, ServerSection
from kagimori.processes import door, logs
from kagimori.processes.asked import use_cases_of
from kagimori.processes.ending import end
from kagimori.processes.exits import Exit
from kagimori.processes.line import WorkerWord
from kagimori.processes.pem import octets_of
from kagimori.processes.readiness import say_ready
from kagimori.processes.reasons import Reason, Reasons
from kagimori.transport.listener import UnfitListener
from kagimori.transport.server import (
    DATABASE,
    HSM,
    AuthorityServer,
    ServerSettings,
    build_server,
)

_LOG: Final = structlog.get_logger("kagimori.serve")

_AGE_SPREAD: Final = 1.1
"""gRPC ends a connection at its greatest age, give or take a tenth."""
_SWITCH_SECONDS: Final = 0.0005
_COLLECT_AFTER: Final = 50_000
"""New objects, beyond those that are gone again."""

_Listening = Callable[..., ServerSettings]


def main(path: Path, supervisor: socket.socket | None = None) -> Exit:
    """Serve as `run` does; a refusal is told on standard error and by the exit code."""
    try:
        run(path, supervisor)
    except (ConfigError, bootstrap.StartError) as error:
        sys.stderr.write(f"kagimori: {error}\n")
        refused_login = isinstance(error, bootstrap.LoginRefused)
        return Exit.LOGIN_REFUSED if refused_login else Exit.REFUSED
    return Exit.STOPPED


def run(path: Path, supervisor: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls under way.

    With a ``supervisor`` at the other end, share the port with its other
    workers, and obey it. Raises `ConfigError` or `StartError` if it must not
    start.
    """
    harden_process()
    # The thread that writes the log holds the interpreter for microseconds, and
    # the event loop would wait 5 ms until it may take it back.
    sys.setswitchinterval(_SWITCH_SECONDS)
    settings = config.load(path)
    logs.configure(settings.log, worker=None if supervisor is None else os.getpid())
    # Before the HSM is logged in to: a PIN is not tried for a server that cannot be.
    listening = _listening(settings.server, reuse_port=supervisor is not None)
    with bootstrap.serving(settings) as authority:
        _spare_the_collector()
        asyncio.run(_serve(settings.server, listening, authority, supervisor))
    _LOG.info("stopped")


async def _serve(
    section: ServerSection,
    listening: _Listening,
    authority: bootstrap.Authority,
    supervisor: socket.socket | None,
) -> None:
    vault = authority.vault
    with Reasons(vault, section.recycle_after_seeds, supervisor) as reasons:
        server = _built(listening(tenants=authority.policies), authority)
        async with authority.engine:
            await _start(server)
            _LOG.info("serving", listen=section.listen, tenants=len(authority.policies))
            following = asyncio.create_task(authority.follow())
            _tell_serving(reasons, supervisor)
            await end(server, section.drain_seconds, await _last_reason(server, section, reasons))
            following.cancel()


def _spare_the_collector() -> None:
    """Let Python look for cycles seldom, and never among what stays until the end.

    A call leaves none behind, and each look would go through all modules.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)


def _tell_serving(reasons: Reasons, supervisor: socket.socket | None) -> None:
    if supervisor is None:
        say_ready()
    else:
        reasons.tell(WorkerWord.SERVING)


async def _last_reason(server: AuthorityServer, section: ServerSection, reasons: Reasons) -> Reason:
    """Return why to end, when it is time to: at once, or when the last client has left."""
    reason = await reasons.next()
    if reason is not Reason.RETIRE:
        return reason
    _LOG.info("retiring", connection_seconds=section.connection_seconds)
    door.close(server.port)
    patience = section.connection_seconds * _AGE_SPREAD + section.drain_seconds
    emptied = asyncio.create_task(door.empty(server.port, patience))
    sooner = asyncio.create_task(reasons.next())
    await asyncio.wait({emptied, sooner}, return_when=asyncio.FIRST_COMPLETED)
    emptied.cancel()
    return sooner.result() if sooner.done() else Reason.STOP


def _built(settings: ServerSettings, authority: bootstrap.Authority) -> AuthorityServer:
    pings = {HSM: authority.vault.ping, DATABASE: authority.store.ping}
    try:
        return build_server(settings, use_cases_of(authority), pings)
    except UnfitListener as error:
        raise bootstrap.StartError(f"server: {error}") from None


async def _start(server: AuthorityServer) -> None:
    try:
        await server.start()
    except UnfitListener as error:
        raise bootstrap.StartError(f"server: {error}") from None


def _listening(section: ServerSection, *, reuse_port: bool) -> _Listening:
    """Read what the listener needs; only ``tenants`` is left to be said."""
    return partial(
        ServerSettings,
        listen=section.listen,
        trust_domain=section.trust_domain,
        certificate=octets_of(section.certificate, "server.certificate"),
        private_key=octets_of(section.private_key, "server.private_key"),
        client_ca=octets_of(section.client_ca, "server.client_ca"),
        max_concurrent_rpcs=section.max_concurrent_rpcs,
        connection_seconds=section.connection_seconds,
        reuse_port=reuse_port,
        reflection=section.reflection,
    )
