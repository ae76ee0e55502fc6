# SPDX-License-Identifier: Apache-2.0
"""The real serving process around an authority that has no HSM and no database.

It accepts every code after two milliseconds. With ``--line`` it is a worker.
Beside the configuration a file ``hung`` holds the process id of whose PKCS#11
call hangs, and a file ``opened`` the number of seeds that each has opened.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kagimori import bootstrap
from kagimori.config import Config, load_tenants
from kagimori.domain.outcome import Outcome, Receipt, Verdict
from kagimori.processes import serve

_ACCEPTED = Verdict(Outcome.ACCEPTED, Receipt(1, datetime(2026, 11, 20, tzinfo=UTC)), 5)
_THINKS = 0.002


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--line", type=int)
    arguments = parser.parse_args()
    Hollow.place = arguments.config.parent
    bootstrap.serving = _serving
    line = None if arguments.line is None else socket.socket(fileno=arguments.line)
    return serve.main(arguments.config, line)


class Hollow:
    """Vault and store in one."""

    place: Path

    async def ping(self) -> None:
        """Answer."""

    def is_hung(self) -> bool:
        return self._read("hung") == str(os.getpid())

    def opened(self) -> int:
        return int(self._read("opened") or 0)

    def verify(self, **_asked: Any) -> asyncio.Future[Verdict]:  # noqa: ANN401 - whatever it is asked
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Verdict] = loop.create_future()
        if not self.is_hung():
            loop.call_later(_THINKS, _answer, answer)
        return answer

    def _read(self, name: str) -> str:
        path = self.place / name
        return path.read_text() if path.exists() else ""


def _answer(answer: asyncio.Future[Verdict]) -> None:
    if not answer.done():
        answer.set_result(_ACCEPTED)


class Unasked:
    """Stands for use cases that the tests on this server do not call, and for rooms of them."""

    def __getattr__(self, _name: str) -> Any:  # noqa: ANN401 - whatever it is asked for
        return self

    def __call__(self, *_asked: object) -> None:
        raise NotImplementedError


async def _followed() -> None:
    """There is no database whose tenants could change."""


@contextmanager
def _serving(config: Config) -> Iterator[Any]:
    tenants = load_tenants(config.tenants).values()
    hollow: Any = Hollow()
    engine: Any = nullcontext()
    policies = {policy.service_id: policy for policy in tenants}
    unasked: Any = Unasked()
    yield bootstrap.Authority(
        engine,
        hollow.verify,
        unasked,
        unasked,
        hollow,
        hollow,
        policies,
        _followed,
        unasked,
        unasked,
        unasked,
    )


if __name__ == "__main__":
    sys.exit(main())
