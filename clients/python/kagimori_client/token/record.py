# SPDX-License-Identifier: Apache-2.0
"""What a token's file keeps: a set-up under way, or the token."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.token.clock import ClockReading
from kagimori_client.token.otp import HashAlgorithm, OtpProfile
from kagimori_client.token.safe import Cover

Request: TypeAlias = "pb.ProvisionIssuedTokenRequest | pb.ProvisionNewTokenRequest"
"""What hands the seeds over: of a token that was issued, or before the bank knows the customer."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The login seed and the signing seed, as drawn, 64 octets each."""

    login: bytes = field(repr=False)
    signing: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A set-up that was begun: what is sent, kept so that it can be sent again."""

    seeds: Seeds
    request: Request = field(repr=False)

    @property
    def cover(self) -> Cover:
        """Return what may be told of it."""
        return Cover(self.request.service_id)


@dataclass(frozen=True, slots=True)
class Record:
    """A token that is set up.

    ``register_by`` (UTC) is that of a token which its customer registers at the bank by
    its serial number; such a one has an empty ``user_id``.
    """

    service_id: str
    user_id: str = field(repr=False)
    serial: str
    issuer: str
    transaction_signing: bool
    profile: OtpProfile
    seeds: Seeds
    label: str | None = None
    clock: ClockReading | None = None
    register_by: datetime | None = None

    @property
    def cover(self) -> Cover:
        """Return what may be told of it."""
        return Cover(self.service_id, self.issuer, self.label, finished=True)


def to_octets(kept: Draft | Record) -> bytes:
    """Return ``kept`` as JSON."""
    told = _of_draft(kept) if isinstance(kept, Draft) else _of_record(kept)
    return json.dumps(told | {"seeds": _of_seeds(kept.seeds)}).encode()


def from_octets(octets: bytes) -> Draft | Record:
    """Return what `to_octets` was given."""
    told: dict[str, Any] = json.loads(octets)
    seeds = Seeds(*(base64.b64decode(told["seeds"][name]) for name in _SEEDS))
    for name, kind in _REQUESTS.items():
        if name in told:
            return Draft(seeds, kind.FromString(base64.b64decode(told[name])))
    profile = told["profile"]
    return Record(
        **{name: told[name] for name in _PLAIN},
        profile=OtpProfile(
            **profile | {"hash_algorithm": HashAlgorithm(profile["hash_algorithm"])}
        ),
        seeds=seeds,
        clock=ClockReading(*told["clock"]) if told["clock"] else None,
        register_by=_time_of(told.get("register_by")),
    )


_SEEDS: Final = ("login", "signing")
_REQUESTS: Final[dict[str, type[Request]]] = {
    "request": pb.ProvisionIssuedTokenRequest,
    "new_request": pb.ProvisionNewTokenRequest,
}
_PLAIN: Final = ("service_id", "user_id", "serial", "issuer", "transaction_signing", "label")


def _of_draft(draft: Draft) -> dict[str, Any]:
    (name,) = (name for name, kind in _REQUESTS.items() if isinstance(draft.request, kind))
    return {name: base64.b64encode(draft.request.SerializeToString()).decode()}


def _of_record(record: Record) -> dict[str, Any]:
    profile, clock = record.profile, record.clock
    return {name: getattr(record, name) for name in _PLAIN} | {
        "profile": {
            "hash_algorithm": profile.hash_algorithm.value,
            "digits": profile.digits,
            "period": profile.period,
            "t0": profile.t0,
        },
        "clock": [clock.error, clock.uncertainty, clock.measured_at] if clock else None,
        "register_by": record.register_by.timestamp() if record.register_by else None,
    }


def _of_seeds(seeds: Seeds) -> dict[str, str]:
    return {name: base64.b64encode(getattr(seeds, name)).decode() for name in _SEEDS}


def _time_of(seconds: float | None) -> datetime | None:
    # Files of before there were such tokens do not say it.
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
