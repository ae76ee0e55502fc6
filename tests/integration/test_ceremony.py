# SPDX-License-Identifier: Apache-2.0
"""The ceremony on a real SoftHSM: what it makes, refuses, and finds out."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pexpect
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from support.hsm import (
    MODULE,
    TENANTS,
    HsmFiles,
    ceremony_command,
    hold_ceremony,
    python_environment,
    write_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason=f"SoftHSM is not installed: {MODULE}"),
]

ONE_TENANT = {"kenshin": "10112001"}
KEYWRAP_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
CBC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
VENDORS = {"keywrap": ("transport", KEYWRAP_KEY), "cbc": ("transient", CBC_KEY)}
CBC_CHECK_VALUE = "7DF76B"  # RFC 4493 section 4: AES-128(key, 0)


class Held:
    """A ceremony that went through, and what it printed."""

    def __init__(self, files: HsmFiles, done: subprocess.CompletedProcess[str]) -> None:
        self.files = files
        self.output = done.stdout
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    files = write_plan(tmp_path_factory.mktemp("hsm"), TENANTS, VENDORS)
    return Held(files, hold_ceremony(files))


def digest(directory: Path) -> str:
    """A digest over every file's name, mode and content."""
    whole = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        whole.update(f"{path.relative_to(directory)} {path.stat().st_mode:o}\n".encode())
        whole.update(path.read_bytes() if path.is_file() else b"")
    return whole.hexdigest()


def secrets_of(files: HsmFiles) -> list[str]:
    pins = [path.read_text().strip() for path in files.directory.glob("*pin")]
    assert len(pins) == 4
    return [*pins, KEYWRAP_KEY.hex(), CBC_KEY.hex()]


# --- what it makes ---------------------------------------------------------------


def test_every_check_passes(held: Held) -> None:
    *_, last = held.output.splitlines()
    said = re.fullmatch(r"ceremony: (\d+) checks passed, 0 failed; record written to (.*)", last)
    assert said is not None
    assert int(said[1]) == held.files.record["checks"]["passed"]
    assert said[2] == str(held.files.record_file)
    assert "WRONG" not in held.output


def test_the_wrapping_keys_pass_all_that_was_measured(held: Held) -> None:
    for attempt, answer in {
        "seal a new seed": "done",
        "open a seed to compute codes": "done",
        "open a seed to reseal it": "done",
        "reseal a seed under a TRUSTED key": "done",
        "open a seed without login": "CKR_USER_NOT_LOGGED_IN",
        "seal again a seed opened for codes": "CKR_KEY_UNEXTRACTABLE",
        "open a readable seed (SENSITIVE=F)": "CKR_TEMPLATE_INCONSISTENT",
        "open a seed without WRAP_WITH_TRUSTED": "CKR_TEMPLATE_INCONSISTENT",
        "open a seed to derive from (DERIVE=T)": "CKR_TEMPLATE_INCONSISTENT",
        "wrap a seed by one's own AES key": "CKR_KEY_NOT_WRAPPABLE",
        "mark one's own AES key TRUSTED": "CKR_ATTRIBUTE_READ_ONLY",
        "make a TRUSTED key as the user": "CKR_ATTRIBUTE_READ_ONLY",
        "wrap a seed to one's own RSA key": "CKR_KEY_NOT_WRAPPABLE",
        "copy a seed without WRAP_WITH_TRUSTED": "CKR_ATTRIBUTE_READ_ONLY",
        "copy the key with DECRYPT=T": "CKR_ACTION_PROHIBITED",
        "set DECRYPT=T on the key": "CKR_ACTION_PROHIBITED",
        "destroy the key": "CKR_ACTION_PROHIBITED",
        "open a seed as an AES key": "CKR_TEMPLATE_INCONSISTENT",
        "seal a readable key in a seed's place": "CKR_KEY_NOT_WRAPPABLE",
    }.items():
        assert re.search(rf"^ +{re.escape(attempt)} +{answer} +2/2", held.output, re.MULTILINE)


