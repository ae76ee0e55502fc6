# SPDX-License-Identifier: Apache-2.0
"""The gRPC server that token apps reach: TLS, and no client certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2_grpc

from kagimori.api.provisioning.v1 import provisioning_pb2, provisioning_pb2_grpc
from kagimori.transport import listener
from kagimori.transport.access import require_rows
from kagimori.transport.guard import Guard
from kagimori.transport.health import Health, Ping
from kagimori.transport.provisioning_servicer import ProvisioningServicer
from kagimori.transport.server import DATABASE, HSM, AuthorityServer

PROVISIONING: Final = provisioning_pb2.DESCRIPTOR.services_by_name["ProvisioningService"]
_NEEDS: Final = {name: frozenset({HSM, DATABASE}) for name in ("", PROVISIONING.full_name)}

# Generated code carries no types.
_Add = Callable[[Any, Any], None]
_ADD_PROVISIONING: Final[_Add] = provisioning_pb2_grpc.add_ProvisioningServiceServicer_to_server
_ADD_HEALTH: Final[_Add] = health_pb2_grpc.add_HealthServicer_to_server


@dataclass(frozen=True, slots=True)
class ProvisioningSettings:
    """How to listen.

    ``listen`` is host:port (port 0 takes a free one), ``certificate`` (chain) and
    ``private_key`` are PEM. Of more than ``max_concurrent_rpcs`` calls at once the
    rest is RESOURCE_EXHAUSTED.
    """

    listen: str
    certificate: bytes
    private_key: bytes = field(repr=False)
    max_concurrent_rpcs: int = 256


def build_provisioning_server(
    settings: ProvisioningSettings, servicer: ProvisioningServicer, pings: Mapping[str, Ping]
) -> AuthorityServer:
    """Return a server that is bound and does not serve yet; raise `UnfitListener`.

    ``pings`` are those of `HSM` and `DATABASE`. There is no reflection here.
    """
    require_rows([PROVISIONING])
    server = grpc.aio.server(
        options=listener.options_for_strangers(),
        maximum_concurrent_rpcs=settings.max_concurrent_rpcs,
    )
    health = Health(pings, _NEEDS)
    guard = Guard(server, None)
    _ADD_PROVISIONING(servicer, guard)
    _ADD_HEALTH(health, guard)
    return AuthorityServer(server, health, _bind(server, settings))


def _bind(server: grpc.aio.Server, settings: ProvisioningSettings) -> tuple[str, int]:
    host, _, _ = settings.listen.rpartition(":")
    tls = listener.credentials_for_strangers(settings.certificate, settings.private_key)
    try:
        return host.strip("[]"), server.add_secure_port(settings.listen, tls)
    except RuntimeError as error:
        msg = f"cannot listen on {settings.listen}"
        raise listener.UnfitListener(msg) from error
