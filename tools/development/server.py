# SPDX-License-Identifier: Apache-2.0
"""The real server as a child process: start it, stop it, kill it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from development.certificates import AUTHORITY_TENANT
from development.environment import Environment, command

START_SECONDS = 30.0
STOP_SECONDS = 20.0


class NotServing(Exception):
    """The server ended or did not come up; the message is what it logged last."""


class ServerProcess:
    """``kagimori serve`` on an environment. Use it as a context manager."""

    def __init__(
        self,
        environment: Environment,
        variables: Mapping[str, str] | None = None,
        workers: int | None = None,
    ) -> None:
        """``variables`` are added to the child's environment.

        With ``workers`` the child is a supervisor of so many.
        """
        self.environment = environment
        self.workers = workers
        self.log: Path = environment.directory / "server.log"
        self._variables = {**os.environ, **(variables or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._child.pid

    def start(self) -> Self:
        """Start it and return once all of it serves; raise `NotServing` otherwise."""
        several = () if self.workers is None else ("--workers", str(self.workers))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command("serve", "--config", self.environment.config, *several),
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        # Workers are started one after the other.
        deadline = time.monotonic() + START_SECONDS * (self.workers or 1)
        while not (self._are_all_up() and self.serves()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise NotServing("\n".join(self.log.read_text().splitlines()[-20:]))
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self._child.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code once it has ended; one that does not end is killed."""
        try:
            return self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it, and every worker, as a power cut would (SIGKILL)."""
        workers = self.worker_pids()
        self._child.kill()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._child.wait()

    def worker_pids(self) -> list[int]:
        """Return the workers that serve and have not ended, in the order of their start."""
        lines = self.logged()
        ended = {line["worker"] for line in lines if line["event"] == "worker ended"}
        serving = [line["worker"] for line in lines if line["event"] == "worker serving"]
        return [pid for pid in serving if pid not in ended]

    def logged(self) -> list[dict[str, Any]]:
        """Return what it has logged since its start, without what is no JSON."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process

    def _are_all_up(self) -> bool:
        return self.workers is None or len(self.worker_pids()) >= self.workers

    def serves(self) -> bool:
        """Return whether its health says SERVING."""
        with channel(self.environment, AUTHORITY_TENANT, "operator") as link:
            try:
                answer = health_pb2_grpc.HealthStub(link).Check(  # type: ignore[attr-defined] # set by its __init__
                    health_pb2.HealthCheckRequest(), timeout=1.0
                )
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def channel(environment: Environment, tenant: str, role: str) -> grpc.Channel:
    """Return a raw mTLS channel as ``role`` of ``tenant`` (a service ID)."""
    identity = environment.client(tenant, role)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=(environment.certificates / "ca.pem").read_bytes(),
        private_key=identity.private_key.read_bytes(),
        certificate_chain=identity.certificate.read_bytes(),
    )
    # Without its own pool a channel would meet an earlier server's connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(environment.listen, credentials, options)
