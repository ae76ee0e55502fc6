# SPDX-License-Identifier: Apache-2.0
"""The memory scan itself: it finds what is there, and only that."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.custody.memory import _CHUNK, Pattern, _copies_in, copies

# Puts the secret together in place, so that no temporary copies are left over.
HOLDER = """
import sys
wanted, mask, masked = int(sys.argv[1]), bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])
held = [bytearray(len(mask)) for _ in range(wanted)]
for memory in held:
    for at in range(len(mask)):
        memory[at] = mask[at] ^ masked[at]
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(pattern: Pattern, wanted: int) -> Iterator[int]:
    arguments = [str(wanted), pattern.mask.hex(), pattern.masked.hex()]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child.pid


@pytest.mark.parametrize("wanted", [0, 1, 3])
def test_finds_each_copy_once(wanted: int) -> None:
    pattern = Pattern.of(secrets.token_bytes(20))
    with holder(pattern, wanted) as pid:
        assert copies(pid, pattern) == wanted


@pytest.mark.parametrize("offset", [0, _CHUNK - 31, _CHUNK - 1, _CHUNK, 2 * _CHUNK - 32])
def test_sees_a_copy_on_a_border_once(tmp_path: Path, offset: int) -> None:
    secret = secrets.token_bytes(32)
    memory = bytearray(2 * _CHUNK)
    memory[offset : offset + 32] = secret
    with (tmp_path / "memory").open("w+b", buffering=0) as file:
        file.write(memory)
        assert _copies_in(file.fileno(), 0, len(memory), secret) == 1


def test_finds_no_other_secret() -> None:
    with holder(Pattern.of(secrets.token_bytes(20)), 1) as pid:
        assert copies(pid, Pattern.of(secrets.token_bytes(20))) == 0


def test_a_pattern_does_not_show_its_secret() -> None:
    secret = secrets.token_bytes(20)
    pattern = Pattern.of(secret)
    assert pattern.reveal() == secret
    assert secret not in (pattern.mask, pattern.masked)


def test_a_short_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Pattern.of(b"755224")