def test_the_tables_fit_a_page(held: Held) -> None:
    tables = [line for line in held.output.splitlines() if not line.startswith("ceremony:")]
    assert max(map(len, tables)) <= 80


def test_the_record_names_every_key(held: Held) -> None:
    keys = {key["label"]: key for key in held.files.record["keys"]}
    own = [f"{t}/{use}/1" for t in TENANTS.values() for use in ("wrapping", "row", "provisioning")]
    vendors = ["vendor/keywrap/transport/1", "vendor/cbc/transient/1"]
    assert sorted(keys) == sorted([*own, *vendors, "authority/audit/1"])
    assert keys["vendor/cbc/transient/1"] == {
        "label": "vendor/cbc/transient/1",
        "use": "transient",
        "partition": "import",
        "tenant": None,
        "vendor": "cbc",
        "version": 1,
        "public_key_pem": None,
        "check_value": CBC_CHECK_VALUE,
    }
    assert {canary["tenant"] for canary in held.files.record["canaries"]} == set(TENANTS.values())


def test_public_halves_are_what_the_policy_says(held: Held) -> None:
    halves = {
        key["label"]: load_pem_public_key(key["public_key_pem"].encode())
        for key in held.files.record["keys"]
        if key["public_key_pem"]
    }
    audit = halves.pop("authority/audit/1")
    assert isinstance(audit, EllipticCurvePublicKey)
    assert isinstance(audit.curve, SECP256R1)
    assert sorted(halves) == sorted(f"{t}/provisioning/1" for t in TENANTS.values())
    for half in halves.values():
        assert isinstance(half, RSAPublicKey)
        assert (half.key_size, half.public_numbers().e) == (3072, 65537)


def test_no_secret_is_said_or_written(held: Held) -> None:
    record = held.files.record_file.read_text()
    for secret in secrets_of(held.files):
        assert secret not in held.output
        assert secret not in record


def test_no_pin_is_on_a_command_line(tmp_path: Path) -> None:
    files = write_plan(tmp_path / "hsm", ONE_TENANT)
    real, seen = shutil.which("softhsm2-util"), tmp_path / "seen"
    watcher = tmp_path / "bin" / "softhsm2-util"
    watcher.parent.mkdir()
    watcher.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{seen}"\nexec {real} "$@"\n')
    watcher.chmod(0o755)
    path = f"import os; os.environ['PATH'] = '{watcher.parent}:' + os.environ['PATH']\n"
    assert hold_ceremony(files, path).returncode == 0
    lines = seen.read_text().splitlines()
    assert len(lines) == 2
    for pin in files.directory.glob("*pin"):
        assert pin.read_text().strip() not in seen.read_text()


# --- what it refuses -------------------------------------------------------------


def test_a_second_ceremony_is_refused_and_changes_nothing(held: Held) -> None:
    before = digest(held.files.directory)
    again = hold_ceremony(held.files)
    assert again.returncode == 1
    assert again.stderr == (
        f"ceremony: {held.files.record_file} exists already: a ceremony is held once\n"
    )
    assert digest(held.files.directory) == before


def test_a_lost_record_does_not_open_the_door_to_a_second_one(held: Held, tmp_path: Path) -> None:
    text = held.files.plan.read_text().replace("ceremony.json", "other.json")
    other = HsmFiles(tmp_path)
    for file in held.files.directory.glob("*.hex"):
        text = text.replace(file.name, str(file))
    for name in ("serving", "import"):
        text = text.replace(f'"{name}.', f'"{held.files.directory}/{name}.')
    text = text.replace("./softhsm2.conf", str(held.files.conf))
    other.plan.write_text(text.replace("tenants.toml", str(held.files.tenants)))
    before = digest(held.files.directory), digest(tmp_path)
    again = hold_ceremony(other)
    assert again.returncode == 1
    assert again.stderr == (
        "ceremony: partition kagimori-serving holds keys already, and no record vouches for them "
        f'at {tmp_path / "other.json"}: see "A second time" in docs/ceremony.md\n'
    )
    assert (digest(held.files.directory), digest(tmp_path)) == before


