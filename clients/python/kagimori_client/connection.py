# SPDX-License-Identifier: Apache-2.0
"""The line between a bank and the authority, whatever is asked over it."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar, cast
from uuid import UUID

import grpc
from google.protobuf.message import Message

from kagimori_client.arguments import positive
from kagimori_client.asking import ask
from kagimori_client.credentials import Pem, credentials_of
from kagimori_client.status import error_of

_OPTIONS: Final = (
    # A restarted authority is found again within a deadline, not after gRPC's
    # usual minutes; and a line that died silently is noticed.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class Connection:
    """A mutually authenticated connection of one bank; share it between threads.

    The bank is the one that the client certificate names. Use it as a context
    manager, or `close` it.
    """

    def __init__(
        self,
        target: str,
        *,
        certificate: Pem,
        private_key: Pem,
        authority_ca: Pem,
        timeout: float = 5.0,
    ) -> None:
        """Prepare the connection to ``target`` (host:port); nothing is sent yet.

        ``certificate`` (chain) and ``private_key`` are the bank's,
        ``authority_ca`` signs the authority's server. ``timeout`` is in seconds
        and the default of every call.

        Raise `OSError` for a file that cannot be read; `TypeError` or
        `ValueError`, naming the argument, for what is no certificate, no key or
        another certificate's key (the key is looked at on Linux only; elsewhere
        a wrong one shows at the first call as `Unavailable`), and for a timeout
        that is not a positive number.
        """
        credentials = credentials_of(
            certificate=certificate, private_key=private_key, authority_ca=authority_ca
        )
        self._timeout = positive(timeout)
        self._channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
        self._take(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; no thread may be calling any more."""
        self._channel.close()

    def _take(self, channel: grpc.Channel) -> None:
        """Take the RPCs that this connection is for from ``channel``."""
        raise NotImplementedError

    def _within(self, timeout: float | None) -> float:
        """Return the seconds of one call."""
        return self._timeout if timeout is None else positive(timeout)

    def _ask(
        self,
        rpc: grpc.UnaryUnaryMultiCallable[Q, A],
        request: Q,
        request_id: UUID | None,
        timeout: float | None,
    ) -> A:
        """Ask until there is an answer: for what can be sent again unchanged."""
        return ask(partial(ask_once, rpc, request, request_id), self._within(timeout))


def ask_once(
    rpc: grpc.UnaryUnaryMultiCallable[Q, A], request: Q, request_id: UUID | None, seconds: float
) -> A:
    """Return the answer to ``request``, or raise the `KagimoriError` that tells why not."""
    try:
        return rpc(request, timeout=seconds)
    except grpc.RpcError as error:
        # What a blocking call raises is the finished call itself.
        raise error_of(cast("grpc.Call", error), request_id) from error
