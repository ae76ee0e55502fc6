# SPDX-License-Identifier: Apache-2.0
"""The token apps' listener on the loopback, with a real use case behind it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from development.certificates import CertificateAuthority, new_authority
from kagimori.api.provisioning.v1 import provisioning_pb2, provisioning_pb2_grpc
from kagimori.application.provisioning.provision import Limits, ProvisionIssuedToken
from kagimori.application.provisioning.provision_new import NewLimits
from kagimori.transport.provisioning_server import (
    ProvisioningSettings,
    build_provisioning_server,
)
from kagimori.transport.provisioning_servicer import ProvisioningServicer, SetUps
from kagimori.transport.server import AuthorityServer
from support.banks.provisioning import PLENTY, PLENTY_NEW, Scene
from support.databases.enrolments import TENANT, USER
from support.phones.app import PASSWORD, App
from support.served.transport import Component, on_loop, open_channel

SERVICE = "kagimori.provisioning.v1.ProvisioningService"
PROVISION = f"/{SERVICE}/ProvisionIssuedToken"
PROVISION_NEW = f"/{SERVICE}/ProvisionNewToken"
PATIENCE = 30.0


@dataclass
class Front:
    """A listener, and what stands behind it."""

    authority: CertificateAuthority
    server: AuthorityServer
    provision: ProvisionIssuedToken
    components: dict[str, Component]

    @property
    def target(self) -> str:
        return f"localhost:{self.server.port}"

    def channel(self) -> grpc.Channel:
        return open_channel(self.target, self.authority.ca_file, None)


@contextmanager
def listening(
    directory: Path,
    scene: Scene,
    limits: Limits = PLENTY,
    new_limits: NewLimits = PLENTY_NEW,
) -> Iterator[Front]:
    """Let apps be set up until the block ends."""
    authority = new_authority(directory)
    identity = authority.server()
    settings = ProvisioningSettings(
        "127.0.0.1:0",
        identity.certificate.read_bytes(),
        identity.private_key.read_bytes(),
        max_concurrent_rpcs=64,
    )
    components = {"hsm": Component(), "database": Component()}
    provision, provision_new = scene.another(limits), scene.another_new(new_limits)
    set_ups = SetUps(provision, provision_new)
    server = on_loop(_started(settings, scene, set_ups, components))
    try:
        yield Front(authority, server, provision, components)
    finally:
        on_loop(server.stop(grace=0.5))
        on_loop(provision.finish())
        on_loop(provision_new.finish())


async def _started(
    settings: ProvisioningSettings,
    scene: Scene,
    set_ups: SetUps,
    components: dict[str, Component],
) -> AuthorityServer:
    pings = {name: component.ping for name, component in components.items()}
    servicer = ProvisioningServicer(set_ups, scene.keys, scene.policies, digest_of)
    server = build_provisioning_server(settings, servicer, pings)
    await server.start()
    return server


def digest_of(network: bytes) -> bytes:
    return hmac.digest(b"key of addresses", network, hashlib.sha256)


def stub_of(channel: grpc.Channel) -> Any:  # noqa: ANN401 - generated stubs carry no types
    return provisioning_pb2_grpc.ProvisioningServiceStub(channel)  # type: ignore[no-untyped-call]


def request_of(app: App, **changed: Any) -> provisioning_pb2.ProvisionIssuedTokenRequest:  # noqa: ANN401 - of the message
    fields: dict[str, Any] = {
        "service_id": TENANT,
        "user_id": USER,
        "activation_password": PASSWORD,
        "key_pin": app.key.pin,
        "login_envelope": app.login_envelope,
        "signing_envelope": app.signing_envelope,
        **changed,
    }
    return provisioning_pb2.ProvisionIssuedTokenRequest(**fields)


def provision_by(
    channel: grpc.Channel,
    app: App,
    **changed: Any,  # noqa: ANN401 - of the message
) -> provisioning_pb2.ProvisionIssuedTokenResponse:
    answer: provisioning_pb2.ProvisionIssuedTokenResponse = stub_of(channel).ProvisionIssuedToken(
        request_of(app, **changed), timeout=PATIENCE
    )
    return answer


def new_request_of(app: App, **changed: Any) -> provisioning_pb2.ProvisionNewTokenRequest:  # noqa: ANN401 - of the message
    fields: dict[str, Any] = {
        "service_id": app.key.tenant,
        "key_pin": app.key.pin,
        "login_envelope": app.login_envelope,
        "signing_envelope": app.signing_envelope,
        **changed,
    }
    return provisioning_pb2.ProvisionNewTokenRequest(**fields)


def made_by(
    channel: grpc.Channel,
    app: App,
    **changed: Any,  # noqa: ANN401 - of the message
) -> provisioning_pb2.ProvisionNewTokenResponse:
    answer: provisioning_pb2.ProvisionNewTokenResponse = stub_of(channel).ProvisionNewToken(
        new_request_of(app, **changed), timeout=PATIENCE
    )
    return answer
