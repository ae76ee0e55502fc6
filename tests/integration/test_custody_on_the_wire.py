# SPDX-License-Identifier: Apache-2.0
"""What a verification costs at the HSM, and what it leaves in memory.

The real server over mTLS, its HSM behind the shim. The server asks its HSM
once a second whether it is there; so a cost is the cost of most calls, of
which several fit into a second.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from development import oathtool
from development.environment import Environment
from development.server import ServerProcess
from development.vendor import Device, make_device
from kagimori_client import BankChannel, OtpRejected, OtpReplayed, TokenLocked
from support.custody.memory import Pattern, copies
from support.custody.shim import SOFTHSM, VALUE_READS, Shim, ensure_built
from support.served.authority import SERVICE_ID, establish

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.slow,
    pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM"),
]

CALLS = 9
HEARTBEAT = {"C_UnwrapKey", "C_DestroyObject", "C_SignInit", "C_Sign"}
"""What the server's own question to its HSM is made of."""
PLANTED = secrets.token_hex(16)
"""Lies in the server's memory on purpose: the scan must find it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A bank's channel to a running server, and the shim behind that."""

    bank: BankChannel
    shim: Shim
    server: ServerProcess

    def costs(self, call: Callable[[], object]) -> dict[str, int]:
        """Return the PKCS#11 calls of most of `CALLS` runs of ``call``."""
        seen = []
        for _ in range(CALLS):
            self.shim.reset()
            call()
            seen.append(tuple(sorted(self.shim.counts().items())))
        return dict(Counter(seen).most_common(1)[0][0])


class Customer:
    """Holds an event-based token and presses its button."""

    def __init__(self, serial: str) -> None:
        self.device: Device = make_device(serial, period=0)
        self._presses = count(self.device.counter)

    def press(self) -> str:
        return oathtool.event_code(self.device, next(self._presses))

    def far_off(self) -> str:
        """A code of the token's that no window holds."""
        return oathtool.event_code(self.device, 100_000)


CUSTOMERS = {name: Customer(f"KGTD0000090{n}") for n, name in enumerate(("usual", "locked", "all"))}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    devices = [customer.device for customer in CUSTOMERS.values()]
    return establish(tmp_path_factory.mktemp("authority"), devices)


@pytest.fixture(scope="module")
def desk(place: Environment) -> Iterator[Desk]:
    shim = Shim(place.directory)
    settings = place.config.read_text()
    place.config.write_text(settings.replace(f'"{SOFTHSM}"', f'"{ensure_built()}"'))
    identity = place.client(SERVICE_ID)
    with (
        ServerProcess(place, {**shim.environment, "PLANTED": PLANTED}) as server,
        BankChannel(
            place.listen,
            certificate=identity.certificate,
            private_key=identity.private_key,
            authority_ca=place.certificates / "ca.pem",
        ) as bank,
    ):
        yield Desk(bank, shim, server)


def test_the_usual_accept_costs_one_hmac(desk: Desk) -> None:
    customer = CUSTOMERS["usual"]
    serial = customer.device.serial
    desk.bank.verify(customer.press(), serial=serial)  # opens the seed
    costs = desk.costs(lambda: desk.bank.verify(customer.press(), serial=serial))
    assert costs == {"C_SignInit": 1, "C_Sign": 1}


def test_a_locked_token_costs_nothing(desk: Desk) -> None:
    customer = CUSTOMERS["locked"]
    serial, wrong = customer.device.serial, customer.far_off()
    for refusal in [OtpRejected] * 4 + [TokenLocked] * 2:
        with pytest.raises(refusal):
            desk.bank.verify(wrong, serial=serial)

    def right_code() -> None:
        with pytest.raises(TokenLocked):
            desk.bank.verify(customer.press(), serial=serial)

    assert desk.costs(right_code) == {}


def test_no_value_is_read_and_nothing_decrypted(desk: Desk) -> None:
    customer = CUSTOMERS["all"]
    serial = customer.device.serial
    desk.shim.reset()
    code = customer.press()
    desk.bank.verify(code, serial=serial)
    with pytest.raises(OtpReplayed):
        desk.bank.verify(code, serial=serial)
    with pytest.raises(OtpRejected):
        desk.bank.verify(customer.far_off(), serial=serial)
    used = desk.shim.counts()
    assert used["C_UnwrapKey"] >= 1
    assert used[VALUE_READS] == 0
    assert {name for name in used if "Decrypt" in name} == set()
    assert set(used) <= HEARTBEAT


def test_no_seed_is_in_memory_between_requests(desk: Desk) -> None:
    customer = CUSTOMERS["usual"]
    seed = customer.device.seed
    forms = [Pattern.of(form) for form in (seed, seed.hex().encode())]
    assert copies(desk.server.pid, Pattern.of(PLANTED.encode())) >= 1
    for _ in range(3):
        desk.bank.verify(customer.press(), serial=customer.device.serial)
        assert [copies(desk.server.pid, form) for form in forms] == [0, 0]
