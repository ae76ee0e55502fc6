# SPDX-License-Identifier: Apache-2.0
"""Customers who move from one token to another, and what their bank's pages ask for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias, TypedDict
from uuid import uuid4

import grpc

from development.environment import environment_variables, kagimori
from development.vendor import Device
from kagimori.api.enrollment.v1 import enrollment_pb2_grpc, login_otp_pb2, registration_pb2
from kagimori.api.types.v1 import types_pb2
from races.arena import TENANT, VENDOR, Arena, insist
from races.asking import PATIENCE, SERVICE_ID, Client, Door, question
from races.codes import REACH, event_codes, make_unambiguous_device
from support.processes.calls import eventually

Request: TypeAlias = Any
"""One of the messages of registration.proto."""

NO_ANSWER = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
IMPORTED_TOGETHER = 24

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Told:
    """What a page was told: a status, and with OK what a receipt says."""

    kind: str
    receipt: str = ""
    accepted_at: int = 0
    """Nanoseconds since the epoch."""
    serial_after: str = ""
    serial_before: str = ""

    @classmethod
    def of(cls, reply: Request) -> Told:
        """Read one of the replies of registration.proto."""
        receipt = getattr(reply, "receipt", None) or types_pb2.Receipt()
        return cls(
            types_pb2.Outcome.Name(reply.outcome).removeprefix("OUTCOME_"),
            receipt.number,
            receipt.accepted_at.ToNanoseconds(),
            getattr(reply, "serial_after", ""),
            getattr(reply, "serial_before", ""),
        )


@dataclass
class Shown:
    """A token, and its codes from first to last, each of them offered once."""

    device: Device
    codes: list[str] = field(repr=False)

    @classmethod
    def by(cls, device: Device) -> Shown:
        return cls(device, event_codes(device, REACH))

    @property
    def serial(self) -> str:
        return self.device.serial


@dataclass(frozen=True)
class Customer:
    """``name`` is his with the bank; ``old`` is his token, ``new`` is in stock."""

    name: str
    old: Shown
    new: Shown


class _Named(TypedDict):
    request_id: str
    subscriber_ref: str


class Step(Enum):
    """What a customer can ask a page for: the value is the RPC's name."""

    REGISTER = "RegisterToken"
    BEGIN = "BeginReplacement"
    COMPLETE = "CompleteReplacement"
    TERMINATE = "TerminateToken"

    def request(self, customer: Customer, request_id: str) -> Request:
        """Return what is asked: always the same for one customer and ``request_id``.

        The code of the token that he has is a later one, so that others can come first.
        """
        new, named = customer.new, _Named(request_id=request_id, subscriber_ref=customer.name)
        match self:
            case Step.REGISTER:
                return registration_pb2.RegisterTokenRequest(
                    **named,
                    serial=new.serial,
                    code=new.codes[0],
                    login_otp=login_otp_pb2.LOGIN_OTP_REQUIRED,
                )
            case Step.BEGIN:
                code = customer.old.codes[LATER]
                return registration_pb2.BeginReplacementRequest(**named, code=code)
            case Step.COMPLETE:
                return registration_pb2.CompleteReplacementRequest(
                    **named, serial=new.serial, code=new.codes[0]
                )
            case Step.TERMINATE:
                code = customer.old.codes[LATER]
                return registration_pb2.TerminateTokenRequest(**named, code=code)


LATER = 5
"""The place of a code that is offered where codes before it are still to come."""


class Page:
    """The bank's pages of an arena, which ask once, and the channel that its logins come by."""

    def __init__(self, arena: Arena, channel: grpc.Channel, logins: Client) -> None:
        self.arena = arena
        self._stub = enrollment_pb2_grpc.EnrollmentServiceStub(channel)  # type: ignore[no-untyped-call] # generated
        self._logins = logins

    def ask(self, step: Step, customer: Customer, request_id: str) -> Told:
        """Ask, and wait for the answer or for what comes instead."""
        ask = getattr(self._stub, step.value)
        try:
            return Told.of(ask(step.request(customer, request_id), timeout=PATIENCE))
        except grpc.RpcError as error:
            return Told(error.code().name)

    def insist(self, step: Step, customer: Customer, request_id: str) -> Told:
        """Ask the same until there is an answer."""
        answers: list[Told] = []

        def told() -> bool:
            answers.append(self.ask(step, customer, request_id))
            return answers[-1].kind not in NO_ANSWER

        eventually(told)
        return answers[-1]

    def log_in(self, token: Shown, place: int) -> str:
        """Return what the token's code at the ``place`` comes to."""
        return insist(self._logins, question(token.codes[place], serial=token.serial)).kind

    def customers(self) -> Iterator[Customer]:
        """Return customers who have a token each, and another at hand that is nobody's."""
        while True:
            mine = self.arena.enrol(IMPORTED_TOGETHER, period=0)
            for old, new in zip(mine, self._in_stock(IMPORTED_TOGETHER), strict=True):
                # The arena's customers are called as their tokens' serials are.
                yield Customer(old.serial, Shown.by(old), Shown.by(new))

    def newcomers(self) -> Iterator[Customer]:
        """Return customers who have none of the two tokens."""
        while True:
            devices = iter(self._in_stock(2 * IMPORTED_TOGETHER))
            for new, other in zip(devices, devices, strict=True):
                yield Customer(f"newcomer-{new.serial}", Shown.by(other), Shown.by(new))

    def _in_stock(self, count: int) -> list[Device]:
        serials = [f"SKTK{number:08d}" for number in itertools.islice(_numbers, count)]
        devices = [make_unambiguous_device(serial, 0) for serial in serials]
        place, shim = self.arena.place, self.arena.shim
        file = place.write_vendor_file(VENDOR, devices)
        options = ["--config", str(place.config), "--tenant", TENANT, "--vendor", VENDOR]
        environment = environment_variables(**shim.environment)
        done = kagimori("import-tokens", file, *options, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return devices


@contextmanager
def page_of(arena: Arena) -> Iterator[Page]:
    """Open the pages of the arena's bank."""
    registrar = arena.place.client(SERVICE_ID, "registrar")
    door = replace(
        Door.of(arena.place),
        private_key=registrar.private_key.read_bytes(),
        certificate=registrar.certificate.read_bytes(),
    )
    with door.open() as channel, arena.client() as logins:
        yield Page(arena, channel, logins)


def new_request() -> str:
    return str(uuid4())
