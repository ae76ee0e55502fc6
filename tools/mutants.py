# SPDX-License-Identifier: Apache-2.0
"""Runs the race tests against broken builds: each must fail where its patch says so.

A patch in ``tests/races/broken`` begins with what it breaks, in words, and then
names one test a line: ``Fails: test_file.py::test_name``, with all its cases or
with one in brackets. The tests run with quick numbers, on an untouched
copy of the server too, where all must pass.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
ROOM = ROOT / "tests" / "races"
PATCHES = ROOM / "broken"

LONGEST_LINE = 200

AT_ONCE = 2
"""Builds that run beside each other: much of a race test is waiting."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one case of a test, and what it complained of."""

    test: str
    word: str
    complaint: str = ""

    @classmethod
    def read(cls, case: ET.Element) -> Verdict:
        """Read a case of pytest's report.

        It failed if one of its assertions did, about what the API promises. What
        broke outside the test, or by an error, proves nothing about a race.
        """
        name, failure = case.attrib["name"], case.find("failure")
        if failure is None:
            return cls(name, "passed" if case.find("error") is None else "error")
        complaint = failure.attrib["message"]
        clean = complaint.startswith(("AssertionError", "assert ")) and "INTERNAL" not in complaint
        return cls(name, "failed" if clean else "error", " ".join(complaint.split()))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken build: its patch, and the tests that must find it."""

    patch: Path
    tests: list[str]

    @classmethod
    def read(cls, patch: Path) -> Mutant:
        """Read a patch's head."""
        tests = re.findall(r"(?m)^Fails: (\S.*)$", patch.read_text(encoding="utf-8"))
        if not tests:
            raise SystemExit(f"{patch.name} names no test that must fail")
        return cls(patch, tests)


def main(chosen: Sequence[str]) -> int:
    """Run the mutants whose names begin with one of ``chosen``, or all; return the exit code."""
    patches = sorted(PATCHES.glob("*.patch"))
    mutants = [
        Mutant.read(patch)
        for patch in patches
        if not chosen or patch.name.startswith(tuple(chosen))
    ]
    with (
        tempfile.TemporaryDirectory(prefix="kagimori-mutants-") as directory,
        ThreadPoolExecutor(AT_ONCE) as builds,
    ):
        place = Path(directory)
        sound = builds.submit(_is_sound, place, sorted({t for m in mutants for t in m.tests}))
        found = list(builds.map(lambda mutant: _is_found(mutant, place), mutants))
        passed = sound.result()
    print(
        f"mutants: {sum(found)} of {len(mutants)} found; {'' if passed else 'NOT '}by sound tests"
    )
    return 0 if passed and all(found) else 1


def _is_sound(directory: Path, tests: Sequence[str]) -> bool:
    """Return whether every test passes on an untouched copy."""
    begin = time.monotonic()
    verdicts = _run(_copy(directory / "sound"), tests)
    return _tell("the untouched build", begin, verdicts, "passed")


def _is_found(mutant: Mutant, directory: Path) -> bool:
    """Return whether every case of the mutant's tests fails, and none for another reason."""
    begin = time.monotonic()
    server = _copy(directory / mutant.patch.stem)
    subprocess.run(["git", "apply", str(mutant.patch)], cwd=server.parent, check=True)
    return _tell(mutant.patch.stem, begin, _run(server, mutant.tests), "failed")


def _tell(build: str, begin: float, verdicts: Sequence[Verdict], wanted: str) -> bool:
    """Print what became of a build's tests; return whether it was ``wanted`` of all."""
    good = bool(verdicts) and all(verdict.word == wanted for verdict in verdicts)
    seconds = time.monotonic() - begin
    lines = [f"{'ok' if good else 'NOT':4} {build:40} {len(verdicts):2} tests {seconds:4.0f} s"]
    lines += [
        f"       {verdict.word}: {verdict.test}: {verdict.complaint}"[:LONGEST_LINE]
        for verdict in verdicts
        if verdict.complaint or verdict.word != wanted
    ]
    print("\n".join(lines), flush=True)
    return good


def _copy(directory: Path) -> Path:
    """Copy the server, its extension too, to where a patch finds it; return its import root."""
    server = directory / "server"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "server" / "kagimori", server / "kagimori", ignore=ignored)
    return server


def _run(server: Path, tests: Iterable[str]) -> list[Verdict]:
    """Run ``tests`` against the server that is imported from ``server``."""
    report = server.parent / "report.xml"
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    found = [str(server), os.environ.get("PYTHONPATH", "")]
    subprocess.run(
        [
            *pytest,
            f"--basetemp={server.parent / 'tests'}",
            f"--junit-xml={report}",
            *(str(ROOM / test) for test in tests),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, found)),
            "KAGIMORI_RACES": "quick",
        },
        stdout=(server.parent / "pytest.log").open("wb"),
        check=False,
    )
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest's own
    return [Verdict.read(case) for case in cases]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
