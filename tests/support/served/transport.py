# SPDX-License-Identifier: Apache-2.0
"""A real listener on the loopback, with real certificates and scripted use cases."""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from development.certificates import CertificateAuthority, Identity, new_authority
from kagimori.application.administration.hsm_status import HsmStatus, SeedCache, TenantKeys
from kagimori.application.signing.verify import Begun
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.transport.enrollment import (
    Counter,
    EnrollmentUseCases,
    GridCards,
    Issuing,
    Registrations,
)
from kagimori.transport.server import AuthorityServer, ServerSettings, UseCases, build_server
from kagimori.transport.verification import Signing

BANK = "10112001"
ACCEPTED = Verdict(
    Outcome.ACCEPTED, Receipt(1234567, datetime(2003, 7, 16, 1, 35, 25, tzinfo=UTC)), 5
)

Answer = Verdict | Exception | Callable[[], Verdict]
R = TypeVar("R")

PATIENCE = 30.0
"""Seconds after which a test stops waiting for what must happen."""


_FIRST: Final = threading.Lock()


def loop() -> AbstractEventLoop:
    """Return the event loop of all servers of this process: gRPC is at ease with one only."""
    # Many threads may be the first to ask.
    with _FIRST:
        return _only_loop()


@cache
def _only_loop() -> AbstractEventLoop:
    running = asyncio.new_event_loop()
    threading.Thread(target=running.run_forever, name="servers", daemon=True).start()
    return running


