# SPDX-License-Identifier: Apache-2.0
"""A token app's line to the authority: server-side TLS, and one deadline for all of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Final, TypeVar, cast

import grpc

from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.api.provisioning.v1 import provisioning_pb2_grpc
from kagimori_client.token.authority_profile import AuthorityProfile
from kagimori_client.token.errors import AuthorityFault, InvalidField, Unavailable
from kagimori_client.token.refusals import error_of

MOST_SENDS: Final = 4
"""Five wrong activation passwords void an issue, and a lost answer may have cost one."""
_FIRST_WAIT: Final = 0.2
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
)

A = TypeVar("A")
Q = TypeVar("Q")


class AuthorityLine:
    """Asks within a deadline; `Unavailable` is asked again, the request unchanged."""

    def __init__(self, channel: grpc.Channel, deadline: float) -> None:
        """``deadline`` is by the monotonic clock, in seconds."""
        stub = provisioning_pb2_grpc.ProvisioningServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._stub = stub
        self._deadline = deadline

    def keys(self, service_id: str) -> Sequence[pb.ProvisioningKey]:
        """Return the public keys that the bank's HSM offers, the one to be used first."""
        request = pb.GetProvisioningKeysRequest(service_id=service_id)
        answer = self._ask(self._stub.GetProvisioningKeys, request)
        return cast("pb.GetProvisioningKeysResponse", answer).keys

    def provision(self, request: pb.ProvisionIssuedTokenRequest) -> pb.ProvisionIssuedTokenResponse:
        """Hand the sealed seeds over."""
        answer = self._ask(self._stub.ProvisionIssuedToken, request)
        return cast("pb.ProvisionIssuedTokenResponse", answer)

    def provision_new(self, request: pb.ProvisionNewTokenRequest) -> pb.ProvisionNewTokenResponse:
        """Hand the sealed seeds over before the bank knows the customer."""
        answer = self._ask(self._stub.ProvisionNewToken, request)
        return cast("pb.ProvisionNewTokenResponse", answer)

    def time(self) -> float:
        """Return the authority's time, in seconds since 1970; asked once."""
        # Asked again inside one reading, the wait would count as a round trip.
        answer = cast(
            "pb.GetTimeResponse", _once(self._stub.GetTime, pb.GetTimeRequest(), self._left())
        )
        if not answer.HasField("time"):
            raise AuthorityFault("the authority told no time")
        return answer.time.ToDatetime(tzinfo=UTC).timestamp()

    def offers_signing(self, service_id: str) -> bool | None:
        """Return whether the bank offers 取引確認 now; None where it is not told."""
        request = pb.GetTimeRequest(service_id=service_id)
        answer = cast("pb.GetTimeResponse", self._ask(self._stub.GetTime, request))
        return answer.transaction_signing if answer.HasField("transaction_signing") else None

    def _ask(self, method: Callable[..., A], request: Q) -> A:
        for sent in range(MOST_SENDS - 1):
            try:
                return _once(method, request, self._left())
            except Unavailable as outage:
                pause = max(_FIRST_WAIT * 2**sent, outage.retry_after or 0.0)
                if pause >= self._left():
                    raise
            time.sleep(pause)
        return _once(method, request, self._left())

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


@contextmanager
def line_to(profile: AuthorityProfile, timeout: float) -> Iterator[AuthorityLine]:
    """Open a line for ``timeout`` seconds in all."""
    if not timeout > 0:
        raise InvalidField("timeout", "must be a positive number of seconds")
    credentials = grpc.ssl_channel_credentials(profile.authority_ca)
    with grpc.secure_channel(profile.target, credentials, options=_OPTIONS) as channel:
        yield AuthorityLine(channel, time.monotonic() + timeout)


def _once(method: Callable[..., A], request: object, seconds: float) -> A:
    try:
        return method(request, timeout=seconds)
    except grpc.RpcError as error:
        # What a blocking call raises is the finished call itself. It is not
        # chained: its text may be a stranger's.
        raise error_of(cast("grpc.Call", error)) from None
