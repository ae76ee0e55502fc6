# SPDX-License-Identifier: Apache-2.0
"""What stands around every RPC: identity, access, errors, and one log line.

One interceptor and not four: gRPC would build the whole pile anew for each
call, and the order (who, may they, what, answer, log) is the point of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, TypeVar, cast

import grpc
from google.protobuf.message import DecodeError

from kagimori.domain.errors import AuthorityError, MalformedMessage, NotIdentified
from kagimori.transport import call_log
from kagimori.transport.access import authorize
from kagimori.transport.call import Call
from kagimori.transport.identity import Identifier, Identity
from kagimori.transport.status import internal_status, status_of

Behaviour = Callable[..., Any]
R = TypeVar("R")

_MALFORMED: Final = object()
_OURS: Final = "/kagimori."
"""Our servicers take a `Call`; health and reflection take gRPC's own context."""


class Guard(grpc.ServerInterceptor):
    """Lets identified callers in to what their role may call."""

    def __init__(self, identify: Identifier) -> None:
        """``identify`` reads the caller from the TLS connection."""
        self._identify = identify
        self._guarded: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the guarded handler of an RPC; None if nobody serves it."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = self._guard(method, handler)
        return self._guarded[method]

    def _guard(
        self, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        kind = f"{_arity(handler.request_streaming)}_{_arity(handler.response_streaming)}"
        deserialize = handler.request_deserializer
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(  # type: ignore[no-any-return] # chosen by name
            self._around(method, getattr(handler, kind)),
            request_deserializer=deserialize
            if handler.request_streaming
            else _tolerant(deserialize),
            response_serializer=handler.response_serializer,
        )

    def _around(self, method: str, behaviour: Behaviour) -> Behaviour:
        takes_call = method.startswith(_OURS)

        # wraps() keeps the marks by which gRPC knows a stream that holds no thread.
        @wraps(behaviour)
        def guarded(request: object, context: grpc.ServicerContext, *send: Behaviour) -> object:
            with call_log.Line(method) as line:
                try:
                    call = self._let_in(line, request, context)
                    return behaviour(request, call if takes_call else context, *send)
                except Exception as error:  # noqa: BLE001 - whatever it is, a caller hears a status
                    status = _status_of(error)
                    line.failed(error, status)
            return context.abort_with_status(status)

        return guarded

    def _let_in(self, line: call_log.Line, request: object, context: grpc.ServicerContext) -> Call:
        line.identity = self._who(line, context)
        authorize(line.identity, line.method)
        if request is _MALFORMED:
            raise MalformedMessage
        seconds_left = context.time_remaining()
        return Call(line.identity, math.inf if seconds_left is None else seconds_left, line.facts)

    def _who(self, line: call_log.Line, context: grpc.ServicerContext) -> Identity:
        # The stubs promise bytes; gRPC gives a list of them for each key.
        connection = cast("Mapping[str, Sequence[bytes]]", context.auth_context())
        try:
            return self._identify(connection)
        except NotIdentified:
            # The caller hears one answer for every reason; our operators need the reason.
            names = b", ".join(connection.get("peer_uri", ())).decode("ascii", "replace")
            line.facts.update(peer=context.peer(), certificate_names=names[:300])
            raise


def _status_of(error: Exception) -> grpc.Status:
    return status_of(error) if isinstance(error, AuthorityError) else internal_status()


def _tolerant(deserialize: Callable[[bytes], R] | None) -> Callable[[bytes], R | object]:
    """Let the guard see what is no message; gRPC itself would call it INTERNAL."""

    def attempt(body: bytes) -> R | object:
        try:
            return deserialize(body) if deserialize else body
        except DecodeError:
            return _MALFORMED

    return attempt


def _arity(streaming: bool) -> str:  # noqa: FBT001 - gRPC's own flag
    return "stream" if streaming else "unary"
