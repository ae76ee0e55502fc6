# SPDX-License-Identifier: Apache-2.0
"""A weakened policy fails the ceremony: its checks can fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.custody.ceremony import NEEDS_SOFTHSM, ONE_TENANT, VENDORS
from support.custody.hsm import (
    hold_ceremony,
    python_environment,
    write_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_SOFTHSM


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
    "the delivery key decrypts": (
        'key["delivery"]["attributes"]["DECRYPT"] = True',
        ["decrypt an envelope (PKCS#1 v1.5)", "read the key's flags: none is loose"],
    ),
    "the delivery key signs": (
        'key["delivery"]["attributes"]["SIGN"] = True',
        ["sign with the key"],
    ),
    "the delivery key has no unwrap template": (
        'key["delivery"]["unwrap_template"] = False',
        ["open a readable seed (SENSITIVE=F)", "open a readable seed (PKCS#1 v1.5)"],
    ),
    "the delivery key does not take what vendors write": (
        'key["delivery"]["mechanisms"] = ["$OAEP"]',
        ["open a PKCS#1 v1.5 seed: HMAC agrees"],
    ),
    "one-time keys may be anything": (
        'key["onetime"]["unwrap_template"] = False',
        ["open it to be read (SENSITIVE=F)", "open it as a seed", "open it as an HMAC key"],
    ),
    "one-time keys may decrypt": (
        'del data["onetime_template"]["DECRYPT"]',
        ["open it to decrypt (DECRYPT=T)"],
    ),
    "one-time keys may leave": (
        'del data["onetime_template"]["EXTRACTABLE"]',
        ["open it to leave (EXTRACTABLE=T)"],
    ),
    "one-time keys may change": (
        'del data["onetime_template"]["MODIFIABLE"], data["seed"]["unwrapping"]["MODIFIABLE"]',
        ["open it to be changed (MODIFIABLE=T)", "set DECRYPT=T on it"],
    ),
    "one-time keys are opened by the old padding": (
        'key["onetime"]["mechanisms"].append("RSA_PKCS")',
        ["open an envelope of PKCS#1 v1.5"],
    ),
    "the 3DES key encrypts": (
        'key["transient_des3"]["attributes"]["ENCRYPT"] = True',
        ["encrypt by CBC with the key", "read the key's flags: none is loose"],
    ),
    "the 3DES key decrypts by ECB": (
        'key["transient_des3"]["mechanisms"].append("DES3_ECB")',
        ["decrypt by another mechanism (ECB)"],
    ),
    "the 3DES key can be copied": (
        'key["transient_des3"]["attributes"].update(COPYABLE=True, MODIFIABLE=True)',
        ["copy the key with DECRYPT=T", "set DECRYPT=T on the key"],
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
    vendors = {name: vendor for name, vendor in VENDORS.items() if f'"{vendor[0]}"' in change}
    files = write_plan(tmp_path, ONE_TENANT, VENDORS if "onetime" in change else vendors)
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
