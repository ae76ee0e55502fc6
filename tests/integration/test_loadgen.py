# SPDX-License-Identifier: Apache-2.0
"""The load generator, asking a server that accepts everything."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import loadgen
from bench.loadgen import Loadgen
from bench.verify_unary import empty_handler
from development import environment
from development.vendor import make_device
from support.authority import SERVICE_ID

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
    return [json.loads(line)["counter"] for line in asking.tokens.read_text().splitlines()]


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


def test_no_token_has_two_calls_in_flight(asking: Loadgen) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        asking.closed_rate(TOKENS + 1, 0.1)
    assert asking.closed_rate(TOKENS, 0.1) > 0


def test_a_call_that_fails_has_a_status_and_no_outcome(asking: Loadgen) -> None:
    method = "--method=/kagimori.verification.v1.VerificationService/Nothing"
    report = asking.run("--closed=1", "--seconds=0.1", method)
    assert set(report["statuses"]) == {"UNIMPLEMENTED"}
    assert report["outcomes"] == {}


def test_a_deadline_that_passes_is_told_by_its_name(asking: Loadgen) -> None:
    report = asking.run(f"--closed={TOKENS}", "--seconds=0.3", "--deadline-ms=1")
    assert "DEADLINE_EXCEEDED" in report["statuses"]
    assert not {"UNKNOWN", "CANCELLED"} & set(report["statuses"])
