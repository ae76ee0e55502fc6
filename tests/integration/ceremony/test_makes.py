# SPDX-License-Identifier: Apache-2.0
"""What a ceremony makes, says and writes."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from support.custody.ceremony import (
    CBC_CHECK_VALUE,
    DES3_CHECK_VALUE,
    NEEDS_SOFTHSM,
    ONE_TENANT,
    Held,
    secrets_of,
)
from support.custody.hsm import (
    TENANTS,
    hold_ceremony,
    write_plan,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = NEEDS_SOFTHSM

OF_VENDORS = {
    ("rsa", "delivery"): "vendor/rsa/delivery/1",
    ("offline", "onetime"): "vendor/offline/onetime/1",
}


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
    vendors = [
        "vendor/keywrap/transport/1",
        "vendor/cbc/transient/1",
        "vendor/old/transient-des3/1",
        "vendor/rsa/delivery/1",
        "vendor/offline/onetime/1",
    ]
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
    assert keys["vendor/old/transient-des3/1"]["check_value"] == DES3_CHECK_VALUE
    assert keys["vendor/rsa/delivery/1"]["vendor"] == "rsa"
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
    of_tenants = [f"{t}/provisioning/1" for t in TENANTS.values()]
    assert sorted(halves) == sorted([*of_tenants, *OF_VENDORS.values()])
    for half in halves.values():
        assert isinstance(half, RSAPublicKey)
        assert (half.key_size, half.public_numbers().e) == (3072, 65537)


def test_what_vendors_encrypt_to_lies_beside_the_record(held: Held) -> None:
    in_record = {key["label"]: key["public_key_pem"] for key in held.files.record["keys"]}
    for (vendor, use), label in OF_VENDORS.items():
        path = held.files.public_half(vendor, use)
        assert path.read_text() == in_record[label]
        assert path.stat().st_mode & 0o777 == 0o644
        # What two people read to each other, as openssl tells it.
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-in", path, "-outform", "DER"],
            capture_output=True,
            check=True,
        ).stdout
        said = f"written to {path}: SHA-256 {hashlib.sha256(der).hexdigest()}"
        assert f"ceremony: public half of {label} {said}" in held.output.splitlines()


def test_the_keys_for_deliveries_pass_all_that_was_measured(held: Held) -> None:
    for attempt, answer in {
        "open a PKCS#1 v1.5 seed: HMAC agrees": "done",
        "open a one-time key": "done",
        "open a seed with it: HMAC agrees": "done",
        "open it to be read (SENSITIVE=F)": "CKR_TEMPLATE_INCONSISTENT",
        "open it to decrypt (DECRYPT=T)": "CKR_TEMPLATE_INCONSISTENT",
        "open it as a seed": "CKR_TEMPLATE_INCONSISTENT",
        "read the one-time key": "CKR_ATTRIBUTE_SENSITIVE",
        "take it out by one's own AES key": "CKR_KEY_UNEXTRACTABLE",
        "decrypt with it": "CKR_KEY_FUNCTION_NOT_PERMITTED",
        "set DECRYPT=T on it": "CKR_ACTION_PROHIBITED",
        "decrypt a vendor's file (3DES-CBC)": "done",
    }.items():
        assert re.search(rf"^ +{re.escape(attempt)} +{answer} +1/1", held.output, re.MULTILINE)


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
