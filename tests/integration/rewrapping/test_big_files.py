# SPDX-License-Identifier: Apache-2.0
"""Big files: an end from outside, and memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from support.vendors.pskc_bulk import seed_number, serial_number, write_pskc
from support.vendors.rewrapping import (
    AES256,
    Place,
    independently_opened,
)

if TYPE_CHECKING:
    pass


def test_it_ends_with_nothing_behind_when_it_is_told_to(at: Place) -> None:
    source = at.directory / "in.xml"
    write_pskc(source, 20_000, algorithm="aes256-cbc", vendor_key=AES256, mac=True)
    process = subprocess.Popen(
        at.command(source, "--key-file", at.key_file(AES256)), stdout=subprocess.DEVNULL
    )
    draft = at.directory / "out.xml.part"
    until = time.monotonic() + 60
    while not (draft.exists() and draft.stat().st_size) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert at.left_behind() == []


# The peak of the child's memory, which the parent cannot ask a shell for.
_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_memory_does_not_grow_with_the_file(at: Place) -> None:
    peaks = []
    for count in (1_000, 10_000):
        source = at.directory / f"{count}.xml"
        write_pskc(source, count, algorithm="aes256-cbc", vendor_key=AES256, mac=True)
        line = at.command(source, "--key-file", at.key_file(AES256))
        told = subprocess.run(
            [sys.executable, "-c", _MEASURED, *line], capture_output=True, text=True, check=True
        ).stdout
        status, peak = json.loads(told)
        assert status == 0
        peaks.append(peak)
        opened = independently_opened(at.target, at.private)
        assert opened == {serial_number(i): seed_number(i) for i in range(count)}
        at.target.unlink()
    assert peaks[1] / peaks[0] < 1.1
