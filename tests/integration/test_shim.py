# SPDX-License-Identifier: Apache-2.0
"""The shim in front of SoftHSM, driven by python-pkcs11 in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.custody.shim import INJECTED, VALUE_READS, Shim, ensure_built

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not Path("/usr/lib/softhsm/libsofthsm2.so").exists(), reason="no SoftHSM"),
]

PIN = "274183"
# What the driving process runs: a session with a readable HMAC key, and one
# answer of JSON. `attempt` makes a call and returns the name of its error.
PRELUDE = """
import json, os, sys, time
import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism

def attempt(call):
    try:
        call()
    except pkcs11.PKCS11Error as error:
        return type(error).__name__
    return "OK"

def sign():
    return key.sign(b"12345678", mechanism=Mechanism.SHA_1_HMAC)

def timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin

library = pkcs11.lib(os.environ["MODULE"])
session = library.get_token(token_label="shim").open(user_pin=os.environ["PIN"])
key = session.create_object({
    Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
    Attribute.VALUE: b"12345678901234567890",
    Attribute.SIGN: True,
    Attribute.SENSITIVE: False,
    Attribute.EXTRACTABLE: True,
})
"""

# One thread hangs in a call.
ASIDE = """
import threading
aside = session.token.open()
threading.Thread(target=aside.generate_random, args=(64,), daemon=True).start()
time.sleep(0.1)
"""
# Another signs meanwhile.
HANGS_ASIDE = f"""
{ASIDE}
print(json.dumps(attempt(sign)), flush=True)
os._exit(0)
"""

Driver = Callable[..., Any]


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away SoftHSM with one partition; returns its configuration."""
    directory = tmp_path_factory.mktemp("softhsm")
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory}/tokens\n")
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label=shim",
            f"--pin={PIN}",
            "--so-pin=9361",
        ],
        env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
        check=True,
        capture_output=True,
    )
    return configuration


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    ensure_built()
    return Shim(tmp_path)


@pytest.fixture
def drive(softhsm: Path, shim: Shim) -> Driver:
    """Run a script behind the prelude; return what it put into ``answer``."""

    def run(script: str, module: Path = shim.path) -> object:
        child = start(script, softhsm, shim, module)
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        return json.loads(output)

    return run


