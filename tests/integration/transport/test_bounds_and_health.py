# SPDX-License-Identifier: Apache-2.0
"""Bounds, health that tells the truth, and a graceful end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from kagimori.api.types.v1 import types_pb2
from kagimori.domain.outcome import Verdict
from kagimori.transport import health
from kagimori.transport.listener import UnfitListener
from support.processes.calls import (
    PATIENCE,
    check,
    eventually,
    health_of,
    verify_otp,
)
from support.served.transport import (
    ACCEPTED,
    ScriptedVerify,
    Served,
    failure_of,
    on_loop,
    serving,
    settings_of,
    started,
)


def test_more_calls_than_the_bound_are_refused(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        serving(tmp_path, max_concurrent_rpcs=2) as served,
        served.channel(served.bank()) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        served.verify.answers.extend([lambda: gated(gate)] * 2)
        under_way = [pool.submit(verify_otp, channel) for _ in range(2)]
        try:
            eventually(lambda: len(served.verify.asked) == 2)
            failure = failure_of(lambda: verify_otp(channel))
        finally:
            gate.set()
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [call.result().receipt.number for call in under_way] == ["1234567"] * 2


def test_a_stop_lets_the_calls_under_way_finish_and_ends_the_watches(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        serving(tmp_path) as served,
        served.channel(served.bank()) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        served.verify.answers.append(lambda: gated(gate))
        under_way = pool.submit(verify_otp, channel)
        eventually(lambda: len(served.verify.asked) == 1)
        watch = watching(channel)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        stop = pool.submit(served.stop, PATIENCE)
        assert [answer.status for answer in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        with served.channel(served.bank()) as late:
            eventually(lambda: refused(late))
        assert not stop.done(), "it did not wait for the call under way"
        gate.set()
        assert under_way.result().receipt.number == "1234567"
        stop.result(PATIENCE)


def test_watches_hold_up_nobody(tmp_path: Path) -> None:
    with serving(tmp_path) as served, served.channel(served.bank()) as channel:
        watches = [watching(channel) for _ in range(5)]
        for watch in watches:
            next(watch)
        assert verify_otp(channel).outcome == types_pb2.OUTCOME_ACCEPTED


@pytest.mark.parametrize("component", ["hsm", "database"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_health_tells_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, component: str, how: str
) -> None:
    monkeypatch.setattr(health, "EVERY", 0.02)
    monkeypatch.setattr(health, "STALE_AFTER", 0.5)
    gate = threading.Event()
    with serving(tmp_path) as served, served.channel(served.bank()) as channel:
        watch = watching(channel)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        leaned_on = served.components[component]
        if how == "fails":
            leaned_on.failure = OSError("away")
        else:
            leaned_on.hang = gate.wait
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        # The AdminService goes on: it is asked about just this.
        assert states(channel) == (False, False, True)
        leaned_on.failure = None
        gate.set()
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert states(channel) == (True, True, True)


def test_health_knows_no_other_service(line: grpc.Channel) -> None:
    failure = failure_of(lambda: check(line, "kagimori.guess.v1.GuessService"))
    assert failure.code is grpc.StatusCode.NOT_FOUND


def test_the_port_is_taken_by_one_process_alone(served: Served) -> None:
    taken = settings_of(served.authority, listen=f"127.0.0.1:{served.server.port}")
    with pytest.raises(UnfitListener, match="cannot listen"):
        on_loop(started(taken, ScriptedVerify(), served.components))


def test_workers_share_a_port(tmp_path: Path) -> None:
    with serving(tmp_path, reuse_port=True) as first:
        shared = replace(first.settings, listen=f"127.0.0.1:{first.server.port}")
        second = on_loop(started(shared, first.verify, first.components))
        try:
            assert second.port == first.server.port
            first.stop(grace=0)
            with first.channel(first.bank()) as channel:
                assert verify_otp(channel).outcome == types_pb2.OUTCOME_ACCEPTED
        finally:
            on_loop(second.stop(grace=0))


def gated(gate: threading.Event) -> Verdict:
    gate.wait(PATIENCE)
    return ACCEPTED


def watching(channel: grpc.Channel) -> Iterator[health_pb2.HealthCheckResponse]:
    return iter(health_of(channel).Watch(health_pb2.HealthCheckRequest()))


def refused(channel: grpc.Channel) -> bool:
    try:
        check(channel)
    except grpc.RpcError:
        return True
    return False


def states(channel: grpc.Channel) -> tuple[bool, ...]:
    """Return whether the server, verification and administration serve."""
    services = (
        "",
        "kagimori.verification.v1.VerificationService",
        "kagimori.admin.v1.AdminService",
    )
    enrollment = "kagimori.enrollment.v1.EnrollmentService"
    answers = [check(channel, service).status for service in services]
    assert check(channel, enrollment).status == answers[1]
    request_for_all: Any = getattr(health_pb2, "HealthListRequest")()  # noqa: B009 - newer than its stubs
    listed = health_of(channel).List(request_for_all, timeout=PATIENCE)
    assert set(listed.statuses) == {*services, enrollment}
    return tuple(answer == health_pb2.HealthCheckResponse.SERVING for answer in answers)
