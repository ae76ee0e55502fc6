# SPDX-License-Identifier: Apache-2.0
"""Argon2id (RFC 9106) as the application's `PasswordHash`."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs; ``memory`` is in KiB.

    By default what OWASP's Password Storage Cheat Sheet names as its least.
    """

    memory: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


class Argon2id:
    """Hashes on threads of its own, as many as there are processors.

    So a crowd of guesses waits in line, and the event loop for none of them.
    """

    def __init__(self, cost: Argon2Cost | None = None) -> None:
        """Hash at ``cost``, which goes into each hash: old ones are checked at their own."""
        cost = cost or Argon2Cost()
        self._hasher = PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory,
            parallelism=cost.lanes,
            type=Type.ID,
        )
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="argon2")
        self._decoy = self._hasher.hash(secrets.token_bytes(32))

    @property
    def decoy(self) -> str:
        """See `PasswordHash.decoy`."""
        return self._decoy

    async def hashed(self, mac: bytes) -> str:
        """See `PasswordHash.hashed`."""
        return await self._on_a_thread(lambda: self._hasher.hash(mac))

    async def matches(self, hashed: str, mac: bytes) -> bool:
        """See `PasswordHash.matches`. Raises where ``hashed`` is no hash at all."""
        return await self._on_a_thread(lambda: self._verified(hashed, mac))

    def close(self) -> None:
        """End the threads, when they have done what they are at."""
        self._threads.shutdown(cancel_futures=True)

    def _verified(self, hashed: str, mac: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, mac)
        except VerifyMismatchError:
            return False

    async def _on_a_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
