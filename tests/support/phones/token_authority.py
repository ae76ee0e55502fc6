# SPDX-License-Identifier: Apache-2.0
"""A scripted ProvisioningService on a real TLS listener, for token apps."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

import grpc
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf.timestamp_pb2 import Timestamp

from development.certificates import CertificateAuthority, new_authority
from kagimori.domain.errors import AuthorityError
from kagimori.transport.status import status_of
from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.api.provisioning.v1 import provisioning_pb2_grpc
from kagimori_client.token import AuthorityProfile, pin_of

SERVICE_ID = "10112231"
USER_ID = "999800000001"
ACTIVATION_PASSWORD = "482913"
SERIAL = "KG0123456789"
ISSUER = "熊本県信用組合"
REGISTER_BY = 4_102_444_800
"""The year 2100: no test lives to see it."""

OAEP_HASHES: Final[dict[int, type[hashes.HashAlgorithm]]] = {
    pb.HASH_ALGORITHM_SHA1: hashes.SHA1,
    pb.HASH_ALGORITHM_SHA256: hashes.SHA256,
}

R = TypeVar("R")


@cache
def private_key(number: int, bits: int = 3072) -> rsa.RSAPrivateKey:
    """Return one of a few provisioning keys, the same for the same number."""
    assert number >= 0
    return rsa.generate_private_key(65537, bits)


def public_key(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def answer(**changes: object) -> pb.ProvisionIssuedTokenResponse:
    """Return what an authority says to a good request: 8 digits, 60 seconds, SHA-1."""
    profile = pb.OtpProfile(hash_algorithm=pb.HASH_ALGORITHM_SHA1, digits=8, period=60)
    usual: dict[str, object] = {"serial": SERIAL, "issuer": ISSUER, "profile": profile}
    return pb.ProvisionIssuedTokenResponse(**(usual | changes))  # type: ignore[arg-type]


def new_answer(**changes: object) -> pb.ProvisionNewTokenResponse:
    """Return what an authority says to a good request for a token of nobody's: 6 digits, 30 s."""
    profile = pb.OtpProfile(hash_algorithm=pb.HASH_ALGORITHM_SHA1, digits=6, period=30)
    usual: dict[str, object] = {
        "serial": SERIAL,
        "issuer": ISSUER,
        "profile": profile,
        "register_by": Timestamp(seconds=REGISTER_BY),
    }
    return pb.ProvisionNewTokenResponse(**(usual | changes))  # type: ignore[arg-type]


Answer = pb.ProvisionIssuedTokenResponse | pb.ProvisionNewTokenResponse
Said = AuthorityError | grpc.StatusCode | Answer | Callable[[], object]


