# SPDX-License-Identifier: Apache-2.0
"""Deliveries as AdminService.ImportTokens takes them: what was read of a file, in its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import grpc

from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.application.deliveries.vendor_file import Head, OneTimeKey, VendorToken
from kagimori.domain.token import Hash, MovingFactor

PATIENCE: Final = 60.0
"""Seconds after which a test stops waiting for what must happen."""

_FACTORS: Final = {
    MovingFactor.TIME: admin_pb2.MOVING_FACTOR_TIME,
    MovingFactor.EVENT: admin_pb2.MOVING_FACTOR_EVENT,
}
_HASHES: Final = {
    Hash.SHA1: admin_pb2.HASH_ALGORITHM_SHA1,
    Hash.SHA256: admin_pb2.HASH_ALGORITHM_SHA256,
    Hash.SHA512: admin_pb2.HASH_ALGORITHM_SHA512,
}


def announcement(
    tenant: str, vendor: str, digest: bytes, head: Head | None = None
) -> admin_pb2.ImportTokensRequest:
    """Return a stream's first message; ``head`` is what the file says of all its seeds."""
    delivery = admin_pb2.Delivery(service_id=tenant, vendor=vendor, digest=digest)
    if head is not None and head.mac is not None:
        delivery.mac.algorithm = head.mac.algorithm
        delivery.mac.key_algorithm = head.mac.key_algorithm
        delivery.mac.key_ciphertext = head.mac.key_ciphertext
    if head is not None and isinstance(head.encryption, OneTimeKey):
        delivery.one_time_key.algorithm = head.encryption.algorithm
        delivery.one_time_key.ciphertext = head.encryption.ciphertext
    return admin_pb2.ImportTokensRequest(delivery=delivery)


def batch(tokens: Sequence[VendorToken]) -> admin_pb2.ImportTokensRequest:
    """Return a later message."""
    told = [_delivered(token) for token in tokens]
    return admin_pb2.ImportTokensRequest(batch=admin_pb2.TokenBatch(tokens=told))


def sent(channel: grpc.Channel, *requests: admin_pb2.ImportTokensRequest) -> list[Any]:
    """Send a whole delivery; return what became of each token."""
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answers = stub.ImportTokens(iter(requests), timeout=PATIENCE)
    return [result for answer in answers for result in answer.results]


def _delivered(token: VendorToken) -> admin_pb2.DeliveredToken:
    is_event = token.profile.factor is MovingFactor.EVENT
    return admin_pb2.DeliveredToken(
        serial=token.serial,
        factor=_FACTORS[token.profile.factor],
        hash=_HASHES[token.profile.hash],
        digits=token.profile.digits,
        period=token.profile.period,
        counter=token.last_step + 1 if is_event else 0,
        drift_steps=token.drift,
        algorithm=token.seed.algorithm,
        ciphertext=token.seed.ciphertext,
        mac=token.seed.mac or b"",
        not_before=token.validity.not_before,
        not_after=token.validity.not_after,
        manufacturer=token.device.manufacturer,
        model=token.device.model,
    )
