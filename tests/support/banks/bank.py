# SPDX-License-Identifier: Apache-2.0
"""A bank with one customer, whose token has the seed of RFC 4226."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from fakes.store import TroubledStore
from fakes.vault import FakeVault
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.application.ports import BySubscriber, Subject
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import Caller, VerifyOtp
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.policy import AttemptLimits, Operation
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Profile
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.tokens import EVENT, OTHER_TENANT, SUBSCRIBER, TENANT, identity, rfc4226, token

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which a test stops waiting for what must happen."""

CODES = [vector.code for vector in rfc4226()]
SEED = rfc4226()[0].seed

CALLER = Caller(TENANT, "internet-banking")
LIMITS = AttemptLimits(consecutive=5, daily=8, since_unlock=12)
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class Bank:
    """Asks the use case as a channel of the bank does, from any thread.

    The engine has an event loop of its own, in a thread of its own.
    """

    database: AnyDatabase
    vault: FakeVault = field(default_factory=FakeVault)
    now: float = 1_775_000_000.0
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        opened = self.database.open()
        self.store = TroubledStore(SqlVerificationStore(opened))
        self.inventory = Inventory(opened)
        self.policies = {
            tenant: TenantPolicy("bank", tenant, TOKYO, LIMITS) for tenant in (TENANT, OTHER_TENANT)
        }
        engine = Engine(self.store, self.vault, self.bounds)
        self.verify = VerifyOtp(engine, self.vault, self.policies, lambda: self.now)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(engine)))
        self._thread.start()
        self._loop = self._ready.result()

    async def _serve(self, engine: Engine) -> None:
        async with engine:
            self._ready.set_result(asyncio.get_running_loop())
            await self._closing.wait()

    def close(self) -> None:
        """Finish what is under way and end the engine."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def enrol(self, profile: Profile = EVENT, seed: bytes = SEED, **changes: Any) -> None:  # noqa: ANN401 - any field
        row = identity(profile, seed=self.vault.seal(TENANT, seed), **changes)
        self.inventory.add([token(row, row_mac=self.vault.row_mac(row))], "importer")

    def ask(self, code: str, **options: Any) -> Verdict:  # noqa: ANN401 - those of `begin`
        """Ask, and wait for the verdict."""
        return self.begin(code, **options).result()

    def begin(  # noqa: PLR0913 - as many as the use case has
        self,
        code: str,
        *,
        request_id: str | None = None,
        subject: Subject | None = None,
        operation: Operation = Operation.LOGIN,
        caller: Caller = CALLER,
        time_left: float = 5.0,
    ) -> Future[Verdict]:
        """Ask; a cancelled future is a caller who has gone away."""

        async def ask() -> Verdict:
            return await self.verify(
                caller,
                request_id or str(uuid4()),
                subject or BySubscriber(SUBSCRIBER),
                operation,
                Otp(code),
                time_left,
            )

        return asyncio.run_coroutine_threadsafe(ask(), self._loop)

    def resync(self, first: str, second: str, **options: Any) -> Verdict:  # noqa: ANN401 - those of `begin_resync`
        """Offer two codes, and wait for the verdict."""
        return self.begin_resync(first, second, **options).result()

    def begin_resync(  # noqa: PLR0913 - as many as the use case has
        self,
        first: str,
        second: str,
        *,
        request_id: str | None = None,
        subject: Subject | None = None,
        caller: Caller = CALLER,
        time_left: float = 5.0,
    ) -> Future[Verdict]:
        """Offer two codes that the token showed one after the other."""

        async def ask() -> Verdict:
            return await self.verify.resynchronize(
                caller,
                request_id or str(uuid4()),
                subject or BySubscriber(SUBSCRIBER),
                Otp(first),
                Otp(second),
                time_left,
            )

        return asyncio.run_coroutine_threadsafe(ask(), self._loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run another use case where the engine is."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def attempts(self) -> tuple[int, int, int]:
        (row,) = self.database.run("SELECT failures, day_failures, unlock_failures FROM tokens")
        return tuple(row.values())

    def expire_leases(self) -> None:
        self.database.run("UPDATE tokens SET lease_until = 1 WHERE lease IS NOT NULL")
        self.database.run("UPDATE requests SET lease_until = 1")
