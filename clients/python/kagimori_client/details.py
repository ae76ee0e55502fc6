# SPDX-License-Identifier: Apache-2.0
"""What a failed call carries besides its status: google.rpc details."""

from __future__ import annotations

from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

# The call may or may not have been worked on: only its request_id makes asking
# again safe. RESOURCE_EXHAUSTED is the authority's bound on concurrent calls.
ASK_AGAIN: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)

M = TypeVar("M", bound=Message)


def rich_status(call: grpc.Call) -> Status:
    """Return the details; none where something between us and the authority answered."""
    try:
        return rpc_status.from_call(call) or Status()
    except ValueError:
        return Status()


def detail(status: Status, kind: type[M]) -> M | None:
    """Return the first detail of that kind, if there is one."""
    for packed in status.details:
        unpacked = kind()
        if packed.Unpack(unpacked):
            return unpacked
    return None
