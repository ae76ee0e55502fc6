# SPDX-License-Identifier: Apache-2.0
"""A serial number that a customer cannot have: one answer and one work, whyever it is so.

The real server over mTLS, its HSM behind the shim. The server asks its HSM once a
second whether it is there; so a cost is the cost of most calls, of which several fit
into a second.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from development import oathtool
from development.environment import ROOT, Environment, apply_tenants, kagimori
from development.server import ServerProcess
from development.vendor import make_device
from kagimori.api.enrollment.v1 import login_otp_pb2, registration_pb2
from kagimori.api.types.v1 import types_pb2
from support.custody.shim import SOFTHSM, Shim, ensure_built
from support.served.transport import PATIENCE, open_channel

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.slow,
    pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM"),
]

KAKESHIN: Final = "20160002"
VENDOR: Final = "kagi-keywrap"
ROUNDS: Final = 9
WARMING_UP: Final = 12
"""Calls after which every seed is open that is looked at where there is no token."""
HMACS: Final = {"C_SignInit", "C_Sign"}
NOBODYS_CODE: Final = "755224"

FOREIGN: Final = [f"SKTA{number:08d}" for number in range(ROUNDS)]
BOUND: Final = [f"SKTB{number:08d}" for number in range(ROUNDS)]
UNKNOWN: Final = [f"SKTC{number:08d}" for number in range(ROUNDS + WARMING_UP)]
WHY: Final = {"unknown": UNKNOWN[:ROUNDS], "another bank's": FOREIGN, "another's": BOUND}
CUSTOMERS: Final = ROUNDS * len(WHY) + WARMING_UP
"""Each call is another customer's."""

Call = Callable[[str], tuple[bytes, Any]]


@dataclass
class Page:
    """A bank's page at a running server, and the shim behind that."""

    channel: grpc.Channel
    shim: Shim
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def ask(self, rpc: str, request: Message) -> tuple[bytes, Any]:
        """Return the answer as it came over the wire, and what came with it."""
        asking: Any = self.channel.unary_unary(
            f"/kagimori.enrollment.v1.EnrollmentService/{rpc}",
            request_serializer=type(request).SerializeToString,
        )
        answer, call = asking.with_call(request, timeout=PATIENCE)
        return answer, (call.initial_metadata(), call.trailing_metadata())

    def register(self, serial: str) -> tuple[bytes, Any]:
        """Let a customer name it whom nobody has seen before."""
        request = registration_pb2.RegisterTokenRequest(
            request_id=str(uuid4()),
            subscriber_ref=f"new customer {next(self._numbers):04d}",
            serial=serial,
            code=NOBODYS_CODE,
            login_otp=login_otp_pb2.LOGIN_OTP_REQUIRED,
        )
        return self.ask("RegisterToken", request)

    def complete(self, serial: str) -> tuple[bytes, Any]:
        """Let a customer name it who has begun an exchange, and has named none before."""
        request = registration_pb2.CompleteReplacementRequest(
            request_id=str(uuid4()),
            subscriber_ref=holder(next(self._numbers)),
            serial=serial,
            code=NOBODYS_CODE,
        )
        return self.ask("CompleteReplacement", request)

    def counted(self, call: Call, serial: str) -> tuple[bytes, Any, tuple[tuple[str, int], ...]]:
        self.shim.reset()
        answer, around = call(serial)
        return answer, around, tuple(sorted(self.shim.counts().items()))


def holder(number: int) -> str:
    return f"customer {number:04d}"


def bring_in(place: Environment, tenant: str, serials: list[str], *holders: str) -> list[str]:
    """Import event-based tokens; each holder has one in use. Return what they show first."""
    devices = [make_device(serial, period=0) for serial in serials]
    file = place.write_vendor_file(VENDOR, devices)
    bindings = [
        word
        for serial, name in zip(serials, holders, strict=False)
        for word in ("--assign", f"{serial}={name}")
    ]
    options: list[str | Path] = ["--config", place.config, "--tenant", tenant, "--vendor", VENDOR]
    in_use = ["--activate"] if holders else []
    done = kagimori("import-tokens", file, *options, *in_use, *bindings)
    assert done.returncode == 0, done.stdout + done.stderr
    return [oathtool.event_code(device, 0) for device in devices]


