# SPDX-License-Identifier: Apache-2.0
"""The serving process's gRPC server, from its settings to its graceful end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.api.enrollment.v1 import enrollment_pb2, enrollment_pb2_grpc
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.application.administration.hsm_status import HsmInspector
from kagimori.transport import listener
from kagimori.transport.access import require_rows
from kagimori.transport.admin_servicer import AdminServicer, Receive, receives_nothing
from kagimori.transport.assistance_servicer import ASSISTS_NOBODY, Assistance
from kagimori.transport.enrollment import EnrollmentServicer, EnrollmentUseCases
from kagimori.transport.guard import Guard
from kagimori.transport.health import Health, Ping
from kagimori.transport.identity import Identifier
from kagimori.transport.verification import (
    SIGNS_NOTHING,
    Require,
    Signing,
    VerificationServicer,
    Verify,
)


def _service(generated: Any, name: str) -> ServiceDescriptor:  # noqa: ANN401 - a generated module
    descriptor: ServiceDescriptor = generated.DESCRIPTOR.services_by_name[name]
    return descriptor


VERIFICATION: Final = _service(verification_pb2, "VerificationService")
ENROLLMENT: Final = _service(enrollment_pb2, "EnrollmentService")
ADMIN: Final = _service(admin_pb2, "AdminService")
HEALTH: Final = _service(health_pb2, "Health")
REFLECTION: Final = _service(reflection_pb2, "ServerReflection")

HSM: Final = "hsm"
DATABASE: Final = "database"
NEEDS: Final = {
    "": frozenset({HSM, DATABASE}),
    VERIFICATION.full_name: frozenset({HSM, DATABASE}),
    ENROLLMENT.full_name: frozenset({HSM, DATABASE}),
    # It answers while the HSM is away: that is what it is asked about.
    ADMIN.full_name: frozenset[str](),
}


# Generated code carries no types.
_Add = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to listen, and to whom.

    ``listen`` is host:port (port 0 takes a free one); ``tenants`` are the
    service IDs served here, at any time; ``certificate`` (chain), ``private_key`` and
    ``client_ca`` are PEM. At most ``max_concurrent_rpcs`` calls are taken in at
    once; more are RESOURCE_EXHAUSTED, without a RetryInfo, for gRPC itself says
    it: the use case's own bound should come first. With ``reuse_port`` other
    processes of the authority may listen on the same port. A client is asked to
    connect anew after ``connection_seconds``.
    """

    listen: str
    trust_domain: str
    tenants: Container[str]
    certificate: bytes
    private_key: bytes = field(repr=False)
    client_ca: bytes
    max_concurrent_rpcs: int = 4096
    reflection: bool = False
    reuse_port: bool = False
    connection_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the server asks, on the event loop that it runs on."""

    verify: Verify
    require: Require
    enrollment: EnrollmentUseCases
    hsm: HsmInspector
    receive: Receive = receives_nothing
    assistance: Assistance = ASSISTS_NOBODY
    signing: Signing = SIGNS_NOTHING


class AuthorityServer:
    """A gRPC server with its health; started once, stopped once.

    It belongs to the event loop in which it was built.
    """

    def __init__(self, server: grpc.aio.Server, health: Health, address: tuple[str, int]) -> None:
        """Use `build_server`, which has bound the ``address`` already."""
        self._server = server
        self._health = health
        self._address = address

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return self._address[1]

    async def start(self) -> None:
        """Serve; raise `UnfitListener` if the listener would serve TLS 1.2."""
        await self._health.start()
        await self._server.start()
        if not await asyncio.to_thread(listener.refuses_tls_1_2, *self._address):
            await self.stop(grace=0)
            msg = "TLS 1.2 is not refused: kagimori.transport must be imported before grpc"
            raise listener.UnfitListener(msg)

    async def stop(self, grace: float) -> None:
        """Say NOT_SERVING, take no new calls, give those under way ``grace`` seconds."""
        self._health.say_not_serving()
        await self._server.stop(grace)


def build_server(
    settings: ServerSettings,
    use_cases: UseCases,
    pings: Mapping[str, Ping],
) -> AuthorityServer:
    """Return a server that is bound to its port and not started yet.

    Call it in the running event loop in which ``use_cases`` work, and ``pings``,
    which has `HSM` and `DATABASE`. Raise `UnlistedRpc` if an RPC has no access row
    and `UnfitListener` if the listener cannot be as it must.
    """
    server = grpc.aio.server(
        options=listener.options(
            reuse_port=settings.reuse_port, connection_seconds=settings.connection_seconds
        ),
        maximum_concurrent_rpcs=settings.max_concurrent_rpcs,
    )
    health = Health(pings, NEEDS)
    guard = Guard(server, Identifier(settings.trust_domain, settings.tenants))
    require_rows(_register(guard, settings, use_cases, health))
    return AuthorityServer(server, health, _bind(server, settings))


def _register(
    guard: Guard,
    settings: ServerSettings,
    use_cases: UseCases,
    health: Health,
) -> list[ServiceDescriptor]:
    """Add the servicers; return what is served."""
    served: dict[ServiceDescriptor, tuple[_Add, Any]] = {
        VERIFICATION: (
            verification_pb2_grpc.add_VerificationServiceServicer_to_server,
            VerificationServicer(use_cases.verify, use_cases.require, use_cases.signing),
        ),
        ENROLLMENT: (
            enrollment_pb2_grpc.add_EnrollmentServiceServicer_to_server,
            EnrollmentServicer(use_cases.enrollment),
        ),
        ADMIN: (
            admin_pb2_grpc.add_AdminServiceServicer_to_server,
            AdminServicer(use_cases.hsm, use_cases.receive, use_cases.assistance),
        ),
        HEALTH: (health_pb2_grpc.add_HealthServicer_to_server, health),
    }
    if settings.reflection:
        names = [service.full_name for service in served]
        served[REFLECTION] = (
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server,
            reflection.aio.ReflectionServicer(names),
        )
    for add, servicer in served.values():
        add(servicer, guard)
    return list(served)


def _bind(server: grpc.aio.Server, settings: ServerSettings) -> tuple[str, int]:
    host, _, _ = settings.listen.rpartition(":")
    tls = listener.credentials(settings.certificate, settings.private_key, settings.client_ca)
    try:
        return host.strip("[]"), server.add_secure_port(settings.listen, tls)
    except RuntimeError as error:
        msg = f"cannot listen on {settings.listen}"
        raise listener.UnfitListener(msg) from error
