# SPDX-License-Identifier: Apache-2.0
"""A bank at a real server over a real HSM, in this process, with a clock of the test's own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import grpc
import pytest

from development.certificates import new_authority
from development.vendor import Device
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.adapters.vault import HsmVault, Sessions
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.domain.policy import AttemptLimits
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Hash, MovingFactor, Profile
from kagimori.transport.server import DATABASE, HSM, AuthorityServer, UseCases, build_server
from support.custody.hsm import HsmFiles, fresh_hsm
from support.custody.vault import hsm_of
from support.databases.database import TestDatabase
from support.databases.inventory import Inventory
from support.phones.envelopes import provisioning_pem, seal
from support.served.transport import (
    HsmOnTheDesk,
    ScriptedEnrollment,
    loop,
    on_loop,
    open_channel,
    settings_of,
)
from support.tokens import TENANT, identity, token

PATIENCE = 30.0
"""Seconds after which a test stops waiting for what must happen."""

NOON = 1_774_926_000.0
"""2026-03-31T12:00:00+09:00: no midnight is near."""

LIMITS = AttemptLimits(consecutive=1000, daily=1000, since_unlock=1000)
"""For tests that are not about limits."""


@dataclass
class Clock:
    """The time that time-based codes are judged by; seconds since 1970, UTC."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class ServedBank:
    """Calls a server by gRPC; the customers' tokens are shown by oathtool."""

    clock: Clock
    channel: grpc.Channel
    vault: HsmVault
    files: HsmFiles
    database: TestDatabase
    inventory: Inventory
    policies: dict[str, TenantPolicy]
    _numbers: list[str] = field(default_factory=list)

    def enrol(self, period: int = 0, digits: int = 6, seed: bytes | None = None) -> Device:
        """Put a new token into a customer's hand, in use at once; period 0 is event-based.

        A ``seed`` is padded with zeros, which HMAC does not see (RFC 2104 §2).
        """
        serial = f"RESYNC{len(self._numbers):04d}"
        self._numbers.append(serial)
        # A phone's way in needs no vendor's file: what it seals has 64 octets.
        octets = secrets.token_bytes(64) if seed is None else seed.ljust(64, b"\0")
        device = Device(serial, octets, "SHA1", digits, period)
        factor = MovingFactor.TIME if period else MovingFactor.EVENT
        envelope = seal(provisioning_pem(self.files, TENANT), device.seed)
        (sealed,) = on_loop(self.vault.seal_envelopes(TENANT, 1, [envelope], Hash.SHA1))
        row = identity(
            Profile(factor, Hash.SHA1, digits, period),
            token_id=serial.lower(),
            serial=serial,
            subscriber=serial,
            seed=sealed,
        )
        self.inventory.add([token(row, row_mac=self.vault.row_mac(row))], "importer")
        return device

    def verify(self, device: Device, code: str, **changes: Any) -> str:  # noqa: ANN401 - any field
        """Offer a code for a login; return the outcome's word."""
        asked: dict[str, Any] = {
            "request_id": str(uuid4()),
            "operation": types_pb2.OPERATION_LOGIN,
            **changes,
        }
        request = verification_pb2.VerifyOtpRequest(serial=device.serial, code=code, **asked)
        answer = self._stub.VerifyOtp(request, timeout=PATIENCE)
        return types_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")

    def resync(self, device: Device, first: str, second: str, **changes: Any) -> str:  # noqa: ANN401 - any field
        """Offer two codes; return the outcome's word. Nothing else comes with it."""
        asked = {"request_id": str(uuid4()), "serial": device.serial} | changes
        request = verification_pb2.ResynchronizeTokenRequest(
            first_code=first, second_code=second, **asked
        )
        answer = self._stub.ResynchronizeToken(request, timeout=PATIENCE)
        told = {field.name for field, _ in answer.ListFields()}
        assert told <= {"outcome", "attempts_left"}, told
        word = verification_pb2.ResyncOutcome.Name(answer.outcome)
        return word.removeprefix("RESYNC_OUTCOME_")

    def row(self, device: Device) -> dict[str, Any]:
        """Return what the authority remembers of the token."""
        rows = self.database.run("SELECT * FROM tokens")
        (row,) = [row for row in rows if row["serial"] == device.serial]
        return row

    @property
    def _stub(self) -> Any:  # noqa: ANN401 - generated
        return verification_pb2_grpc.VerificationServiceStub(self.channel)  # type: ignore[no-untyped-call] # generated


@contextmanager
def served_bank(directory: Path) -> Iterator[ServedBank]:
    """Serve one bank until the block ends."""
    files = fresh_hsm(directory / "hsm", {"abukuma": TENANT})
    database, clock = TestDatabase(directory), Clock()
    policies = {TENANT: TenantPolicy("abukuma", TENANT, ZoneInfo("Asia/Tokyo"), LIMITS)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        vault = HsmVault.open(hsm_of(files), Sessions(4, 5, cache_entries=64, cache_seconds=60))
        engine = Engine(SqlVerificationStore(database.open()), vault, Bounds())
        verify = VerifyOtp(engine, vault, policies, clock)
        inventory = Inventory(database.open())
        try:
            with _serving(directory, engine, verify) as channel:
                yield ServedBank(clock, channel, vault, files, database, inventory, policies)
        finally:
            vault.close()
            database.close()


@contextmanager
def _serving(directory: Path, engine: Engine, verify: VerifyOtp) -> Iterator[grpc.Channel]:
    """Serve on the loop of all servers of this process."""
    authority = new_authority(directory)
    settings = replace(settings_of(authority), tenants=frozenset({TENANT}))
    ready: Future[AuthorityServer] = Future()
    closing = asyncio.Event()

    async def serve() -> None:
        scripted = ScriptedEnrollment()
        use_cases = UseCases(verify, scripted.require, scripted.use_cases(), HsmOnTheDesk())
        async with engine:
            server = build_server(settings, use_cases, {HSM: _pinged, DATABASE: _pinged})
            await server.start()
            ready.set_result(server)
            await closing.wait()
            await server.stop(0.5)

    served = asyncio.run_coroutine_threadsafe(serve(), loop())
    target = f"localhost:{ready.result(PATIENCE).port}"
    try:
        with open_channel(
            target, authority.ca_file, authority.client(TENANT, "channel")
        ) as channel:
            yield channel
    finally:
        loop().call_soon_threadsafe(closing.set)
        served.result(PATIENCE)


async def _pinged() -> None:
    """Say that all is well."""
