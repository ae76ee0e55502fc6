# SPDX-License-Identifier: Apache-2.0
"""A bank's connections to the authority, and the tokens that its customers hold."""

from __future__ import annotations

import contextlib
import functools
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from development import oathtool
from development.environment import Environment
from development.stage import Deed, Stage
from development.vendor import Device
from kagimori_client import (
    BankChannel,
    BankDesk,
    HardwareTokenDesk,
    ReplacementDesk,
    TokenRegistrar,
)

C = TypeVar("C", BankChannel, BankDesk, HardwareTokenDesk, ReplacementDesk, TokenRegistrar)


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank's channel to the authority, and what its customers hold."""

    stage: Stage
    channel: BankChannel
    devices: dict[str, Device]

    def show(self, serial: str, steps: int = 0) -> str:
        """Return what the token shows now, or ``steps`` later; for events, counter ``steps``."""
        device = self.devices[serial]
        if device.period:
            return oathtool.time_code(device, time.time(), steps)
        return oathtool.event_code(device, device.counter + steps)

    def asking(self, serial: str, code: str, request_id: uuid.UUID | None = None) -> Deed:
        """Return the deed of asking the authority about ``code``."""
        return functools.partial(self.channel.verify, code, serial=serial, request_id=request_id)


@contextlib.contextmanager
def bank_of(
    stage: Stage, place: Environment, service_id: str, devices: Iterable[Device]
) -> Iterator[Bank]:
    """Open a tenant's channel."""
    with connection(BankChannel, place, service_id, "channel") as link:
        yield Bank(stage, link, {device.serial: device for device in devices})


def connection(kind: type[C], place: Environment, service_id: str, role: str) -> C:
    """Return a connection of a tenant's, who asks in ``role``, by the files that are named so."""
    identity = place.client(service_id, role)
    return kind(
        place.listen,
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=place.certificates / "ca.pem",
    )
