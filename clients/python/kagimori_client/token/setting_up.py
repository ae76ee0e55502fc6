# SPDX-License-Identifier: Apache-2.0
"""初期設定: from what the customer typed, if he did, to a token in its file."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.token import fields
from kagimori_client.token.authority_profile import AuthorityProfile
from kagimori_client.token.errors import AuthorityFault, InvalidField, SetUpRefused
from kagimori_client.token.line import AuthorityLine
from kagimori_client.token.otp import HashAlgorithm, OtpProfile
from kagimori_client.token.record import Draft, Record, Request, Seeds, to_octets
from kagimori_client.token.safe import Safe, sync_directory
from kagimori_client.token.sealing import SEED_OCTETS, pinned_key

_SERIAL: Final = re.compile(r"[0-9A-Z]{12}")
# As long as the bank's rule for what its customers type.
_NEW_SERIAL: Final = re.compile(r"[0-9A-Z]{6,32}")
_LONGEST_ISSUER: Final = 100
_HASHES: Final = {
    pb.HASH_ALGORITHM_SHA1: HashAlgorithm.SHA1,
    pb.HASH_ALGORITHM_SHA256: HashAlgorithm.SHA256,
    pb.HASH_ALGORITHM_SHA512: HashAlgorithm.SHA512,
}

_Answer: TypeAlias = "pb.ProvisionIssuedTokenResponse | pb.ProvisionNewTokenResponse"

Draw = Callable[[int], bytes]
"""Returns that many random octets."""


def pins_of(profile: AuthorityProfile, service_id: str) -> tuple[str, ...]:
    """Return the bank's pins, or raise `InvalidField` for a bank that the app does not know."""
    pins = profile.pins.get(fields.service_id(service_id))
    if pins is None:
        raise InvalidField("service_id", "must be that of a bank in the authority profile")
    return pins


def checked(
    service_id: str, user_id: str, activation_password: str
) -> pb.ProvisionIssuedTokenRequest:
    """Return the request as far as the customer types it, or raise `InvalidField`."""
    return pb.ProvisionIssuedTokenRequest(
        service_id=fields.service_id(service_id),
        user_id=fields.user_id(user_id),
        activation_password=fields.activation_password(activation_password),
    )


def checked_new(service_id: str) -> pb.ProvisionNewTokenRequest:
    """Return the request as far as the bank is chosen, or raise `InvalidField`."""
    return pb.ProvisionNewTokenRequest(service_id=fields.service_id(service_id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token that is to be set up at the bank that ``typed`` names; ``pins`` are its keys'."""

    typed: Request
    pins: tuple[str, ...]
    draw: Draw


def drafted(wanted: Wanted, line: AuthorityLine) -> Draft:
    """Draw the seeds and seal them to the first key that is pinned."""
    typed = wanted.typed
    key = pinned_key(line.keys(typed.service_id), wanted.pins)
    seeds = Seeds(_drawn(wanted.draw), _drawn(wanted.draw))
    request = copy.deepcopy(typed)
    request.key_pin = key.pin
    request.login_envelope = key.seal(seeds.login)
    request.signing_envelope = key.seal(seeds.signing)
    return Draft(seeds, request)


def finished(draft: Draft, line: AuthorityLine, safe: Safe) -> Record:
    """Send ``draft``, which ``safe`` holds, and put the token in its place.

    The draft is removed where the authority says no; without an answer it stays.
    """
    try:
        record = _asked(draft, line)
    except SetUpRefused:
        safe.path.unlink(missing_ok=True)
        sync_directory(safe.path.parent)
        raise
    safe.write(record.cover, to_octets(record))
    return record


def _drawn(draw: Draw) -> bytes:
    seed = draw(SEED_OCTETS)
    if len(seed) != SEED_OCTETS:
        raise ValueError("a seed has 64 octets")
    return seed


def _asked(draft: Draft, line: AuthorityLine) -> Record:
    if isinstance(draft.request, pb.ProvisionIssuedTokenRequest):
        return _record(draft, line.provision(draft.request), _SERIAL)
    answer = line.provision_new(draft.request)
    if not answer.HasField("register_by"):
        raise AuthorityFault("the authority does not say until when to register the token")
    register_by = _time_of(answer)
    return _record(draft, answer, _NEW_SERIAL, register_by)


def _record(
    draft: Draft,
    answer: _Answer,
    serial: re.Pattern[str],
    register_by: datetime | None = None,
) -> Record:
    if not serial.fullmatch(answer.serial):
        raise AuthorityFault(f"the serial number does not match {serial.pattern}")
    if len(answer.issuer) > _LONGEST_ISSUER or not fields.is_line(answer.issuer):
        raise AuthorityFault("the bank's name cannot be shown in a line")
    return Record(
        service_id=draft.request.service_id,
        user_id=getattr(draft.request, "user_id", ""),
        serial=answer.serial,
        issuer=answer.issuer,
        transaction_signing=answer.transaction_signing,
        profile=_profile(answer.profile),
        seeds=draft.seeds,
        register_by=register_by,
    )


def _time_of(answer: pb.ProvisionNewTokenResponse) -> datetime:
    try:
        return answer.register_by.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise AuthorityFault("the authority tells a time that there is not") from error


def _profile(told: pb.OtpProfile) -> OtpProfile:
    hash_algorithm = _HASHES.get(told.hash_algorithm)
    if hash_algorithm is None:
        raise AuthorityFault("the token is to use a hash that this app does not know")
    try:
        return OtpProfile(hash_algorithm, told.digits, told.period, told.t0)
    except ValueError as error:
        raise AuthorityFault(f"no token can be like this: {error}") from error
