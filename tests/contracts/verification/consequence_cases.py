# SPDX-License-Identifier: Apache-2.0
"""What can happen to a token between the search and its settlement."""

from __future__ import annotations

from collections.abc import Callable

from contracts.sql_bench import SqlBench
from contracts.store_bench import granted, settle
from contracts.verification.consequence_bench import (
    NEW,
    NEXT,
    PROPOSAL,
    STEP,
    change,
    everything,
)
from kagimori.application.ports import (
    Claim,
    Finding,
    Overslept,
)
from support.tokens import SERIAL

DONE = f"state = 'DONE', serial_after = 'X', request_id = '{PROPOSAL}'"

Meanwhile = Callable[[SqlBench], object]
"""What happens between the search and its settlement."""


def changed(serial: str, changes: str) -> Meanwhile:
    def meanwhile(bench: SqlBench) -> None:
        change(bench, serial, changes)

    return meanwhile


def run(statement: str) -> Meanwhile:
    return lambda bench: bench.run(statement)


def leaves_all_alone(bench: SqlBench, claim: Claim, meanwhile: Meanwhile, step: int = STEP) -> None:
    """Let something happen after the claim; fail if the right code then changes anything."""
    found = granted(bench, claim)
    meanwhile(bench)
    before = everything(bench)
    assert settle(bench, claim, found, Finding.FRESH, step) == Overslept()
    assert everything(bench) == before


def token_cases(serial: str) -> dict[str, Meanwhile]:
    """Return what makes the code's token another than the one that was read."""
    return {
        "lease over": run("UPDATE tokens SET lease_until = 1 WHERE lease IS NOT NULL"),
        "another's lease": changed(serial, "lease = '00000000-0000-4000-8000-000000000000'"),
        "changed": changed(serial, "generation = generation + 1"),
        "step spent": changed(serial, f"last_step = {STEP}"),
        "another MAC": changed(serial, "row_mac = 'another'"),
        "another seed": changed(serial, "blob = 'another'"),
        "another key": changed(serial, "key_version = 2"),
        "another profile": changed(serial, "digits = 8"),
        "destroyed": changed(serial, "state = 'RETIRED', blob = '', subscriber = NULL"),
    }


TAKEN = token_cases(NEW) | {
    "a counter's": changed(NEW, f"state = 'ASSIGNED', subscriber = '{NEXT}'"),
    "somebody's": changed(NEW, f"state = 'ACTIVE', subscriber = '{NEXT}'"),
    "returned meanwhile": changed(NEW, "state = 'RETURNED'"),
}

HELD = token_cases(SERIAL) | {
    "locked": changed(SERIAL, "state = 'LOCKED'"),
    "passed on": changed(SERIAL, f"subscriber = '{NEXT}'"),
    "taken back": changed(SERIAL, "state = 'RETURNED', subscriber = NULL"),
}
