# SPDX-License-Identifier: Apache-2.0
"""The real server as a child process: start it, stop it, kill it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from development.certificates import AUTHORITY_TENANT
from development.child import START_SECONDS, Child, NotServing
from development.environment import Environment, command

__all__ = ["NotServing", "ServerProcess", "channel"]


class ServerProcess(Child):
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
        super().__init__(environment.directory / "server.log", {**os.environ, **(variables or {})})
        self.environment = environment
        self.workers = workers

    def start(self) -> Self:
        """Start it and return once all of it serves; raise `NotServing` otherwise."""
        several = () if self.workers is None else ("--workers", str(self.workers))
        line = command("serve", "--config", self.environment.config, *several)
        # Workers are started one after the other.
        self._spawn(line, self._is_up, START_SECONDS * (self.workers or 1))
        return self

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
        """Return what it has logged since its start, without what is no JSON or no whole line."""
        whole, _, _ = self._logged_since_start().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]

    def _is_up(self) -> bool:
        return self._are_all_up() and self.serves()

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
