# SPDX-License-Identifier: Apache-2.0
"""A file of ten times the tokens takes no more memory, and is told where it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kagimori.adapters.pskc.file import open_file
from kagimori.application.deliveries.vendor_file import VendorToken
from support.vendors.pskc_bulk import seed_number, serial_number, wrapped_seeds, write_pskc
from support.vendors.pskc_files import UNSIGNED

KEY = bytes(range(32))

READ = """
import resource, sys
from pathlib import Path
from kagimori.adapters.pskc.file import ReadOptions, open_file
with open_file(Path(sys.argv[1]), ReadOptions("acme", csv=sys.argv[2] == "csv")) as file:
    count = sum(1 for _ in file.tokens())
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of(path: Path, count: int, kind: str) -> int:
    """Read a file in a process of its own; return the most memory that it had, in KiB."""
    command = [sys.executable, "-c", READ, str(path), kind]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    read, peak = done.stdout.split()
    assert int(read) == count
    return int(peak)


def write(path: Path, count: int, kind: str) -> None:
    if kind == "csv":
        with path.open("w") as file:
            for number in range(count):
                file.write(f"{serial_number(number)},{seed_number(number).hex()},TOTP\n")
    else:
        write_pskc(path, count, algorithm="kw-aes256", vendor_key=KEY, mac=True)


@pytest.mark.parametrize("kind", ["pskc", "csv"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, kind: str) -> None:
    peaks = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.xml"
        write(path, count, kind)
        peaks.append(peak_of(path, count, kind))
        path.unlink()
    assert peaks[1] <= 1.1 * peaks[0]


def test_a_token_far_behind_line_65535_says_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.xml"
    write_pskc(path, 5_000, algorithm="kw-aes256", vendor_key=KEY, mac=False)
    lines = path.read_text().splitlines()
    with open_file(path, UNSIGNED) as file:
        tokens = list(file.tokens())
    last = tokens[-1]
    assert isinstance(last, VendorToken)
    assert last.line > 65_535
    assert f'<Key Id="{last.serial}"' in lines[last.line - 1]
    assert [token.serial for token in tokens] == [serial_number(number) for number in range(5_000)]


def test_the_bulk_files_hold_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "few.xml"
    write_pskc(path, 6, algorithm="aes256-cbc", vendor_key=KEY, mac=True, first=3)
    with open_file(path, UNSIGNED) as file:
        tokens = [token for token in file.tokens() if isinstance(token, VendorToken)]
    assert [token.seed.ciphertext for token in tokens] == wrapped_seeds(
        range(3, 9), "aes256-cbc", KEY
    )
    assert [token.profile.period for token in tokens] == [0, 30] * 3
