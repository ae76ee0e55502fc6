# SPDX-License-Identifier: Apache-2.0
"""A bank with hardware tokens at the real serving process, and what stands beside that.

oathtool is what its customers hold; deliveries come by command or over the wire.
"""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from development import oathtool
from development.certificates import AUTHORITY_TENANT
from development.environment import Environment, kagimori
from development.server import channel
from development.vendor import Device, make_device
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori_client import BankChannel, HardwareTokenDesk, TokenRegistrar

ABUKUMA = "20160003"
VENDOR = "kagi-keywrap"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Town:
    """Abukuma's counter, its customers' page, its core system; the authority serves."""

    place: Environment
    database: str
    counter: HardwareTokenDesk
    page: TokenRegistrar
    core: BankChannel

    def deliver(self, device: Device) -> Device:
        """Bring a token into stock by the command."""
        file = self.place.write_vendor_file(VENDOR, [device])
        done = self.run("import-tokens", file, "--vendor", VENDOR)
        assert done.returncode == 0, done.stderr
        return device

    def hand_out(self, device: Device) -> str:
        """Give it to a customer whom nobody else has; return who that is."""
        customer = f"customer-{next(_numbers)}"
        self.counter.assign(customer, device.serial)
        return customer

    def in_use(self, device: Device) -> Device:
        """Deliver it, hand it out, and let the customer take it into use."""
        customer = self.hand_out(self.deliver(device))
        self.page.activate(customer, shown(device))
        return device

    def log_in(self, device: Device, code: str) -> None:
        assert self.core.verify(code, serial=device.serial).number

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command of the product's for abukuma."""
        return kagimori(*words, "--config", self.place.config, "--tenant", "abukuma")

    def stock(self, prefix: str) -> list[tuple[object, ...]]:
        """Return the rows of the tokens whose serial numbers begin so."""
        query = f"SELECT * FROM tokens WHERE serial LIKE '{prefix}%' ORDER BY serial"  # noqa: S608 - our own
        if self.database.startswith("sqlite"):
            with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
                return database.execute(query).fetchall()
        with psycopg.connect(self.database) as link:
            return link.execute(query.encode()).fetchall()


def shown(device: Device, steps: int = 0) -> str:
    """Return what is on a token's display, or will be ``steps`` later."""
    if device.period:
        return oathtool.time_code(device, time.time(), steps)
    return oathtool.event_code(device, device.counter + steps)


def fresh(prefix: str, period: int = 0) -> Device:
    """Return a token of its own; event-based ones stand still between two codes."""
    return make_device(f"{prefix}{next(_numbers):06}", period=period)


def delivered(place: Environment, device: Device) -> admin_pb2.DeliveredToken:
    """Return an event-based token as an administrator's program sends it."""
    key = place.transport_key(VENDOR)
    return admin_pb2.DeliveredToken(
        serial=device.serial,
        factor=admin_pb2.MOVING_FACTOR_EVENT,
        hash=admin_pb2.HASH_ALGORITHM_SHA1,
        digits=device.digits,
        algorithm="kw-aes256",
        ciphertext=aes_key_wrap_with_padding(key, device.seed),
    )


def sent(
    place: Environment,
    batches: Sequence[Sequence[admin_pb2.DeliveredToken]],
    tenant: str = AUTHORITY_TENANT,
    role: str = "hsm-admin",
) -> list[admin_pb2.ImportedToken]:
    """Send a delivery for abukuma, batch by batch; return what became of each token."""
    digest = hashlib.sha256(batches[0][0].serial.encode()).digest()
    head = admin_pb2.Delivery(service_id=ABUKUMA, vendor=VENDOR, digest=digest)
    parts = [admin_pb2.TokenBatch(tokens=batch) for batch in batches]
    requests = [
        admin_pb2.ImportTokensRequest(delivery=head),
        *(admin_pb2.ImportTokensRequest(batch=part) for part in parts),
    ]
    with channel(place, tenant, role) as link:
        stub = admin_pb2_grpc.AdminServiceStub(link)  # type: ignore[no-untyped-call] # generated
        answers = stub.ImportTokens(iter(requests), timeout=30.0)
        return [result for answer in answers for result in answer.results]


def told(result: admin_pb2.ImportedToken) -> tuple[str, str, str]:
    word = admin_pb2.ImportResult.Name(result.result).removeprefix("IMPORT_RESULT_")
    return result.serial, word, result.custody
