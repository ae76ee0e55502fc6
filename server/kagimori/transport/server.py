# SPDX-License-Identifier: Apache-2.0
"""The serving process's gRPC server, from its settings to its graceful end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.application.administration.hsm_status import HsmInspector
from kagimori.transport import listener
from kagimori.transport.access import require_rows
from kagimori.transport.admin_servicer import AdminServicer
from kagimori.transport.guard import Guard
from kagimori.transport.health import Health
from kagimori.transport.identity import Identifier
from kagimori.transport.verification_servicer import VerificationServicer, Verify


def _service(generated: Any, name: str) -> ServiceDescriptor:  # noqa: ANN401 - a generated module
    descriptor: ServiceDescriptor = generated.DESCRIPTOR.services_by_name[name]
    return descriptor


VERIFICATION: Final = _service(verification_pb2, "VerificationService")
ADMIN: Final = _service(admin_pb2, "AdminService")
HEALTH: Final = _service(health_pb2, "Health")
REFLECTION: Final = _service(reflection_pb2, "ServerReflection")

HSM: Final = "hsm"
DATABASE: Final = "database"
NEEDS: Final = {
    "": frozenset({HSM, DATABASE}),
    VERIFICATION.full_name: frozenset({HSM, DATABASE}),
    # It answers while the HSM is away: that is what it is asked about.
    ADMIN.full_name: frozenset[str](),
}


# Generated code carries no types.
_Add = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to listen, and to whom.

    ``listen`` is host:port (port 0 takes a free one); ``tenants`` are the
    service IDs served here; ``certificate`` (chain), ``private_key`` and
    ``client_ca`` are PEM. At most ``threads`` calls are worked on at once, at
    most ``max_concurrent_rpcs`` are taken in; more are RESOURCE_EXHAUSTED.
    """

    listen: str
    trust_domain: str
    tenants: frozenset[str]
    certificate: bytes
    private_key: bytes = field(repr=False)
    client_ca: bytes
    threads: int = 16
    max_concurrent_rpcs: int = 512
    reflection: bool = False


class AuthorityServer:
    """A gRPC server with its health; started once, stopped once."""

    def __init__(
        self,
        server: grpc.Server,
        pool: ThreadPoolExecutor,
        health: Health,
        address: tuple[str, int],
    ) -> None:
        """Use `build_server`, which has bound the ``address`` already."""
        self._server = server
        self._pool = pool
        self._health = health
        self._address = address

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return self._address[1]

    def start(self) -> None:
        """Serve; raise `UnfitListener` if the listener would serve TLS 1.2."""
        self._health.start()
        self._server.start()
        if not listener.refuses_tls_1_2(*self._address):
            self.stop(grace=0)
            msg = "TLS 1.2 is not refused: kagimori.transport must be imported before grpc"
            raise listener.UnfitListener(msg)

    def wait(self, timeout: float | None = None) -> bool:
        """Return True if the server has not ended within ``timeout`` seconds."""
        return self._server.wait_for_termination(timeout)

    def stop(self, grace: float) -> None:
        """Say NOT_SERVING, take no new calls, give those under way ``grace`` seconds."""
        self._health.say_not_serving()
        drained: threading.Event = self._server.stop(grace)
        drained.wait()
        self._pool.shutdown()


def build_server(
    settings: ServerSettings,
    verify: Verify,
    hsm: HsmInspector,
    pings: Mapping[str, Callable[[], None]],
) -> AuthorityServer:
    """Return a server that is bound to its port and not started yet.

    ``pings`` has `HSM` and `DATABASE`. Raise `UnlistedRpc` if an RPC has no
    access row and `UnfitListener` if the listener cannot be as it must.
    """
    pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="rpc")
    guard = Guard(Identifier(settings.trust_domain, settings.tenants))
    server = grpc.server(
        pool,
        interceptors=[guard],
        options=listener.OPTIONS,
        maximum_concurrent_rpcs=settings.max_concurrent_rpcs,
    )
    health = Health(pings, NEEDS)
    require_rows(_register(server, settings, verify, hsm, health))
    return AuthorityServer(server, pool, health, _bind(server, settings))


def _register(
    server: grpc.Server,
    settings: ServerSettings,
    verify: Verify,
    hsm: HsmInspector,
    health: Health,
) -> list[ServiceDescriptor]:
    """Add the servicers; return what is served."""
    served: dict[ServiceDescriptor, tuple[_Add, Any]] = {
        VERIFICATION: (
            verification_pb2_grpc.add_VerificationServiceServicer_to_server,
            VerificationServicer(verify),
        ),
        ADMIN: (admin_pb2_grpc.add_AdminServiceServicer_to_server, AdminServicer(hsm)),
        HEALTH: (health_pb2_grpc.add_HealthServicer_to_server, health),
    }
    for add, servicer in served.values():
        add(servicer, server)
    if not settings.reflection:
        return list(served)
    reflection.enable_server_reflection([service.full_name for service in served], server)
    return [*served, REFLECTION]


def _bind(server: grpc.Server, settings: ServerSettings) -> tuple[str, int]:
    host, _, _ = settings.listen.rpartition(":")
    tls = listener.credentials(settings.certificate, settings.private_key, settings.client_ca)
    try:
        return host.strip("[]"), server.add_secure_port(settings.listen, tls)
    except RuntimeError as error:
        msg = f"cannot listen on {settings.listen}"
        raise listener.UnfitListener(msg) from error
