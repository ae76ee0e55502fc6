# SPDX-License-Identifier: Apache-2.0
"""The client as a bank gets it: its wheel alone in an empty environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ABUKUMA, Enrol
from development import oathtool
from development.server import ServerProcess
from development.vendor import make_device

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")

# What a bank's own program would say; it prints what came of each code.
A_BANKS_PROGRAM = """
import json, sys
from importlib.metadata import distributions
from kagimori_client import BankChannel, KagimoriError, Operation

target, certificate, private_key, authority_ca, serial, *codes = sys.argv[1:]
came_of = []
with BankChannel(
    target, certificate=certificate, private_key=private_key, authority_ca=authority_ca
) as bank:
    for code in codes:
        try:
            receipt = bank.verify(code, serial=serial, operation=Operation.TRANSFER)
        except KagimoriError as error:
            came_of.append(type(error).__name__)
        else:
            came_of.append(receipt.in_japanese())
installed = sorted(distribution.name for distribution in distributions())
print(json.dumps({"came_of": came_of, "installed": installed}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    _uv("build", "--wheel", "--no-build-isolation", "-o", out, ROOT / "clients" / "python")
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, what it asks for, and no more."""
    home = tmp_path_factory.mktemp("bank") / "venv"
    interpreter = home / "bin" / "python"
    constraints = ROOT / "requirements" / "dev.txt"
    _uv("venv", "--python", sys.executable, home)
    _uv("pip", "install", "--python", interpreter, "--constraints", constraints, wheel)
    return interpreter


@pytest.mark.slow
def test_the_wheel_alone_talks_to_the_server(
    python: Path, enrol: Enrol, server: ServerProcess, tmp_path: Path
) -> None:
    device = make_device("WHEEL0000001")
    enrol(device)
    place, bank = server.environment, server.environment.client(ABUKUMA)
    code = oathtool.time_code(device, time.time())
    program = tmp_path / "bank.py"
    program.write_text(A_BANKS_PROGRAM)
    files = [bank.certificate, bank.private_key, place.certificates / "ca.pem"]
    done = subprocess.run(
        [python, "-I", program, place.listen, *files, device.serial, code, code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    accepted, again = said["came_of"]
    assert accepted.startswith("受付番号 ")
    assert again == "OtpReplayed"
    assert "kagimori_client" in {name.replace("-", "_") for name in said["installed"]}
    assert not {"kagimori", "sqlalchemy", "cryptography", "lxml"} & set(said["installed"])


@pytest.mark.slow
def test_the_wheel_says_that_it_is_typed(python: Path) -> None:
    packages = next(python.parents[1].glob("lib/python*/site-packages"))
    assert (packages / "kagimori_client" / "py.typed").exists()


def _uv(*arguments: str | Path) -> None:
    # The suite's own environment must not be taken for the bank's.
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [UV, *map(str, arguments)],
        env={**variables, "PATH": f"{UV.parent}:{variables['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
