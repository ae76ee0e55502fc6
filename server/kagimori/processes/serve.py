# SPDX-License-Identifier: Apache-2.0
"""The serving process, from its configuration to its last answer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from kagimori import bootstrap, config
from kagimori.adapters.vault import harden_process
from kagimori.config import ConfigError, ServerSection
from kagimori.processes import logs
from kagimori.transport.listener import UnfitListener
from kagimori.transport.server import (
    DATABASE,
    HSM,
    AuthorityServer,
    ServerSettings,
    build_server,
)

_LOG: Final = structlog.get_logger("kagimori.serve")
_AFTER_DRAIN: Final = 5.0
"""Seconds that leaving the HSM and the database may take."""
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})


def run(path: Path) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls under way.

    Raises `ConfigError` or `StartError` if it must not start.
    """
    harden_process()
    settings = config.load(path)
    logs.configure(settings.log)
    # Before the HSM is logged in to: a PIN is not tried for a server that cannot be.
    listening = _listening(settings.server)
    with bootstrap.serving(settings) as authority:
        # Before any thread starts, for threads inherit what is blocked: a signal
        # then waits for this thread, whichever is running. A handler would do
        # nothing while a lock is waited for and another thread took the signal.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        server = _server(listening(tenants=frozenset(authority.policies)), authority)
        _LOG.info("serving", listen=settings.server.listen, tenants=len(authority.policies))
        signal.sigwait(_ENDING)
        _LOG.info("stopping", drain_seconds=settings.server.drain_seconds)
        _end_at_the_latest(settings.server.drain_seconds + _AFTER_DRAIN)
        server.stop(settings.server.drain_seconds)
    _LOG.info("stopped")


def _end_at_the_latest(seconds: float) -> None:
    """End the process after ``seconds`` even if a PKCS#11 call hangs.

    Such a call cannot be cancelled, and leaving the HSM in order would wait for
    it. What was accepted is durable already.
    """

    def give_up() -> None:
        _LOG.error("not ended in time: a call hangs", seconds=seconds)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _server(settings: ServerSettings, authority: bootstrap.Authority) -> AuthorityServer:
    try:
        server = build_server(
            settings,
            authority.verify,
            authority.vault,
            {HSM: authority.vault.ping, DATABASE: authority.store.ping},
        )
        server.start()
    except UnfitListener as error:
        raise bootstrap.StartError(f"server: {error}") from None
    return server


def _listening(section: ServerSection) -> Callable[..., ServerSettings]:
    """Read what the listener needs; only ``tenants`` is left to be said."""
    return partial(
        ServerSettings,
        listen=section.listen,
        trust_domain=section.trust_domain,
        certificate=_pem(section.certificate, "server.certificate"),
        private_key=_pem(section.private_key, "server.private_key"),
        client_ca=_pem(section.client_ca, "server.client_ca"),
        threads=section.threads,
        max_concurrent_rpcs=section.max_concurrent_rpcs,
        reflection=section.reflection,
    )


def _pem(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {error.strerror}: {path}") from None
