# SPDX-License-Identifier: Apache-2.0
"""An authority of scripted answers for a bank's clients, on a real mTLS listener.

The stubs are the generated ones, and refusals are written as the product's own
servers write them; what stands behind them is the test's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from development.certificates import CertificateAuthority, Identity, new_authority
from kagimori.api.enrollment.v1 import enrollment_pb2_grpc
from kagimori.api.verification.v1 import verification_pb2_grpc
from kagimori.domain.errors import AuthorityError, NotAllowed, NotIdentified
from kagimori.transport.status import status_of

BANK: Final = "10112231"
"""The service ID of the one bank that is known here."""

ROLES: Final = {
    "IssueSoftwareToken": {"registrar"},
    "ActivateToken": {"registrar"},
    "DeregisterToken": {"registrar"},
    "GetEnrollment": {"registrar", "operator"},
    "UnlockToken": {"operator"},
    "AssignToken": {"operator"},
    "GetToken": {"operator"},
    "ReturnToken": {"operator"},
    "RegisterToken": {"registrar"},
    "SetLoginOtp": {"registrar"},
    "TerminateToken": {"registrar"},
    "BeginReplacement": {"registrar"},
    "CompleteReplacement": {"registrar"},
    "CreateGridChallenge": {"registrar"},
    "VerifyGridAnswer": {"registrar"},
    "UnlockGridCard": {"operator"},
    "ResynchronizeToken": {"channel", "operator"},
    "GetOtpRequirement": {"channel"},
    "VerifyOtp": {"channel"},
    "CreateTransactionChallenge": {"channel"},
    "VerifyTransaction": {"channel"},
}
"""Who may call what, as the protos say it."""

S = TypeVar("S")

Answer = Message | AuthorityError | grpc.Status | Callable[[], Message]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it came in. ``deadline`` is in seconds, from its beginning."""

    rpc: str
    caller: str
    request: Any
    deadline: float


@dataclass
class Script:
    """Answers in the order that the test put them in; remembers what was asked."""

    asked: list[Asked] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)

    @property
    def only(self) -> Asked:
        """Return the one call that came in."""
        (asked,) = self.asked
        return asked

    def __call__(self, rpc: str, request: Message, context: grpc.ServicerContext) -> Message:
        refusal = _refusal_of(rpc, context)
        if refusal is not None:
            context.abort_with_status(status_of(refusal))
        self.asked.append(Asked(rpc, _uri_of(context), request, context.time_remaining()))
        answer = self.answers.popleft()
        if isinstance(answer, AuthorityError):
            context.abort_with_status(status_of(answer))
        if isinstance(answer, grpc.Status):
            context.abort_with_status(answer)
        return answer() if callable(answer) else answer


class _Enrollments(enrollment_pb2_grpc.EnrollmentServiceServicer):
    """Answers every RPC by the script."""


class _Verifications(verification_pb2_grpc.VerificationServiceServicer):
    """Answers every RPC by the script."""


def _scripted(servicer: S, script: Script) -> S:
    for rpc in ROLES:
        if hasattr(servicer, rpc):
            setattr(servicer, rpc, _answering(script, rpc))
    return servicer


def _answering(script: Script, rpc: str) -> Callable[[Message, grpc.ServicerContext], Message]:
    return lambda request, context: script(rpc, request, context)


def _uri_of(context: grpc.ServicerContext) -> str:
    (uri,) = context.auth_context()["peer_uri"]
    return bytes(uri).decode()


def _refusal_of(rpc: str, context: grpc.ServicerContext) -> AuthorityError | None:
    words = _uri_of(context).split("/")
    tenant, role = words[4], words[6]
    if tenant != BANK:
        return NotIdentified()
    return None if role in ROLES[rpc] else NotAllowed(", ".join(sorted(ROLES[rpc])))


@dataclass(frozen=True)
class Registry:
    """The listener, the authority that signs for it, and what it is to answer."""

    authority: CertificateAuthority
    target: str
    script: Script

    def identity(self, role: str, tenant: str = BANK) -> Identity:
        return self.authority.client(tenant, role)

    def files(self, role: str = "registrar") -> dict[str, Path]:
        """Return the arguments of a client's connection."""
        return files_of(self.identity(role), self.authority)


def files_of(identity: Identity, authority: CertificateAuthority) -> dict[str, Path]:
    """Return the arguments of a connection as ``identity`` that trusts ``authority``."""
    return {
        "certificate": identity.certificate,
        "private_key": identity.private_key,
        "authority_ca": authority.ca_file,
    }


@contextmanager
def listening(directory: Path) -> Iterator[Registry]:
    """Serve until the block ends."""
    authority, script = new_authority(directory), Script()
    server = grpc.server(ThreadPoolExecutor(4))
    enrollment_pb2_grpc.add_EnrollmentServiceServicer_to_server(
        _scripted(_Enrollments(), script), server
    )  # type: ignore[no-untyped-call] # generated
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(
        _scripted(_Verifications(), script), server
    )  # type: ignore[no-untyped-call] # generated
    port = server.add_secure_port("127.0.0.1:0", _credentials(authority))
    server.start()
    try:
        yield Registry(authority, f"localhost:{port}", script)
    finally:
        server.stop(grace=0.5).wait()


def _credentials(authority: CertificateAuthority) -> grpc.ServerCredentials:
    server = authority.server()
    pair = (server.private_key.read_bytes(), server.certificate.read_bytes())
    return grpc.ssl_server_credentials(
        [pair], authority.ca_file.read_bytes(), require_client_auth=True
    )


def refusing(code: grpc.StatusCode, reason: str, **metadata: str) -> grpc.Status:
    """Return a status whose details are no more than ``reason`` and ``metadata``."""
    number: int = code.value[0]
    status = Status(code=number, message="as the authority says it")
    packed = AnyMessage()
    packed.Pack(ErrorInfo(reason=reason, domain="kagimori", metadata=metadata))
    status.details.append(packed)
    return rpc_status.to_status(status)