def start(script: str, softhsm: Path, shim: Shim, module: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", f"{PRELUDE}\n{script}\nprint(json.dumps(answer))"],
        env={
            **os.environ,
            **shim.environment,
            "SOFTHSM2_CONF": str(softhsm),
            "MODULE": str(module),
            "PIN": PIN,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_forwards_and_counts(drive: Driver, shim: Shim) -> None:
    # The MAC is computed by Python's own hmac, on the same message and key.
    ours = drive(
        "import hmac; answer = sign() == hmac.digest(b'1234567890' * 2, b'12345678', 'sha1')"
    )
    counts = shim.counts()
    assert ours is True
    assert counts["C_Initialize"] == counts["C_Login"] == counts["C_CreateObject"] == 1
    assert counts["C_SignInit"] == 1
    assert counts["C_Sign"] == 2  # python-pkcs11 asks for the length first
    assert counts["C_Decrypt"] == counts[INJECTED] == 0


def test_counts_of_all_processes_add_up(drive: Driver, shim: Shim) -> None:
    drive("[sign() for _ in range(10)]; answer = None")
    shim.reset()
    assert shim.counts().total() == 0
    drive("[sign() for _ in range(5)]; answer = None")
    drive("[sign() for _ in range(7)]; answer = None")
    assert shim.counts()["C_SignInit"] == 12


def test_processes_at_once_lose_no_count(softhsm: Path, shim: Shim) -> None:
    script = "print(flush=True); input(); [sign() for _ in range(2000)]; answer = None"
    children = []
    for _ in range(3):
        child = start(script, softhsm, shim, shim.path)
        # One login after the other: SoftHSM misses a partition that is being written.
        assert child.stdout
        child.stdout.readline()
        children.append(child)
    for child in children:
        assert child.stdin
        child.stdin.write(b"\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)
    assert [child.returncode for child in children] == [0, 0, 0]
    assert shim.counts()["C_SignInit"] == 6000


def test_fails_n_times_then_recovers(drive: Driver, shim: Shim) -> None:
    shim.fail("C_SignInit", "CKR_DEVICE_ERROR", times=3)
    answers = drive("answer = [attempt(sign) for _ in range(5)]")
    assert answers == ["DeviceError"] * 3 + ["OK"] * 2
    assert shim.counts()[INJECTED] == 3
    assert shim.counts()["C_SignInit"] == 5
    assert shim.counts()["C_Sign"] == 2 * 2


def test_failures_are_shared_by_processes(drive: Driver, shim: Shim) -> None:
    shim.fail("C_SignInit", "CKR_DEVICE_ERROR", times=3)
    answers = [drive("answer = [attempt(sign) for _ in range(2)]") for _ in range(2)]
    assert answers == [["DeviceError"] * 2, ["DeviceError", "OK"]]


def test_a_dead_device_comes_back_when_cleared(softhsm: Path, shim: Shim) -> None:
    child = start(
        "answer = []\nfor line in sys.stdin:\n  print(json.dumps(attempt(sign)), flush=True)",
        softhsm,
        shim,
        shim.path,
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        ask, told = child.stdin, child.stdout

        def asked() -> bytes:
            ask.write(b"go\n")
            ask.flush()
            return told.readline()

        assert asked() == b'"OK"\n'
        shim.fail("*", "CKR_DEVICE_REMOVED")
        assert [asked(), asked()] == [b'"DeviceRemoved"\n'] * 2
        shim.clear()
        assert asked() == b'"OK"\n'


def test_latency_is_seen(drive: Driver, shim: Shim) -> None:
    script = "sign(); answer = timed(lambda: [sign() for _ in range(20)])"
    without = drive(script)
    shim.latency(5000)
    assert drive(script) > 10 * without


@pytest.mark.parametrize("serial", [False, True])
def test_serial_calls_wait_for_each_other(softhsm: Path, shim: Shim, *, serial: bool) -> None:
    shim.hang("C_GenerateRandom", 600_000)
    if serial:
        shim.serial()
    with start(HANGS_ASIDE, softhsm, shim, shim.path) as child:
        assert child.stdout is not None
        if serial:
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(1.0)
            shim.clear()
        assert child.stdout.readline() == b'"OK"\n'


def test_a_hang_lasts_and_ends_when_cleared(softhsm: Path, shim: Shim) -> None:
    script = "print(json.dumps('signing'), flush=True); answer = attempt(sign)"
    shim.hang("C_Sign", 600_000)
    with start(script, softhsm, shim, shim.path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b'"signing"\n'
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        shim.clear()
        assert child.stdout.readline() == b'"OK"\n'


def test_only_so_many_calls_hang(softhsm: Path, shim: Shim) -> None:
    shim.hang("C_GenerateRandom", 600_000, times=1)
    script = "answer = attempt(lambda: session.generate_random(64))"
    with start(f"{ASIDE}\n{script}", softhsm, shim, shim.path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b'"OK"\n'
        shim.clear()


def test_counts_are_read_while_the_calls_are_made(softhsm: Path, shim: Shim) -> None:
    with start(
        "sign(); print(flush=True); input(); answer = None", softhsm, shim, shim.path
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        assert shim.counts()["C_SignInit"] == 1
        child.stdin.write(b"\n")


def test_reads_of_values_are_counted(drive: Driver, shim: Shim) -> None:
    drive("key[Attribute.LABEL]; answer = None")
    assert shim.counts()[VALUE_READS] == 0
    drive("key[Attribute.VALUE]; answer = None")
    assert shim.counts()[VALUE_READS] >= 1
    assert shim.counts()["C_GetAttributeValue"] > shim.counts()[VALUE_READS]


def test_a_mistake_in_the_control_file_is_told_and_changes_nothing(
    softhsm: Path, shim: Shim
) -> None:
    shim.fail("C_Sing", "CKR_DEVICE_ERROR")
    child = start("answer = attempt(sign)", softhsm, shim, shim.path)
    output, errors = child.communicate(timeout=60)
    assert output == b'"OK"\n'
    assert b"line 1: not understood" in errors


def test_without_a_real_module_nothing_loads(softhsm: Path, shim: Shim, tmp_path: Path) -> None:
    lost = Shim(tmp_path, module=tmp_path / "nowhere.so")
    child = start("answer = None", softhsm, lost, shim.path)
    _, errors = child.communicate(timeout=60)
    assert child.returncode != 0
    assert b"pkcs11_shim: " in errors
    assert b"nowhere.so" in errors
