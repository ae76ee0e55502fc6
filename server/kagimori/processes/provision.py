# SPDX-License-Identifier: Apache-2.0
"""The process that token apps reach, from its configuration to its last answer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import structlog

from kagimori import bootstrap, config
from kagimori.adapters.vault import harden_process
from kagimori.bootstrap.provisioning import ProvisioningAuthority, provisioning, section_of
from kagimori.config import ConfigError, ProvisioningSection
from kagimori.processes import logs
from kagimori.processes.ending import end
from kagimori.processes.exits import Exit
from kagimori.processes.pem import octets_of
from kagimori.processes.readiness import say_ready
from kagimori.processes.reasons import Reasons
from kagimori.transport.listener import UnfitListener
from kagimori.transport.provisioning_server import (
    ProvisioningSettings,
    build_provisioning_server,
)
from kagimori.transport.provisioning_servicer import ProvisioningServicer, SetUps
from kagimori.transport.server import DATABASE, HSM, AuthorityServer

_LOG: Final = structlog.get_logger("kagimori.provision")


def main(path: Path) -> Exit:
    """Serve as `run` does; a refusal is told on standard error and by the exit code."""
    try:
        run(path)
    except (ConfigError, bootstrap.StartError) as error:
        sys.stderr.write(f"kagimori: {error}\n")
        refused_login = isinstance(error, bootstrap.LoginRefused)
        return Exit.LOGIN_REFUSED if refused_login else Exit.REFUSED
    return Exit.STOPPED


def run(path: Path) -> None:
    """Serve until SIGTERM or SIGINT, then finish the set-ups under way.

    Raises `ConfigError` or `StartError` if it must not start.
    """
    harden_process()
    settings = config.load(path)
    logs.configure(settings.log)
    section = section_of(settings)
    # Before the HSM is logged in to: a PIN is not tried for a server that cannot be.
    listening = _listening(section)
    with provisioning(settings) as authority:
        asyncio.run(_serve(section, listening, authority))
    _LOG.info("stopped")


async def _serve(
    section: ProvisioningSection, listening: ProvisioningSettings, authority: ProvisioningAuthority
) -> None:
    # Nobody takes over from this process: it does not wish to be replaced.
    with Reasons(authority.vault, sys.maxsize, None) as reasons:
        server = await _started(listening, authority)
        _LOG.info("serving", listen=section.listen, tenants=len(authority.policies))
        following = asyncio.create_task(authority.follow())
        say_ready()
        await end(server, section.drain_seconds, await reasons.next())
        # Also those whose callers gave up: a password that was tried is written down.
        await authority.finish()
        following.cancel()


async def _started(
    listening: ProvisioningSettings, authority: ProvisioningAuthority
) -> AuthorityServer:
    set_ups = SetUps(authority.provision, authority.provision_new)
    servicer = ProvisioningServicer(set_ups, authority.keys, authority.policies, authority.digest)
    pings = {HSM: authority.vault.ping, DATABASE: authority.store.ping}
    try:
        server = build_provisioning_server(listening, servicer, pings)
        await server.start()
    except UnfitListener as error:
        raise bootstrap.StartError(f"provisioning: {error}") from None
    return server


def _listening(section: ProvisioningSection) -> ProvisioningSettings:
    return ProvisioningSettings(
        listen=section.listen,
        certificate=octets_of(section.certificate, "provisioning.certificate"),
        private_key=octets_of(section.private_key, "provisioning.private_key"),
        max_concurrent_rpcs=section.max_concurrent_rpcs,
    )
