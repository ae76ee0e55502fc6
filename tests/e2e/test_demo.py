# SPDX-License-Identifier: Apache-2.0
"""The README's first command does what it says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from development.environment import ROOT, environment_variables


@pytest.mark.slow
def test_the_demo_passes_and_its_last_line_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "development.demo"],
        cwd=ROOT,
        env=environment_variables(PYTHONPATH=str(ROOT / "tools")),
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"demo: \d+ passed, 0 failed", done.stdout.splitlines()[-1])
