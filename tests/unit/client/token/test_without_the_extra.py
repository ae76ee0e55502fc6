# SPDX-License-Identifier: Apache-2.0
"""A bank's channel needs none of what the token app does."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import kagimori_client.token

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing}:
            raise ModuleNotFoundError(name, name=name.split(".")[0])
sys.meta_path.insert(0, Missing())
{then}
"""


def run(missing: set[str], then: str) -> subprocess.CompletedProcess[str]:
    script = WITHOUT.format(missing=missing, then=then)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


def test_the_channel_is_there_without_the_extra() -> None:
    done = run({"cryptography", "rich", "typer"}, "from kagimori_client import BankChannel")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_token_says_what_it_lacks() -> None:
    done = run({"cryptography"}, "import kagimori_client.token")
    assert "ImportError: kagimori_client.token needs its extra: pip install" in done.stderr


def test_the_library_needs_no_terminal() -> None:
    done = run({"rich", "typer"}, "from kagimori_client.token import SoftwareToken")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", ["rich", "typer"])
def test_the_app_says_what_it_lacks(missing: str) -> None:
    done = run({missing}, "from kagimori_client.token.cli import main; main()")
    assert done.returncode == 1
    assert done.stderr.startswith("kagimori-token needs its extra: pip install")


def test_every_public_name_is_there_and_documented() -> None:
    names = kagimori_client.token.__all__
    assert sorted(names) == names
    for name in names:
        assert inspect.getdoc(getattr(kagimori_client.token, name)), name
