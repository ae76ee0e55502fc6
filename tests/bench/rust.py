# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the examples of core_rs that measure rates."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

_WORKSPACE: Final = Path(__file__).resolve().parents[2] / "core_rs"


def build(package: str, example: str) -> Path:
    """Build an example as it would ship, optimised; return the program."""
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked", "-p", package, "--example", example],
        cwd=_WORKSPACE,
        check=True,
    )
    return _WORKSPACE / "target" / "release" / "examples" / example


def run(program: Path, *arguments: str, stdin: str = "") -> str:
    """Run it to its end and return what it printed."""
    done = subprocess.run(
        [program, *arguments], input=stdin, check=True, text=True, stdout=subprocess.PIPE
    )
    return done.stdout


@contextmanager
def rounds_of(
    program: Path, order: str, door: AbstractContextManager[None]
) -> Iterator[Callable[[], float]]:
    """Run it as long as the block runs; yield what measures one round of ``order`` there.

    It opens the HSM behind ``door``.
    """
    with subprocess.Popen(
        [program], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        with door:
            assert _answer(running, order) == "open\n"
        yield lambda: float(_answer(running, ""))


def _answer(running: subprocess.Popen[str], line: str) -> str:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(f"{line}\n")
    running.stdin.flush()
    return running.stdout.readline()
