# SPDX-License-Identifier: Apache-2.0
"""Exchanges against the server itself: whoever comes at the same time, one token for the other."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
import pytest

from development.environment import environment_variables, kagimori
from development.vendor import Device
from kagimori.api.enrollment.v1 import registration_pb2
from kagimori.api.types.v1 import types_pb2
from races.arena import TENANT, VENDOR, Arena
from races.asking import (
    PATIENCE,
    SERVICE_ID,
    VERIFY,
    Answer,
    Door,
    answer_of,
    question,
    refusal_of,
)
from races.codes import event_codes, make_unambiguous_device
from races.numbers import NUMBERS

pytestmark = pytest.mark.timeout(NUMBERS.longest_test)

_SERVICE = "/kagimori.enrollment.v1.EnrollmentService/"
BEGIN = f"{_SERVICE}BeginReplacement"
COMPLETE = f"{_SERVICE}CompleteReplacement"
_REPLIES: dict[str, Any] = {
    BEGIN: registration_pb2.BeginReplacementResponse,
    COMPLETE: registration_pb2.CompleteReplacementResponse,
}

AT_ONCE = 8
"""Callers: fewer than a customer's tries of a day."""
LOGINS = 4
"""Fewer than would lock a token, whichever of their codes comes first."""
TOO_LATE = {"UNAVAILABLE", "FAILED_PRECONDITION", "UNKNOWN_TOKEN"}

Call: TypeAlias = tuple[str, bytes]
"""A method, and what it is asked."""

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def channels(arena: Arena) -> Iterator[list[grpc.Channel]]:
    """Connections of a bank's pages, and of its desk: enough of them to meet every process."""
    desk = arena.place.client(SERVICE_ID, "registrar")
    door = replace(
        Door.of(arena.place),
        private_key=desk.private_key.read_bytes(),
        certificate=desk.certificate.read_bytes(),
    )
    opened = [each.open() for each in [door] * AT_ONCE + [arena.door] * AT_ONCE]
    for channel in opened:
        grpc.channel_ready_future(channel).result(PATIENCE)
    yield opened
    for channel in opened:
        channel.close()


def test_of_8_exchanges_at_once_one_is_completed(
    arena: Arena, channels: list[grpc.Channel]
) -> None:
    (old,) = arena.enrol(period=0)
    new = in_stock(arena, AT_ONCE)
    assert all_at_once(channels, [begin(old, event_codes(old, 1)[0])]) == ["ACCEPTED"]
    shown = [event_codes(device, 2) for device in new]
    kinds = all_at_once(
        channels,
        [complete(old, device, codes[0]) for device, codes in zip(new, shown, strict=True)],
    )
    assert Counter(kinds)["ACCEPTED"] == 1, kinds
    assert set(kinds) <= {"ACCEPTED", *TOO_LATE}
    mine = kinds.index("ACCEPTED")
    assert all_at_once(channels, [login(old, event_codes(old, 2)[1])]) == ["REJECTED"]
    assert all_at_once(channels, [login(old, shown[mine][1])]) == ["ACCEPTED"]
    states = Counter(arena.witness.token(device.serial).state for device in new)
    assert states == {"ACTIVE": 1, "IN_STOCK": AT_ONCE - 1}
    assert arena.witness.token(old.serial).state == "RETURNED"
    arena.witness.sound(new[mine].serial)


def test_one_exchange_sent_8_times_at_once_is_one(
    arena: Arena, channels: list[grpc.Channel]
) -> None:
    (old,), (new,) = arena.enrol(period=0), in_stock(arena, 1)
    assert all_at_once(channels, [begin(old, event_codes(old, 1)[0])]) == ["ACCEPTED"]
    call = complete(old, new, event_codes(new, 1)[0])
    assert all_at_once(channels, [call] * AT_ONCE) == ["ACCEPTED"] * AT_ONCE
    assert len(arena.witness.accepted(new.serial)) == 1
    arena.witness.sound(new.serial)


def test_logins_beside_an_exchange_come_before_it_or_not_at_all(
    arena: Arena, channels: list[grpc.Channel]
) -> None:
    for old in arena.enrol(max(1, NUMBERS.neighbours // 16), period=0):
        (new,) = in_stock(arena, 1)
        codes = event_codes(old, LOGINS + 2)
        assert all_at_once(channels, [begin(old, codes[0])]) == ["ACCEPTED"]
        logins = [login(old, code) for code in codes[1 : LOGINS + 1]]
        kinds = all_at_once(channels, [complete(old, new, event_codes(new, 1)[0]), *logins])
        assert kinds[0] == "ACCEPTED", kinds
        assert set(kinds) <= {"ACCEPTED", "REPLAYED", "REJECTED", *TOO_LATE}
        token = arena.witness.token(old.serial)
        assert (token.state, token.subscriber, token.lease) == ("RETURNED", None, None)
        arena.witness.sound(old.serial)
        arena.witness.sound(new.serial)
        assert arena.witness.token(new.serial).subscriber == old.serial


def in_stock(arena: Arena, count: int) -> list[Device]:
    """Bring event-based tokens in that are nobody's."""
    devices = [
        make_unambiguous_device(f"SKTS{number:08d}", 0)
        for number in itertools.islice(_numbers, count)
    ]
    file = arena.place.write_vendor_file(VENDOR, devices)
    options = ["--config", str(arena.place.config), "--tenant", TENANT, "--vendor", VENDOR]
    environment = environment_variables(**arena.shim.environment)
    done = kagimori("import-tokens", file, *options, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return devices


def begin(old: Device, code: str) -> Call:
    """The arena's customers are called as their first tokens' serials are."""
    request = registration_pb2.BeginReplacementRequest(
        request_id=str(uuid4()), subscriber_ref=old.serial, code=code
    )
    return BEGIN, request.SerializeToString()


def complete(old: Device, new: Device, code: str) -> Call:
    request = registration_pb2.CompleteReplacementRequest(
        request_id=str(uuid4()), subscriber_ref=old.serial, serial=new.serial, code=code
    )
    return COMPLETE, request.SerializeToString()


def login(old: Device, code: str) -> Call:
    return VERIFY, question(code, subscriber=old.serial)


def all_at_once(channels: list[grpc.Channel], calls: Sequence[Call]) -> list[str]:
    """Make the calls, each by a connection that may make it; return what each was told."""
    desks, pages = cycle(channels[:AT_ONCE]), cycle(channels[AT_ONCE:])
    begun = [
        (method, _begin(next(pages if method == VERIFY else desks), method, request))
        for method, request in calls
    ]
    return [_told(method, call).kind for method, call in begun]


def _begin(channel: grpc.Channel, method: str, request: bytes) -> grpc.Future[bytes]:
    ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return ask.future(request, timeout=PATIENCE)


def _told(method: str, call: grpc.Future[bytes]) -> Answer:
    try:
        reply = call.result()
    except grpc.RpcError as error:
        return refusal_of(error)
    if method == VERIFY:
        return answer_of(reply)
    outcome = _REPLIES[method].FromString(reply).outcome
    return Answer("OK", types_pb2.Outcome.Name(outcome).removeprefix("OUTCOME_"))
