# SPDX-License-Identifier: Apache-2.0
"""What gRPC alone can do: the real listener, and handlers that do nothing.

The same flavour, TLS, options and messages as the real server, without its
guard, its HSM and its database: no server of this flavour is faster.

``python -m bench.empty_handler CONFIG PORT`` listens on a port of the loopback
(0 takes a free one), which others like it may share, prints the port, and
serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

# kagimori.transport must come before grpc: it settles the TLS version.
from kagimori.transport import listener  # isort: skip

import grpc
import grpc.aio

from kagimori import config
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import transaction_pb2, verification_pb2
from kagimori.config import ServerSection

_SERVICE: Final = verification_pb2.DESCRIPTOR.services_by_name["VerificationService"].full_name
_ACCEPTED: Final = verification_pb2.VerifyOtpResponse(
    outcome=types_pb2.OUTCOME_ACCEPTED,
    receipt=types_pb2.Receipt(number="1234567"),
    attempts_left=5,
)
_SIGNED: Final = transaction_pb2.VerifyTransactionResponse(outcome=types_pb2.OUTCOME_ACCEPTED)
_RESULT: Final = verification_pb2.BatchVerifyOtpResult(response=_ACCEPTED)


async def verify_otp(
    _request: verification_pb2.VerifyOtpRequest, _context: object
) -> verification_pb2.VerifyOtpResponse:
    """Accept whatever is asked."""
    return _ACCEPTED


async def batch_verify_otp(
    request: verification_pb2.BatchVerifyOtpRequest, _context: object
) -> verification_pb2.BatchVerifyOtpResponse:
    """Accept every item."""
    return verification_pb2.BatchVerifyOtpResponse(results=[_RESULT] * len(request.requests))


async def verify_transaction(
    _request: transaction_pb2.VerifyTransactionRequest, _context: object
) -> transaction_pb2.VerifyTransactionResponse:
    """Accept whatever is asked."""
    return _SIGNED


_HANDLERS: Final = grpc.method_handlers_generic_handler(
    _SERVICE,
    {
        "VerifyOtp": grpc.unary_unary_rpc_method_handler(
            verify_otp,
            verification_pb2.VerifyOtpRequest.FromString,
            verification_pb2.VerifyOtpResponse.SerializeToString,
        ),
        "BatchVerifyOtp": grpc.unary_unary_rpc_method_handler(
            batch_verify_otp,
            verification_pb2.BatchVerifyOtpRequest.FromString,
            verification_pb2.BatchVerifyOtpResponse.SerializeToString,
        ),
        "VerifyTransaction": grpc.unary_unary_rpc_method_handler(
            verify_transaction,
            transaction_pb2.VerifyTransactionRequest.FromString,
            transaction_pb2.VerifyTransactionResponse.SerializeToString,
        ),
    },
)


async def serve(section: ServerSection, port: int) -> None:
    """Serve until standard input ends: a starter that dies takes it along."""
    server = grpc.aio.server(
        options=listener.options(reuse_port=True),
        maximum_concurrent_rpcs=section.max_concurrent_rpcs,
    )
    server.add_generic_rpc_handlers((_HANDLERS,))
    bound = server.add_secure_port(f"127.0.0.1:{port}", _credentials(section))
    await server.start()
    sys.stdout.write(f"{bound}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=0)


def _credentials(section: ServerSection) -> grpc.ServerCredentials:
    files = (section.certificate, section.private_key, section.client_ca)
    return listener.credentials(*(file.read_bytes() for file in files))


if __name__ == "__main__":
    asyncio.run(serve(config.load(Path(sys.argv[1])).server, int(sys.argv[2])))
