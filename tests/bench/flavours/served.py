# SPDX-License-Identifier: Apache-2.0
"""One flavour of server with a ``VerifyOtp`` that does nothing, as a process.

``python -m bench.flavours.served CONFIG FLAVOUR`` listens on a free port of the
loopback, prints it, and serves until its standard input ends. FLAVOUR is a JSON
object, see `Flavour`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# kagimori.transport must come before grpc: it settles the TLS version.
from kagimori.transport import listener  # isort: skip

import grpc
import grpc.aio

from kagimori import config
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2

_SERVICE: Final = "kagimori.verification.v1.VerificationService"
_ACCEPTED: Final = verification_pb2.VerifyOtpResponse(
    outcome=types_pb2.OUTCOME_ACCEPTED,
    receipt=types_pb2.Receipt(number="1234567"),
    attempts_left=5,
)
_HANDED_OFF: Final = 0.002
"""Seconds that a batch takes which is handed to another thread: about two commits."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """What is varied. ``threads`` of 0 is asyncio, more is the thread-pool server.

    ``parse``: messages are parsed and serialised. ``interceptors``: so many that
    do nothing. ``hand_off``: each call waits for another thread, which answers in
    batches. ``tls``: mTLS as in the product. ``switch``: the interpreter's
    switch interval, seconds.
    """

    threads: int = 0
    parse: bool = True
    interceptors: int = 0
    hand_off: bool = False
    tls: bool = True
    switch: float = 0.005


def main() -> None:
    """Serve."""
    section = config.load(Path(sys.argv[1])).server
    flavour = Flavour(**json.loads(sys.argv[2]))
    sys.setswitchinterval(flavour.switch)
    files = (section.certificate, section.private_key, section.client_ca)
    credentials = listener.credentials(*(file.read_bytes() for file in files))
    if flavour.threads:
        _serve_with_threads(flavour, credentials)
    else:
        asyncio.run(_serve_on_a_loop(flavour, credentials))


def _serve_with_threads(flavour: Flavour, credentials: grpc.ServerCredentials) -> None:
    other = OtherThread(lambda events: [event.set() for event in events])

    def verify(_request: object, _context: object) -> object:
        if flavour.hand_off:
            event = threading.Event()
            other.hand_over(event)
            event.wait()
        return _answer(flavour)

    server = grpc.server(
        ThreadPoolExecutor(flavour.threads),
        interceptors=[_ThreadsInterceptor()] * flavour.interceptors,
        options=listener.OPTIONS,
    )
    server.add_generic_rpc_handlers((_handler(flavour, verify),))
    port = _bind(server, flavour, credentials)
    server.start()
    _say(port)
    sys.stdin.read()
    server.stop(grace=0).wait()


async def _serve_on_a_loop(flavour: Flavour, credentials: grpc.ServerCredentials) -> None:
    loop = asyncio.get_running_loop()
    other = OtherThread(
        lambda futures: loop.call_soon_threadsafe(
            lambda: [future.set_result(None) for future in futures]
        )
    )

    async def verify(_request: object, _context: object) -> object:
        if flavour.hand_off:
            future = loop.create_future()
            other.hand_over(future)
            await future
        return _answer(flavour)

    server = grpc.aio.server(
        interceptors=[_LoopInterceptor()] * flavour.interceptors, options=listener.OPTIONS
    )
    server.add_generic_rpc_handlers((_handler(flavour, verify),))
    port = _bind(server, flavour, credentials)
    await server.start()
    _say(port)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=0)


class OtherThread:
    """A thread that answers whatever has come since its last batch."""

    def __init__(self, answer: Callable[[list[Any]], object]) -> None:
        """``answer`` takes a batch, in the thread."""
        self._answer = answer
        self._waiting: list[Any] = []
        self._arrived = threading.Condition()
        threading.Thread(target=self._work, daemon=True).start()

    def hand_over(self, call: object) -> None:
        """Put a call into the next batch."""
        with self._arrived:
            self._waiting.append(call)
            self._arrived.notify()

    def _work(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting)
                batch, self._waiting = self._waiting, []
            threading.Event().wait(_HANDED_OFF)
            self._answer(batch)


class _ThreadsInterceptor(grpc.ServerInterceptor):
    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401
        return continuation(handler_call_details)


class _LoopInterceptor(grpc.aio.ServerInterceptor):
    async def intercept_service(
        self,
        continuation: Callable[..., Awaitable[Any]],
        handler_call_details: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return await continuation(handler_call_details)


def _handler(flavour: Flavour, verify: Callable[..., object]) -> grpc.GenericRpcHandler:
    parse = verification_pb2.VerifyOtpRequest.FromString if flavour.parse else None
    write = verification_pb2.VerifyOtpResponse.SerializeToString if flavour.parse else None
    method = grpc.unary_unary_rpc_method_handler(verify, parse, write)
    return grpc.method_handlers_generic_handler(_SERVICE, {"VerifyOtp": method})


def _answer(flavour: Flavour) -> object:
    return _ACCEPTED if flavour.parse else _BYTES


_BYTES: Final = _ACCEPTED.SerializeToString()


def _bind(server: Any, flavour: Flavour, credentials: grpc.ServerCredentials) -> int:  # noqa: ANN401 - either server
    if flavour.tls:
        return int(server.add_secure_port("127.0.0.1:0", credentials))
    return int(server.add_insecure_port("127.0.0.1:0"))


def _say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
