# SPDX-License-Identifier: Apache-2.0
"""The load generator, asking a server that accepts everything."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import loadgen
from bench.loadgen import Loadgen, TooFewRequests
from bench.peer import empty_handler
from development import environment
from development.vendor import make_device
from kagimori.api.verification.v1.transaction_pb2 import VerifyTransactionRequest
from support.served.authority import SERVICE_ID

pytestmark = pytest.mark.slow

TOKENS = 20


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Loadgen]:
    loadgen.build()
    place = environment.prepare(tmp_path)
    devices = [make_device(f"KGLG{number:08}", period=0) for number in range(TOKENS)]
    tokens = loadgen.write_tokens(tmp_path / "tokens.jsonl", devices)
    with empty_handler(place) as target:
        ca = place.certificates / "ca.pem"
        yield Loadgen(target, ca, place.client(SERVICE_ID), tokens)


def presses(asking: Loadgen) -> list[int]:
    return [device.counter for device in loadgen.read_tokens(asking.tokens)]


def test_a_timetable_is_kept_and_every_call_takes_a_fresh_code(asking: Loadgen) -> None:
    report = asking.run("--rate=200", "--seconds=0.5")
    assert report["statuses"] == {"OK": 100}
    assert report["outcomes"] == {"ACCEPTED": 100}
    assert report["dropped"] == 0
    assert len(presses(asking)) == TOKENS
    assert sum(presses(asking)) == 100
    asking.run("--rate=200", "--seconds=0.5")
    assert sum(presses(asking)) == 200


def test_what_the_bound_keeps_back_is_dropped_and_counted(asking: Loadgen) -> None:
    report = asking.run("--rate=50000", "--seconds=0.2", "--bound=1")
    assert report["dropped"] > 0
    assert report["dropped"] + report["statuses"]["OK"] == 10_000


def test_each_code_of_a_batch_is_counted_and_each_call_once(asking: Loadgen) -> None:
    report = replace(asking, batch=4).run("--rate=100", "--seconds=0.5")
    assert report["statuses"] == {"OK": 50}
    assert report["outcomes"] == {"ACCEPTED": 200}
    assert report["refusals"] == {}
    assert report["codes_rate"] == pytest.approx(4 * report["rate"])
    assert sum(presses(asking)) == 200


def test_in_random_order_every_token_comes_before_any_comes_again(asking: Loadgen) -> None:
    shuffled = replace(asking, order="random")
    shuffled.run("--rate=200", "--seconds=0.05")
    first = presses(asking)
    assert sorted(first) == [0] * (TOKENS - 10) + [1] * 10
    assert first != [1] * 10 + [0] * (TOKENS - 10)
    shuffled.run("--rate=200", "--seconds=0.1")
    assert sum(presses(asking)) == 10 + TOKENS
    assert {after - before for before, after in zip(first, presses(asking), strict=True)} == {1}


def test_a_wrong_code_is_sent_without_a_press(asking: Loadgen) -> None:
    asking.run("--rate=200", "--seconds=0.5", "--wrong=1")
    assert sum(presses(asking)) == 0
    asking.run("--rate=400", "--seconds=0.5", "--wrong=0.5")
    # Chance cannot bring it near these: 200 of 200 coins would have to agree.
    assert 0 < sum(presses(asking)) < 200


def test_the_curve_of_latencies_rises_to_the_slowest_call(asking: Loadgen) -> None:
    report = asking.run("--rate=200", "--seconds=0.5")
    shares, times = zip(*report["latency_curve"], strict=True)
    assert list(shares) == sorted(shares)
    assert list(times) == sorted(times)
    assert (shares[0], shares[-1]) == (0, 1)
    # HDR keeps three digits.
    assert times[-1] == pytest.approx(report["latency_us"]["max"], rel=0.01)
    assert times[0] <= report["latency_us"]["p50"] <= times[-1]


def test_no_token_is_in_two_calls_at_once(asking: Loadgen) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        asking.closed_rate(TOKENS + 1, 0.1)
    assert asking.closed_rate(TOKENS, 0.1) > 0
    batches = replace(asking, batch=5)
    with pytest.raises(subprocess.CalledProcessError):
        batches.closed_rate(TOKENS // 5 + 1, 0.1)
    assert batches.closed_rate(TOKENS // 5, 0.1) > 0


def prepared(asking: Loadgen, count: int) -> Loadgen:
    file = asking.tokens.with_name("requests")
    requests = [VerifyTransactionRequest(code=f"{number:08}") for number in range(count)]
    return replace(asking, requests=loadgen.write_requests(file, requests))


def test_prepared_requests_are_sent_once_each_and_then_the_run_ends(asking: Loadgen) -> None:
    report = prepared(asking, 30).accepted("--closed=4", "--seconds=60")
    assert report["outcomes"] == {"ACCEPTED": 30}
    assert report["exhausted"]
    report = prepared(asking, 30).accepted("--rate=1000", "--seconds=60", "--bound=30")
    assert report["outcomes"] == {"ACCEPTED": 30}
    assert report["exhausted"]
    assert sum(presses(asking)) == 0


def test_requests_that_end_before_the_time_are_no_rate(asking: Loadgen) -> None:
    with pytest.raises(TooFewRequests):
        prepared(asking, 30).closed_rate(4, 60)
    assert prepared(asking, 20_000).closed_rate(1, 0.1) > 0
    with pytest.raises(subprocess.CalledProcessError):
        prepared(asking, 3).closed_rate(4, 0.1)


def test_a_call_that_fails_has_a_status_and_no_outcome(asking: Loadgen) -> None:
    method = "--method=/kagimori.verification.v1.VerificationService/Nothing"
    report = asking.run("--closed=1", "--seconds=0.1", method)
    assert set(report["statuses"]) == {"UNIMPLEMENTED"}
    assert report["outcomes"] == {}
    assert report["codes_rate"] == 0


def test_a_deadline_that_passes_is_told_by_its_name(asking: Loadgen) -> None:
    report = asking.run(f"--closed={TOKENS}", "--seconds=0.3", "--deadline-ms=1")
    assert "DEADLINE_EXCEEDED" in report["statuses"]
    assert not {"UNKNOWN", "CANCELLED"} & set(report["statuses"])
