# SPDX-License-Identifier: Apache-2.0
"""Tokens in a customer's hand that have a serial number before they have a customer.

Nobody waits here for the next code: each time that one is looked at, its clock runs one
step further ahead, and the authority follows it by a step for each success, as it
follows every clock that is not quite right.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from development import oathtool
from development.pages import HIDDEN
from development.vendor import Device, make_device
from kagimori_client.token import AuthorityProfile, SoftwareToken

APP: Final = "しんきん（個人）ワンタイムパスワード"  # noqa: RUF001 - as in the stores
PASSPHRASE: Final = "correct horse battery"
PERIOD: Final = 30
_STEPS: Final = 40
"""So many codes of a token are different, and no other token's here: more than are looked at."""


class Token(Protocol):
    """What both kinds are to their customers."""

    @property
    def serial(self) -> str:
        """シリアル番号."""
        ...

    def show(self) -> str:
        """Return a code that was not looked at before."""
        ...

    def upcoming(self) -> str:
        """Return what `show` will return next: as yet it is not spent."""
        ...


@dataclass(slots=True)
class _Clock:
    """A clock of steps; it runs ahead as soon as somebody would have to wait for it."""

    period: int
    ahead: int = 0
    last: int = -1

    def upcoming(self) -> int:
        now = int(time.time()) // self.period + self.ahead
        return now + 1 if now <= self.last else now

    def pass_to(self, step: int) -> None:
        self.ahead = step - int(time.time()) // self.period
        self.last = step


@dataclass(slots=True)
class Drawer:
    """Draws seeds, none of whose codes can be taken for another one's by chance."""

    _taken: set[str] = field(default_factory=set, repr=False)

    def seed(self, octets: int) -> bytes:
        """Return a seed for an app, ``octets`` long."""
        while True:
            seed = secrets.token_bytes(octets)
            if self._is_apart(Device("APP", seed, period=PERIOD)):
                return seed

    def device(self, serial: str, period: int = PERIOD) -> Device:
        """Return a hardware token; ``period`` is seconds, 0 for an event-based one."""
        while True:
            device = make_device(serial, period=period)
            if self._is_apart(device):
                return device

    def _is_apart(self, device: Device) -> bool:
        first = int(time.time()) // device.period - 3 if device.period else 0
        codes = set(oathtool.codes(device, first, _STEPS))
        if len(codes) < _STEPS or codes & self._taken:
            return False
        self._taken |= codes
        return True


class HardwareInHand:
    """A vendor's token: its serial number is on the back, oathtool is its display."""

    def __init__(self, device: Device) -> None:
        """Take the device as it came from the vendor."""
        self.device = device
        self._clock = _Clock(device.period)
        self._counter = device.counter

    @property
    def serial(self) -> str:
        """Return シリアル番号, as on the back."""
        return self.device.serial

    def show(self) -> str:
        """Press the button."""
        step = self._next()
        if self.device.period:
            self._clock.pass_to(step)
        self._counter += 1
        return self._code(step)

    def upcoming(self) -> str:
        """Return what the next press of the button will show."""
        return self._code(self._next())

    def _next(self) -> int:
        return self._clock.upcoming() if self.device.period else self._counter

    def _code(self, step: int) -> str:
        (code,) = oathtool.codes(self.device, step, 1)
        return code


class AppInHand:
    """The app on a phone; oathtool is told what its random generator has drawn."""

    def __init__(
        self, profile: AuthorityProfile, service_id: str, file: Path, drawer: Drawer
    ) -> None:
        """Start the app for the first time: it makes its token then, for nobody yet."""
        self.drawn: list[bytes] = []
        """For oathtool alone: the seed of the codes, and another one."""

        def draw(octets: int) -> bytes:
            self.drawn.append(drawer.seed(octets))
            return self.drawn[-1]

        self.app = SoftwareToken.set_up_new(
            profile, service_id=service_id, file=file, passphrase=PASSPHRASE, draw=draw
        )
        self._device = Device("APP", self.drawn[0], period=PERIOD)
        self._clock = _Clock(PERIOD)

    @property
    def serial(self) -> str:
        """Return シリアル番号, as at the foot of the screen."""
        return self.app.serial

    def show(self) -> str:
        """Return what is in the middle of the screen."""
        step = self._clock.upcoming()
        self._clock.pass_to(step)
        return self._code(step)

    def upcoming(self) -> str:
        """Return what will be there next."""
        return self._code(self._clock.upcoming())

    def agrees(self) -> bool:
        """Return whether oathtool shows the same over some steps, for the seed that was drawn."""
        first = int(time.time()) // PERIOD - 2
        wanted = oathtool.codes(self._device, first, 5)
        return wanted == [self._code(step) for step in range(first, first + 5)]

    def screen(self) -> str:
        """Return what the customer reads, but for the code."""
        left = f"あと {self.app.seconds_left()} 秒"
        return f"{self.app.issuer}  {HIDDEN}  {left}\nシリアル番号 {self.serial}"

    def _code(self, step: int) -> str:
        return self.app.code(step * PERIOD)