def test_a_bad_vendor_key_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT, {"acme": ("transport", bytes(15))})
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert refused.stderr == ("ceremony: vendor.acme.key: 15 bytes; an AES key has 16, 24 or 32\n")
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (
            '"ceremony.json"',
            '"/proc/x/ceremony.json"',
            "record: cannot be written: No such file or directory: /proc/x/ceremony.json",
        ),
        (
            '"ceremony.json"',
            '"tenants.toml/ceremony.json"',
            "record: cannot be written: Not a directory: {directory}/tenants.toml/ceremony.json",
        ),
        (
            '"./softhsm2.conf"',
            '"/proc/x/softhsm2.conf"',
            "SOFTHSM2_CONF: cannot be written: No such file or directory: /proc/x/softhsm2.conf",
        ),
        (
            '"import.so-pin"',
            '"/proc/x/pin"',
            (
                "the PIN for the security officer of kagimori-import: cannot be written: "
                "No such file or directory: /proc/x/pin"
            ),
        ),
        (
            '{ file = "serving.pin" }',
            "{ prompt = true }",
            "the PIN for the user of kagimori-serving is typed at a terminal, and this is none",
        ),
        (
            '{ file = "import.so-pin" }',
            '{ env = "SHORT_PIN" }',
            "the PIN for the security officer of kagimori-import: a PIN has 4 to 255 characters",
        ),
        (
            '{ file = "import.so-pin" }',
            '{ env = "EMPTY_PIN" }',
            "the PIN for the security officer of kagimori-import is empty",
        ),
    ],
)
def test_what_cannot_end_well_does_not_begin(
    tmp_path: Path, old: str, new: str, refusal: str
) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    text = files.plan.read_text()
    assert old in text
    files.plan.write_text(text.replace(old, new))
    before = digest(tmp_path)
    pins = "import os; os.environ.update(SHORT_PIN='123', EMPTY_PIN='')\n"
    refused = hold_ceremony(files, pins)
    assert refused.stderr == f"ceremony: {refusal.format(directory=tmp_path)}\n"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert digest(tmp_path) == before


def test_no_tenant_is_no_ceremony(tmp_path: Path) -> None:
    files = write_plan(tmp_path, {})
    before = digest(tmp_path)
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert re.fullmatch(r"ceremony: .*tenants\.toml: .*names no tenant\n", refused.stderr)
    assert digest(tmp_path) == before


