# SPDX-License-Identifier: Apache-2.0
"""What gRPC alone can do: the real listener, and a `VerifyOtp` that does nothing.

The same TLS, options, threads and messages as the real server, without its
interceptor, its HSM and its database: no server of this flavour is faster.

``python -m bench.empty_handler CONFIG`` listens on a free port of the loopback,
prints it, and serves until its standard input ends.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

# kagimori.transport must come before grpc: it settles the TLS version.
from kagimori.transport import listener  # isort: skip

import grpc

from kagimori import config
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.config import ServerSection

_ACCEPTED: Final = verification_pb2.VerifyOtpResponse(
    outcome=types_pb2.OUTCOME_ACCEPTED,
    receipt=types_pb2.Receipt(number="1234567"),
    attempts_left=5,
)


class EmptyHandler(verification_pb2_grpc.VerificationServiceServicer):
    """Accepts whatever it is asked."""

    def VerifyOtp(  # noqa: N802 - the RPC's name
        self, _request: verification_pb2.VerifyOtpRequest, _context: grpc.ServicerContext
    ) -> verification_pb2.VerifyOtpResponse:
        return _ACCEPTED


def main() -> None:
    """Serve until standard input ends: a starter that dies takes it along."""
    section = config.load(Path(sys.argv[1])).server
    server = grpc.server(
        ThreadPoolExecutor(section.threads),
        options=listener.OPTIONS,
        maximum_concurrent_rpcs=section.max_concurrent_rpcs,
    )
    verification_pb2_grpc.add_VerificationServiceServicer_to_server(EmptyHandler(), server)  # type: ignore[no-untyped-call] # generated
    port = server.add_secure_port("127.0.0.1:0", _credentials(section))
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(grace=0).wait()


def _credentials(section: ServerSection) -> grpc.ServerCredentials:
    files = (section.certificate, section.private_key, section.client_ca)
    return listener.credentials(*(file.read_bytes() for file in files))


if __name__ == "__main__":
    main()
