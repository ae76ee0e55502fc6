# SPDX-License-Identifier: Apache-2.0
"""Processes that open the HSM at once do not get into each other's way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from development.environment import Environment

pytestmark = pytest.mark.softhsm

PROCESSES = 4

# SoftHSM writes to the partition's file at every login, and a process that
# starts just then finds no partition, half of one, or no PIN in it.
OPENS_AGAIN_AND_AGAIN = """
import sys
from pathlib import Path
from kagimori import bootstrap, config
settings = config.load(Path(sys.argv[1]))
print(flush=True)
input()
for _ in range(8):
    with bootstrap.importing(settings, allow_host_transient=False, allow_clear_text=False):
        pass
"""


def test_every_start_finds_its_partition_and_logs_in(place: Environment) -> None:
    command = [sys.executable, "-c", OPENS_AGAIN_AND_AGAIN, str(place.config)]
    openers = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for opener in openers:
        assert opener.stdout
        opener.stdout.readline()
    for opener in openers:
        assert opener.stdin
        opener.stdin.write("\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=120)[1] for opener in openers]
    assert [opener.returncode for opener in openers] == [0] * PROCESSES, said