def test_a_file_that_is_no_module_is_refused(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    files.plan.write_text(files.plan.read_text().replace(str(MODULE), "tenants.toml"))
    refused = hold_ceremony(files)
    assert refused.returncode == 1
    assert "not a PKCS#11 module that starts" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_disk_that_fills_up_at_the_last_act_is_one_line(tmp_path: Path) -> None:
    files = write_plan(tmp_path, ONE_TENANT)
    full = "import os\ndef full(_): raise OSError(28, 'No space left on device')\nos.fsync = full\n"
    failed = hold_ceremony(files, full)
    assert failed.returncode == 1
    assert failed.stderr == "ceremony: cut off: [Errno 28] No space left on device\n"
    assert not files.record_file.exists()
    assert "and no record vouches for them" in hold_ceremony(files).stderr


# --- two people and their components ---------------------------------------------

# Their XOR is CBC_KEY; the first one's check value by openssl enc -aes-128-ecb.
COMPONENTS = ("000102030405060708090a0b0c0d0e0f", "2b7f17152cabd4a1a3fe1f8305c24133")
FIRST_CHECK_VALUE = "C6A13B"


@pytest.fixture
def typed(tmp_path: Path) -> HsmFiles:
    files = write_plan(tmp_path, ONE_TENANT)
    vendor = '\n[vendor.acme]\nuse = "transient"\nkey = { components = 2 }\n'
    files.plan.write_text(files.plan.read_text() + vendor)
    return files


def at_a_terminal(files: HsmFiles) -> pexpect.spawn[str]:
    program, *arguments = ceremony_command(files)
    return pexpect.spawn(program, arguments, env=python_environment(), encoding="utf-8", timeout=60)


def type_components(terminal: pexpect.spawn[str], *components: str) -> None:
    for number, component in enumerate(components, 1):
        terminal.expect_exact(f"vendor acme: component {number} of 2: ")
        terminal.waitnoecho()
        terminal.sendline(component)


def exit_status(terminal: pexpect.spawn[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus


def test_two_people_type_a_component_each(typed: HsmFiles) -> None:
    terminal = at_a_terminal(typed)
    terminal.logfile_read = (log := (typed.directory / "log").open("w", encoding="utf-8"))
    type_components(terminal, *COMPONENTS)
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    assert exit_status(terminal) == 0
    log.close()
    shown = (typed.directory / "log").read_text()
    assert f"component 1 has check value {FIRST_CHECK_VALUE}" in shown
    assert f"the key has check value {CBC_CHECK_VALUE} (AES-ECB of zeros)" in shown
    assert not any(secret in shown.lower() for secret in (*COMPONENTS, CBC_KEY.hex()))
    (key,) = (key for key in typed.record["keys"] if key["vendor"] == "acme")
    assert key["check_value"] == CBC_CHECK_VALUE


@pytest.mark.parametrize(
    ("components", "reason"),
    [
        (("xyz",), "component 1: not hexadecimal"),
        (("00" * 15,), "component 1: 15 bytes"),
        ((COMPONENTS[0], "00" * 32), "component 2 is not as long as component 1"),
        ((COMPONENTS[0], COMPONENTS[0]), "component 2 was typed before"),
    ],
)
def test_a_bad_component_is_refused_before_anything_is_made(
    typed: HsmFiles, components: tuple[str, ...], reason: str
) -> None:
    before = digest(typed.directory)
    terminal = at_a_terminal(typed)
    type_components(terminal, *components)
    terminal.expect_exact(reason)
    assert exit_status(terminal) == 1
    assert digest(typed.directory) == before


def test_a_check_value_that_is_not_the_papers_ends_the_ceremony(typed: HsmFiles) -> None:
    before = digest(typed.directory)
    terminal = at_a_terminal(typed)
    type_components(terminal, *COMPONENTS)
    terminal.expect_exact("[y/N]")
    terminal.sendline("")
    terminal.expect_exact("was not confirmed")
    assert exit_status(terminal) == 1
    assert digest(typed.directory) == before


def test_components_need_a_terminal(typed: HsmFiles) -> None:
    refused = hold_ceremony(typed)
    assert refused.returncode == 1
    assert "typed at a terminal" in refused.stderr


@pytest.fixture
def prompted(tmp_path: Path) -> HsmFiles:
    files = write_plan(tmp_path, ONE_TENANT)
    files.plan.write_text(
        re.sub(r"\{ file = .*pin\" \}", "{ prompt = true }", files.plan.read_text())
    )
    return files


def test_each_new_pin_is_asked_for_twice(prompted: HsmFiles) -> None:
    terminal = at_a_terminal(prompted)
    for label in ("kagimori-serving", "kagimori-import"):
        for who in ("user", "security officer"):
            for again in ("", ", again"):
                terminal.expect_exact(f"PIN for the {who} of {label}{again}: ")
                terminal.waitnoecho()
                terminal.sendline("27182818")
    terminal.expect_exact("0 failed")
    assert exit_status(terminal) == 0
    assert not list(prompted.directory.glob("*pin"))


def test_a_slip_in_a_new_pin_ends_the_ceremony(prompted: HsmFiles) -> None:
    before = digest(prompted.directory)
    terminal = at_a_terminal(prompted)
    for again, pin in (("", "27182818"), (", again", "27182881")):
        terminal.expect_exact(f"PIN for the user of kagimori-serving{again}: ")
        terminal.waitnoecho()
        terminal.sendline(pin)
    terminal.expect_exact("the two that were typed differ")
    assert exit_status(terminal) == 1
    assert digest(prompted.directory) == before


# --- the checks can fail ---------------------------------------------------------

WEAK = {
    "no unwrap template": (
        'key["wrapping"]["unwrap_template"] = False',
        ["open a readable seed (SENSITIVE=F)", "open a seed as an AES key"],
    ),
    "seeds may derive": (
        'del data["unwrap_template"]["DERIVE"]',
        ["open a seed to derive from (DERIVE=T)"],
    ),
    "seeds may be public": (
        'del data["unwrap_template"]["PRIVATE"]',
        ["open a public seed (PRIVATE=F)", "open a public seed without login"],
    ),
    "no wrap template": (
        'key["wrapping"]["wrap_template"] = False',
        ["seal a readable key in a seed's place"],
    ),
    "the wrapping key decrypts": (
        'key["wrapping"]["attributes"]["DECRYPT"] = True',
        ["read the key's flags: none is loose"],
    ),
    "the wrapping key can be changed": (
        'key["wrapping"]["attributes"]["MODIFIABLE"] = True',
        ["set DECRYPT=T on the key"],
    ),
    "the wrapping key can be copied": (
        'key["wrapping"]["attributes"].update(COPYABLE=True, MODIFIABLE=True)',
        ["copy the key with DECRYPT=T", "read the key's flags: none is loose"],
    ),
    "the wrapping key is not TRUSTED": (
        'key["wrapping"]["attributes"]["TRUSTED"] = False',
        ["seal the canary"],
    ),
    "the wrapping key wraps by CBC": (
        'key["wrapping"]["mechanisms"].append("AES_CBC")',
        ["wrap by another mechanism (CBC)"],
    ),
    "the provisioning key decrypts": (
        'key["provisioning"]["attributes"]["DECRYPT"] = True',
        ["decrypt an envelope (OAEP)"],
    ),
    "the row key leaves": (
        'key["row"]["attributes"]["EXTRACTABLE"] = True',
        ["wrap the key by one's own AES key"],
    ),
    "the transport key decrypts": (
        'key["transport"]["attributes"]["DECRYPT"] = True',
        ["read the key's flags: none is loose"],
    ),
}
WEAKENED = """
import kagimori.key_policy as key_policy
data = key_policy.policy()
key = data["key"]
{change}
key_policy.policy = lambda: data
"""


@pytest.mark.parametrize("weakness", WEAK)
def test_a_weakened_policy_fails_the_ceremony_by_the_checks_name(
    tmp_path: Path, weakness: str
) -> None:
    change, attempts = WEAK[weakness]
    files = write_plan(tmp_path, ONE_TENANT, VENDORS)
    failed = hold_ceremony(files, WEAKENED.format(change=change))
    assert failed.returncode == 1
    assert re.search(
        r"^ceremony: \d+ checks passed, [1-9]\d* failed; no record", failed.stderr, re.MULTILINE
    )
    for attempt in attempts:
        assert re.search(rf"^ +{re.escape(attempt)} +WRONG", failed.stdout, re.MULTILINE)
    assert not files.record_file.exists()


def test_the_commands_module_leaves_the_door_of_the_administrator_shut() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import json, sys, kagimori.cli; print(json.dumps([*sys.modules]))"],
        env=python_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(json.loads(loaded.stdout))
    assert "kagimori.cli" in modules
    assert not {name for name in modules if name.split(".")[0] == "pkcs11"}
    assert not {name for name in modules if name.startswith("kagimori.custody")}
