# SPDX-License-Identifier: Apache-2.0
"""Between the words of ImportTokens and the application's.

A field is named by its path in the message, such as ``batch.tokens[3].period``;
no message quotes what was in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from kagimori.api.admin.v1 import admin_pb2
from kagimori.application.deliveries.receive import Announced
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.vendor_file import (
    LONGEST_NAME,
    LONGEST_PERIOD,
    MOST_PRESSES,
    EncryptedSeed,
    MacMethod,
    OneTimeKey,
    VendorToken,
)
from kagimori.domain.code import LONGEST, SHORTEST
from kagimori.domain.device import Device, Validity
from kagimori.domain.enrollment import service_id
from kagimori.domain.errors import InvalidField
from kagimori.domain.token import NEVER, SERIAL, Hash, MovingFactor, Profile

MOST_TOKENS: Final = 128
"""Of one batch."""

_DIGEST_OCTETS: Final = 32
_LONGEST_KEY: Final = 4096
"""Octets of an encrypted seed or MAC key: an RSA key of 8,192 bits gives 1,024."""

_ALGORITHM: Final = re.compile(r"[0-9a-z_-]{1,32}")

_FACTORS: Final = {
    admin_pb2.MOVING_FACTOR_TIME: MovingFactor.TIME,
    admin_pb2.MOVING_FACTOR_EVENT: MovingFactor.EVENT,
}
_HASHES: Final = {
    admin_pb2.HASH_ALGORITHM_SHA1: Hash.SHA1,
    admin_pb2.HASH_ALGORITHM_SHA256: Hash.SHA256,
    admin_pb2.HASH_ALGORITHM_SHA512: Hash.SHA512,
}
_RESULTS: Final = {
    Result.IMPORTED: admin_pb2.IMPORT_RESULT_IMPORTED,
    Result.IMPORTABLE: admin_pb2.IMPORT_RESULT_IMPORTED,
    Result.DUPLICATE: admin_pb2.IMPORT_RESULT_DUPLICATE,
    Result.REFUSED: admin_pb2.IMPORT_RESULT_REFUSED,
}


def announced_of(request: admin_pb2.ImportTokensRequest) -> Announced:
    """Return what the first message of a stream announces, or raise `InvalidField`."""
    if request.WhichOneof("part") != "delivery":
        raise InvalidField("delivery", "must be the first message")
    delivery = request.delivery
    tenant = service_id(delivery.service_id, "delivery.service_id")
    _must_be_name(delivery.vendor, "delivery.vendor", least=1)
    digest = delivery.digest
    _must(len(digest) == _DIGEST_OCTETS, "delivery.digest", "has 32 octets (SHA-256)")
    mac = _mac_of(delivery.mac) if delivery.HasField("mac") else None
    one_time = _one_time_of(delivery) if delivery.HasField("one_time_key") else None
    return Announced(tenant, delivery.vendor, digest, mac, one_time, delivery.dry_run)


def batch_of(request: admin_pb2.ImportTokensRequest) -> list[VendorToken]:
    """Return the tokens of a later message, or raise `InvalidField` for the first wrong field."""
    if request.WhichOneof("part") != "batch":
        raise InvalidField("batch", "must be in every message after the first")
    tokens = request.batch.tokens
    _must(1 <= len(tokens) <= MOST_TOKENS, "batch.tokens", f"1 to {MOST_TOKENS} of them")
    return [_token_of(token, f"batch.tokens[{place}]") for place, token in enumerate(tokens)]


def response_of(lines: Iterable[Line]) -> admin_pb2.ImportTokensResponse:
    """Return what became of a batch in the words of the API."""
    return admin_pb2.ImportTokensResponse(
        results=[
            admin_pb2.ImportedToken(
                serial=line.serial,
                result=_RESULTS[line.result],
                custody=line.custody,
                reason=line.reason,
                detail=line.detail,
            )
            for line in lines
        ]
    )


def _mac_of(mac: admin_pb2.MacMethod) -> MacMethod:
    _must_be_algorithm(mac.algorithm, "delivery.mac.algorithm")
    _must_be_algorithm(mac.key_algorithm, "delivery.mac.key_algorithm")
    _must_be_octets(mac.key_ciphertext, "delivery.mac.key_ciphertext")
    return MacMethod(mac.algorithm, mac.key_algorithm, mac.key_ciphertext)


def _one_time_of(delivery: admin_pb2.Delivery) -> OneTimeKey:
    key = delivery.one_time_key
    _must_be_algorithm(key.algorithm, "delivery.one_time_key.algorithm")
    _must_be_octets(key.ciphertext, "delivery.one_time_key.ciphertext")
    return OneTimeKey(delivery.vendor, key.algorithm, key.ciphertext)


def _token_of(token: admin_pb2.DeliveredToken, path: str) -> VendorToken:
    is_serial = bool(SERIAL.fullmatch(token.serial))
    _must(is_serial, f"{path}.serial", "has 1 to 32 characters of [0-9A-Z]")
    profile = _profile_of(token, path)
    _must(abs(token.drift_steps) <= 1 << 30, f"{path}.drift_steps", "no clock is so wrong")
    _must_be_name(token.manufacturer, f"{path}.manufacturer")
    _must_be_name(token.model, f"{path}.model")
    return VendorToken(
        serial=token.serial,
        profile=profile,
        last_step=_last_step_of(token, profile, path),
        drift=token.drift_steps,
        seed=_seed_of(token, path),
        line=0,
        validity=_validity_of(token, path),
        device=Device(token.manufacturer, token.model),
    )


def _profile_of(token: admin_pb2.DeliveredToken, path: str) -> Profile:
    factor, hash_ = _FACTORS.get(token.factor), _HASHES.get(token.hash)
    if factor is None:
        raise InvalidField(f"{path}.factor", "must be TIME or EVENT")
    if hash_ is None:
        raise InvalidField(f"{path}.hash", "must be SHA1, SHA256 or SHA512")
    has_code = SHORTEST <= token.digits <= LONGEST
    _must(has_code, f"{path}.digits", f"must be {SHORTEST} to {LONGEST}")
    if factor is MovingFactor.EVENT:
        _must(token.period == 0, f"{path}.period", "must be 0 for an event-based token")
    else:
        has_period = 1 <= token.period <= LONGEST_PERIOD
        _must(has_period, f"{path}.period", f"must be 1 to {LONGEST_PERIOD} seconds")
    return Profile(factor, hash_, token.digits, token.period)


def _last_step_of(token: admin_pb2.DeliveredToken, profile: Profile, path: str) -> int:
    if profile.factor is MovingFactor.TIME:
        _must(token.counter == 0, f"{path}.counter", "must be 0 for a time-based token")
        return NEVER
    _must(token.counter <= MOST_PRESSES, f"{path}.counter", "must be 2^48 at most")
    _must(token.drift_steps == 0, f"{path}.drift_steps", "an event-based token has no clock")
    return token.counter - 1


def _seed_of(token: admin_pb2.DeliveredToken, path: str) -> EncryptedSeed:
    _must_be_algorithm(token.algorithm, f"{path}.algorithm")
    _must_be_octets(token.ciphertext, f"{path}.ciphertext")
    return EncryptedSeed(token.algorithm, token.ciphertext, token.mac or None)


def _validity_of(token: admin_pb2.DeliveredToken, path: str) -> Validity:
    begin = end = None
    if token.HasField("not_before"):
        begin = _moment_of(token.not_before, f"{path}.not_before")
    if token.HasField("not_after"):
        end = _moment_of(token.not_after, f"{path}.not_after")
    if begin is not None and end is not None:
        _must(begin < end, f"{path}.not_after", "must be after not_before")
    return Validity(begin, end)


def _moment_of(moment: Timestamp, path: str) -> datetime:
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField(path, "must be a time of the years 1 to 9999") from None


def _must_be_name(text: str, path: str, least: int = 0) -> None:
    fits = least <= len(text) <= LONGEST_NAME and text.isprintable()
    _must(fits, path, f"has {least} to {LONGEST_NAME} printable characters")


def _must_be_algorithm(name: str, path: str) -> None:
    is_name = bool(_ALGORITHM.fullmatch(name))
    _must(is_name, path, "must be the name after the # of the algorithm's URI")


def _must_be_octets(octets: bytes, path: str) -> None:
    _must(1 <= len(octets) <= _LONGEST_KEY, path, f"has 1 to {_LONGEST_KEY} octets")


def _must(holds: bool, path: str, description: str) -> None:  # noqa: FBT001 - read as a sentence
    if not holds:
        raise InvalidField(path, description)
