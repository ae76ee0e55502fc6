# SPDX-License-Identifier: Apache-2.0
"""What stands around every RPC: identity, access, errors, and one log line.

A handler is wrapped once, when it is registered, and no interceptor is used:
gRPC would build its chain anew for each call. The order (who, may they, what,
answer, log) is the point of it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, NoReturn, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError, Message

from kagimori.domain.errors import AuthorityError, MalformedMessage, NotIdentified
from kagimori.transport.access import ALLOWED, ANYBODY, authorize
from kagimori.transport.call import Call, StrangersCall
from kagimori.transport.call_log import Line
from kagimori.transport.identity import Identifier, Identity
from kagimori.transport.status import internal_status, status_of

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handlers: TypeAlias = "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"
Unary = Callable[[Any, Any], Awaitable[Message]]
Stream = Callable[[Any, Any], AsyncGenerator[Message]]
Parse = Callable[[bytes], Message]
Read = Callable[[Any], Any]
"""Turns what came, octets or a stream of them, into messages."""

LetIn = Callable[[Line, Context], Call | StrangersCall]

_OURS: Final = "/kagimori."
"""Our servicers take a `Call`; health and reflection take gRPC's own context."""

_AFTER_THE_LAST: Final = 0.05
"""Seconds after the last message of a stream in which gRPC says that it was cut off."""

_HEALTH: Final = "/grpc.health.v1.Health/Check"
"""Open to strangers too, where they are let in. A watch would hold a place for ever."""


class Guard:
    """Takes servicers as a server does, and lets in to them who may call them.

    The generated ``add_…Servicer_to_server`` functions are given a guard where
    they expect a server.
    """

    def __init__(self, server: grpc.aio.Server, identify: Identifier | None) -> None:
        """``identify`` reads the caller from the TLS connection.

        Without it callers are strangers, and only what is open to them is served.
        """
        self._server = server
        self._identify = identify
        self._let_in: LetIn = _let_stranger_in
        if identify is not None:
            self._let_in = partial(_let_caller_in, identify)

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        """Register the RPCs of ``service``, guarded."""
        guarded = {
            name: self._guarded(f"/{service}/{name}", handler)
            for name, handler in handlers.items()
            if self._identify is not None or _is_for_strangers(f"/{service}/{name}")
        }
        # gRPC finds one of these with a single lookup by the full name.
        self._server.add_registered_method_handlers(service, guarded)

    def add_generic_rpc_handlers(self, _: Sequence[grpc.GenericRpcHandler]) -> None:
        """Do nothing: the same handlers are registered by their names."""

    def _guarded(
        self, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Return ``handler`` with the guard around it.

        Requests come to the guard as the octets that they are: a body that is no
        message is the caller's fault, and gRPC would say INTERNAL.
        """
        parse = cast("Parse", handler.request_deserializer)
        respond = handler.response_serializer
        if not handler.response_streaming:
            unary = self._around(method, cast("Unary", handler.unary_unary), parse)
            return grpc.unary_unary_rpc_method_handler(unary, response_serializer=respond)
        if not handler.request_streaming:
            read: Read = partial(_message, parse)
            stream = self._around_stream(method, cast("Stream", handler.unary_stream), read)
            return grpc.unary_stream_rpc_method_handler(stream, response_serializer=respond)
        reads: Read = partial(_messages, parse)
        both = self._around_stream(method, cast("Stream", handler.stream_stream), reads)
        return grpc.stream_stream_rpc_method_handler(both, response_serializer=respond)

    def _around(self, method: str, behaviour: Unary, parse: Parse) -> Unary:
        takes_call = method.startswith(_OURS)
        let_in = self._let_in

        async def guarded(body: bytes, context: Context) -> Message:
            line = Line(method)
            try:
                call = let_in(line, context)
                request = _message(parse, body)
                answer = await behaviour(request, call if takes_call else context)
            except asyncio.CancelledError:
                line.abandoned(context.time_remaining())
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, a caller hears a status
                refusal = _refuse(line, error, context)
            else:
                line.answered()
                return answer
            # What gRPC raises now, it also keeps with the call: were the call among
            # our locals, neither would be freed before the next garbage collection.
            del context
            return await refusal

        return guarded

    def _around_stream(self, method: str, behaviour: Stream, read: Read) -> Stream:
        takes_call = method.startswith(_OURS)

        async def guarded(asked: Any, context: Context) -> AsyncGenerator[Message]:  # noqa: ANN401 - octets or a stream
            line = Line(method)
            try:
                call = self._let_in(line, context)
                # Closed at once when nobody listens any more: a stream may hold a file.
                async with aclosing(
                    behaviour(read(asked), call if takes_call else context)
                ) as all_:
                    async for answer in all_:
                        yield answer
            except (asyncio.CancelledError, GeneratorExit):
                line.abandoned(context.time_remaining())
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, a caller hears a status
                refusal = _refuse(line, error, context)
            else:
                line.answered()
                return
            await refusal

        return guarded


def _is_for_strangers(method: str) -> bool:
    return method == _HEALTH or ALLOWED.get(method) == ANYBODY


def _let_caller_in(identify: Identifier, line: Line, context: Context) -> Call:
    identity = _who(identify, line, context)
    line.came_from(identity)
    authorize(identity, line.method)
    return Call(identity, _seconds_left(context), line.facts)


def _let_stranger_in(line: Line, context: Context) -> StrangersCall:
    return StrangersCall(context.peer(), _seconds_left(context), line.facts)


def _seconds_left(context: Context) -> float:
    seconds_left = context.time_remaining()
    return math.inf if seconds_left is None else seconds_left


def _who(identify: Identifier, line: Line, context: Context) -> Identity:
    # The stubs promise bytes; gRPC gives a list of them for each key.
    connection = cast("Mapping[str, Sequence[bytes]]", context.auth_context())
    try:
        return identify(connection)
    except NotIdentified:
        # The caller hears one answer for every reason; our operators need the reason.
        names = b", ".join(connection.get("peer_uri", ())).decode("ascii", "replace")
        line.facts.update(peer=context.peer(), certificate_names=names[:300])
        raise


def _refuse(line: Line, error: Exception, context: Context) -> Awaitable[NoReturn]:
    """Write the line; return what tells the caller, and ends by raising."""
    status = status_of(error) if isinstance(error, AuthorityError) else internal_status()
    line.failed(error, status.code)
    return context.abort_with_status(status)


def _message(parse: Parse, body: bytes) -> Message:
    try:
        return parse(body)
    except DecodeError:
        # Its words may quote the body.
        raise MalformedMessage from None


async def _messages(parse: Parse, bodies: AsyncIterator[bytes]) -> AsyncIterator[Message]:
    async for body in bodies:
        yield _message(parse, body)
    # A stream that was cut off looks as if it had ended, until gRPC cancels the call.
    await asyncio.sleep(_AFTER_THE_LAST)
