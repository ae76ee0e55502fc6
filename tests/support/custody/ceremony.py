# SPDX-License-Identifier: Apache-2.0
"""A ceremony that was held, and what to ask of it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from support.custody.hsm import MODULE, HsmFiles, Vendors

NEEDS_SOFTHSM = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason=f"SoftHSM is not installed: {MODULE}"),
]

ONE_TENANT = {"kenshin": "10112001"}
KEYWRAP_KEY = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
CBC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
DES3_KEY = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
VENDORS: Vendors = {
    "keywrap": ("transport", KEYWRAP_KEY),
    "cbc": ("transient", CBC_KEY),
    "old": ("transient_des3", DES3_KEY),
    "rsa": ("delivery", None),
    "offline": ("onetime", None),
}
CBC_CHECK_VALUE = "7DF76B"  # RFC 4493 section 4: AES-128(key, 0)
# By openssl enc -des-ede3 -nopad of eight zeros (the key is NIST SP 800-67's example).
DES3_CHECK_VALUE = "4EBA73"


class Held:
    """A ceremony that went through, and what it printed."""

    def __init__(self, files: HsmFiles, done: subprocess.CompletedProcess[str]) -> None:
        self.files = files
        self.output = done.stdout
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""


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
    return [*pins, KEYWRAP_KEY.hex(), CBC_KEY.hex(), DES3_KEY.hex()]