@dataclass
class ScriptedAuthority(provisioning_pb2_grpc.ProvisioningServiceServicer):
    """Says what the test put in, then `answer` or `new_answer`; remembers what it was sent.

    A callable is called, and the usual answer follows it.
    """

    keys: list[pb.ProvisioningKey] = field(default_factory=list)
    says: deque[Said] = field(default_factory=deque)
    usual: pb.ProvisionIssuedTokenResponse = field(default_factory=answer)
    usual_new: pb.ProvisionNewTokenResponse = field(default_factory=new_answer)
    sent: list[pb.ProvisionIssuedTokenRequest] = field(default_factory=list)
    sent_new: list[pb.ProvisionNewTokenRequest] = field(default_factory=list)
    clock: Callable[[], float] | None = time.time
    offers_signing: bool = True
    asked_for_keys: list[str] = field(default_factory=list)

    def offer(self, number: int = 0, oaep_hash: int = pb.HASH_ALGORITHM_SHA256) -> str:
        """Offer a key after those offered already; return its pin."""
        octets = public_key(private_key(number))
        self.keys.append(pb.ProvisioningKey(public_key=octets, oaep_hash=oaep_hash))  # type: ignore[arg-type]
        return pin_of(octets)

    def seeds(self) -> tuple[bytes, bytes]:
        """Open the envelopes of the last request, as an HSM would."""
        return self._opened(self.sent[-1])

    def new_seeds(self) -> tuple[bytes, bytes]:
        """Do as `seeds` with the last request for a token of nobody's."""
        return self._opened(self.sent_new[-1])

    def _opened(
        self, request: pb.ProvisionIssuedTokenRequest | pb.ProvisionNewTokenRequest
    ) -> tuple[bytes, bytes]:
        for number, offered in enumerate(self.keys):
            if bytes.fromhex(pin_of(offered.public_key)) == request.key_pin:
                envelopes = request.login_envelope, request.signing_envelope
                login, signing = (_opened(e, number, offered.oaep_hash) for e in envelopes)
                return login, signing
        msg = "sealed to no key that was offered"
        raise AssertionError(msg)

    def GetProvisioningKeys(  # noqa: N802 - gRPC's
        self, request: pb.GetProvisioningKeysRequest, _context: grpc.ServicerContext
    ) -> pb.GetProvisioningKeysResponse:
        self.asked_for_keys.append(request.service_id)
        return pb.GetProvisioningKeysResponse(keys=self.keys)

    def ProvisionIssuedToken(  # noqa: N802
        self, request: pb.ProvisionIssuedTokenRequest, context: grpc.ServicerContext
    ) -> pb.ProvisionIssuedTokenResponse:
        self.sent.append(request)
        said = self._say(context)
        return said if isinstance(said, pb.ProvisionIssuedTokenResponse) else self.usual

    def ProvisionNewToken(  # noqa: N802
        self, request: pb.ProvisionNewTokenRequest, context: grpc.ServicerContext
    ) -> pb.ProvisionNewTokenResponse:
        self.sent_new.append(request)
        said = self._say(context)
        return said if isinstance(said, pb.ProvisionNewTokenResponse) else self.usual_new

    def _say(self, context: grpc.ServicerContext) -> Said | None:
        said = self.says.popleft() if self.says else None
        if isinstance(said, AuthorityError):
            context.abort_with_status(status_of(said))
        if isinstance(said, grpc.StatusCode):
            context.abort(said, "as the test wants it")
        if callable(said):
            said()
        return said

    def GetTime(  # noqa: N802
        self, request: pb.GetTimeRequest, _context: grpc.ServicerContext
    ) -> pb.GetTimeResponse:
        response = pb.GetTimeResponse()
        if request.service_id:
            response.transaction_signing = self.offers_signing
        if self.clock is not None:
            response.time.FromNanoseconds(int(self.clock() * 1e9))
        return response


@dataclass(frozen=True)
class Served:
    """A listener, what speaks on it, and what an app knows of it."""

    authority: ScriptedAuthority
    certificates: CertificateAuthority
    target: str
    pins: tuple[str, ...]
    stop: Callable[[], object]

    @property
    def profile(self) -> AuthorityProfile:
        return AuthorityProfile(
            self.target, self.certificates.ca_file.read_bytes(), {SERVICE_ID: self.pins}
        )

    def write_profile(self, path: Path) -> Path:
        """Write what an app would ship with."""
        pins = ", ".join(f'"{pin}"' for pin in self.pins)
        path.write_text(
            f'target = "{self.target}"\nauthority_ca = "{self.certificates.ca_file}"\n\n'
            f"[pins]\n{SERVICE_ID} = [{pins}]\n",
            encoding="utf-8",
        )
        return path


@contextmanager
def serving(directory: Path) -> Iterator[Served]:
    """Serve until the block ends; one key is offered and pinned."""
    certificates = new_authority(directory)
    authority = ScriptedAuthority()
    pins = (authority.offer(),)
    server, port = listener(authority, certificates)
    try:
        yield Served(authority, certificates, f"localhost:{port}", pins, lambda: _stop(server))
    finally:
        _stop(server)


def listener(
    authority: ScriptedAuthority, certificates: CertificateAuthority, address: str = "127.0.0.1:0"
) -> tuple[grpc.Server, int]:
    """Listen at ``address`` with server-side TLS; return the server and its port."""
    identity = certificates.server()
    server = grpc.server(ThreadPoolExecutor(4))
    provisioning_pb2_grpc.add_ProvisioningServiceServicer_to_server(authority, server)  # type: ignore[no-untyped-call] # generated
    pair = identity.private_key.read_bytes(), identity.certificate.read_bytes()
    port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    server.start()
    return server, port


def _stop(server: grpc.Server) -> None:
    stopped: threading.Event = server.stop(grace=None)
    stopped.wait(30)


def _opened(envelope: bytes, number: int, oaep_hash: int) -> bytes:
    kind = OAEP_HASHES[oaep_hash]
    return private_key(number).decrypt(envelope, padding.OAEP(padding.MGF1(kind()), kind(), None))