@pytest.fixture
def page(place: Environment, tmp_path: Path) -> Iterator[Page]:
    """A bank without cards, and a vendor's tokens, for which it does not matter whose app."""
    shipped = ROOT / "config" / "tenants.toml"
    tenants = tmp_path / "tenants.toml"
    tenants.write_text(
        shipped.read_text().replace(
            f'service_id = "{KAKESHIN}"\nissuer = "かけしん"\ntime_zone = "Asia/Tokyo"\n'
            'custody = ["SEALED_BY_APP"]',
            f'service_id = "{KAKESHIN}"\nissuer = "かけしん"\ntime_zone = "Asia/Tokyo"\n'
            'custody = ["SEALED_BY_APP", "UNWRAPPED_IN_HSM"]',
        )
    )
    shim, settings = Shim(tmp_path), place.config.read_text()
    settings = settings.replace(str(shipped), str(tenants))
    place.config.write_text(settings.replace(f'"{SOFTHSM}"', f'"{ensure_built()}"'))
    applied = apply_tenants(place)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shim.environment.items():
            patch.setenv(name, value)
        with ServerProcess(place):
            ca, who = place.certificates / "ca.pem", place.client(KAKESHIN, "registrar")
            with open_channel(place.listen, ca, who) as channel:
                yield Page(channel, shim)


def show_that_they_are_alike(page: Page, call: Call, macs: int) -> bytes:
    """Compare what is said, and what the HSM is asked; return what is said.

    ``macs`` is how many a token takes that the customer can have.
    """
    for serial in UNKNOWN[ROUNDS:]:
        call(serial)
    seen = {
        why: [page.counted(call, serials[number]) for number in range(ROUNDS)]
        for why, serials in WHY.items()
    }
    said = {(answer, repr(around)) for calls in seen.values() for answer, around, _ in calls}
    ((answer, _),) = said
    costs = {why: Counter(cost for *_, cost in calls) for why, calls in seen.items()}
    usual = {why: count.most_common(1)[0] for why, count in costs.items()}
    assert all(times > ROUNDS // 2 for _, times in usual.values()), costs
    ((cost,),) = {(cost,) for cost, _ in usual.values()}
    # And a code for each step of a clock's window.
    assert dict(cost) == dict.fromkeys(HMACS, macs + 3)
    return answer


def test_a_registration_tells_nobody_what_a_serial_number_is(
    page: Page, place: Environment
) -> None:
    bring_in(place, "abukuma", FOREIGN)
    bring_in(place, "kakeshin", BOUND, *(holder(number) for number in range(ROUNDS)))
    answer = show_that_they_are_alike(page, page.register, macs=2)
    told = registration_pb2.RegisterTokenResponse.FromString(answer)
    assert told == registration_pb2.RegisterTokenResponse(
        outcome=types_pb2.OUTCOME_UNKNOWN_TOKEN, part=registration_pb2.REGISTRATION_PART_TOKEN
    )


def test_nor_does_an_exchange(page: Page, place: Environment) -> None:
    bring_in(place, "abukuma", FOREIGN)
    bring_in(place, "kakeshin", BOUND, *(f"neighbour {number}" for number in range(ROUNDS)))
    customers = [holder(number) for number in range(CUSTOMERS)]
    own = [f"SKTD{number:08d}" for number in range(CUSTOMERS)]
    for customer, code in zip(customers, bring_in(place, "kakeshin", own, *customers), strict=True):
        request = registration_pb2.BeginReplacementRequest(
            request_id=str(uuid4()), subscriber_ref=customer, code=code
        )
        answer, _ = page.ask("BeginReplacement", request)
        begun = registration_pb2.BeginReplacementResponse.FromString(answer)
        assert begun.outcome == types_pb2.OUTCOME_ACCEPTED
    answer = show_that_they_are_alike(page, page.complete, macs=4)
    told = registration_pb2.CompleteReplacementResponse.FromString(answer)
    assert told == registration_pb2.CompleteReplacementResponse(
        outcome=types_pb2.OUTCOME_UNKNOWN_TOKEN, part=registration_pb2.REGISTRATION_PART_TOKEN
    )