def on_loop(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run ``coroutine`` where the servers run; return what it returns."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(PATIENCE)


class ScriptedVerify:
    """Answers what the test put in, then ACCEPTED; remembers what it was asked.

    A callable answers from a thread, so it may wait for the test.
    """

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.begun: list[Future[Verdict]] = []
        self.answers: deque[Answer] = deque()

    def __call__(self, **asked: Any) -> Future[Verdict]:  # noqa: ANN401 - whatever it is asked
        answer = self.answers.popleft() if self.answers else ACCEPTED
        self.begun.append(_future_of(answer))
        self.asked.append(asked)
        return self.begun[-1]

    def resynchronize(self, **asked: Any) -> Future[Verdict]:  # noqa: ANN401 - whatever it is asked
        return self(**asked)


def _future_of(answer: Answer) -> Future[Verdict]:
    running = asyncio.get_running_loop()
    future: Future[Verdict] = running.create_future()
    if isinstance(answer, Exception):
        future.set_exception(answer)
    elif isinstance(answer, Verdict):
        future.set_result(answer)
    else:
        return running.run_in_executor(None, answer)
    return future


class Scripted:
    """Another use case: answers what the test put in; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers: deque[Any] = deque()

    async def __call__(self, *asked: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is asked
        self.asked.append((*asked, *named.values()))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass(frozen=True)
class ScriptedSigning:
    """The use cases about transactions; every code is over what has ``digest``."""

    challenge: Scripted = field(default_factory=Scripted)
    judge: ScriptedVerify = field(default_factory=ScriptedVerify)
    digest: str = "5d" * 32

    def verify(self, **asked: Any) -> Begun:  # noqa: ANN401 - whatever it is asked
        return Begun(self.judge(**asked), self.digest)

    def use_cases(self) -> Signing:
        return Signing(self.challenge, self.verify)


@dataclass(frozen=True)
class ScriptedEnrollment:
    """The use cases of EnrollmentService, and that of GetOtpRequirement."""

    issue: Scripted = field(default_factory=Scripted)
    activate: Scripted = field(default_factory=Scripted)
    deregister: Scripted = field(default_factory=Scripted)
    status: Scripted = field(default_factory=Scripted)
    unlock: Scripted = field(default_factory=Scripted)
    assign: Scripted = field(default_factory=Scripted)
    token: Scripted = field(default_factory=Scripted)
    take_back: Scripted = field(default_factory=Scripted)
    require: Scripted = field(default_factory=Scripted)
    register: Scripted = field(default_factory=Scripted)
    choose: Scripted = field(default_factory=Scripted)
    terminate: Scripted = field(default_factory=Scripted)
    begin: Scripted = field(default_factory=Scripted)
    complete: Scripted = field(default_factory=Scripted)
    challenge: Scripted = field(default_factory=Scripted)
    answer: Scripted = field(default_factory=Scripted)
    unlock_card: Scripted = field(default_factory=Scripted)

    @property
    def all(self) -> tuple[Scripted, ...]:
        return tuple(getattr(self, each.name) for each in fields(self))

    def use_cases(self) -> EnrollmentUseCases:
        return EnrollmentUseCases(
            Issuing(self.issue, self.activate, self.deregister, self.status),
            Counter(self.unlock, self.assign, self.token, self.take_back),
            Registrations(self.register, self.choose, self.terminate, self.begin, self.complete),
            GridCards(self.challenge, self.answer, self.unlock_card),
        )


class HsmOnTheDesk:
    """An HSM that an administrator can look at."""

    async def status(self) -> HsmStatus:
        keys = (TenantKeys(BANK, 2, 1),)
        return HsmStatus(
            "kagimori-serving",
            "SoftHSM",
            "2.6",
            answering=True,
            tenants=keys,
            cache=SeedCache(hits=8, misses=3, entries=2),
        )


@dataclass
class Component:
    """Something the server leans on; ``ping`` fails with ``failure`` or hangs.

    ``hang`` runs on a thread, so it may wait for the test.
    """

    failure: Exception | None = None
    hang: Callable[[], object] = field(default=lambda: None)

    async def ping(self) -> None:
        await asyncio.to_thread(self.hang)
        if self.failure is not None:
            raise self.failure


@dataclass(frozen=True)
class Served:
    """A server that listens, and what it is made of."""

    authority: CertificateAuthority
    server: AuthorityServer
    settings: ServerSettings
    verify: ScriptedVerify
    enrollment: ScriptedEnrollment
    components: Mapping[str, Component]
    signing: ScriptedSigning

    @property
    def target(self) -> str:
        return f"localhost:{self.server.port}"

    def bank(self, role: str = "channel", tenant: str = BANK) -> Identity:
        return self.authority.client(tenant, role)

    def stop(self, grace: float) -> None:
        on_loop(self.server.stop(grace))

    def channel(self, identity: Identity | None) -> grpc.Channel:
        return open_channel(self.target, self.authority.ca_file, identity)


def open_channel(target: str, ca_file: Path, identity: Identity | None) -> grpc.Channel:
    """Open a channel with ``identity``, or with no client certificate at all."""
    key, chain = (
        (identity.private_key.read_bytes(), identity.certificate.read_bytes())
        if identity
        else (None, None)
    )
    credentials = grpc.ssl_channel_credentials(ca_file.read_bytes(), key, chain)
    # A subchannel that an earlier test opened to this port must not be shared.
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(target, credentials, options)


def settings_of(authority: CertificateAuthority, **changed: Any) -> ServerSettings:  # noqa: ANN401
    identity = authority.server()
    settings = ServerSettings(
        listen="127.0.0.1:0",
        trust_domain=authority.trust_domain,
        tenants=frozenset({BANK}),
        certificate=identity.certificate.read_bytes(),
        private_key=identity.private_key.read_bytes(),
        client_ca=authority.ca_file.read_bytes(),
        reflection=True,
    )
    return replace(settings, **changed)


@contextmanager
def serving(directory: Path, **changed: Any) -> Iterator[Served]:  # noqa: ANN401 - of ServerSettings
    """Serve until the block ends."""
    authority = new_authority(directory)
    settings = settings_of(authority, **changed)
    components = {"hsm": Component(), "database": Component()}
    verify, enrollment, signing = ScriptedVerify(), ScriptedEnrollment(), ScriptedSigning()
    server = on_loop(started(settings, verify, components, enrollment, signing))
    try:
        yield Served(authority, server, settings, verify, enrollment, components, signing)
    finally:
        on_loop(server.stop(grace=0.5))


async def started(
    settings: ServerSettings,
    verify: ScriptedVerify,
    components: Mapping[str, Component],
    enrollment: ScriptedEnrollment | None = None,
    signing: ScriptedSigning | None = None,
) -> AuthorityServer:
    """Return a server that serves; without ``signing`` it offers no signatures."""
    pings = {name: component.ping for name, component in components.items()}
    scripted = enrollment or ScriptedEnrollment()
    use_cases = UseCases(verify, scripted.require, scripted.use_cases(), HsmOnTheDesk())
    if signing is not None:
        use_cases = replace(use_cases, signing=signing.use_cases())
    server = build_server(settings, use_cases, pings)
    await server.start()
    return server


@dataclass(frozen=True)
class Failure:
    """How a call failed, as a caller sees it."""

    code: grpc.StatusCode
    details: str
    reason: str | None
    field: str | None
    raw: tuple[object, ...]

    @classmethod
    def of(cls, call: grpc.Call) -> Failure:
        """Read a failed call."""
        info, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        status = rpc_status.from_call(call)
        for detail in status.details if status else ():
            detail.Unpack(info)
            detail.Unpack(wrong)
        fields = [violation.field for violation in wrong.field_violations]
        raw = (call.code(), call.details(), tuple(call.trailing_metadata() or ()))
        return cls(call.code(), call.details() or "", info.reason or None, (*fields, None)[0], raw)


def failure_of(call: Callable[[], object]) -> Failure:
    """Return how ``call`` fails; a success is the test's failure."""
    try:
        call()
    except grpc.RpcError as error:
        return Failure.of(error)  # type: ignore[arg-type] # a blocking call raises itself
    msg = "the call succeeded"
    raise AssertionError(msg)
