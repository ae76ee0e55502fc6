# SPDX-License-Identifier: Apache-2.0
"""The importing process's vault in this process, its HSM one that can be lost and found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kagimori import key_policy
from kagimori.adapters.vault import HsmImportVault, PartitionLogin
from support.custody.hsm import IMPORTING, HsmFiles
from support.custody.vault import hsm_of
from support.vendors.vendor_seals import Way, ways


@dataclass
class Door:
    """Is held while the HSM is entered; before it is, something may happen to the HSM."""

    entered: int = 0
    is_held: bool = False
    happens: dict[int, Callable[[], None]] = field(default_factory=dict)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.entered += 1
        self.is_held = True
        try:
            self.happens.get(self.entered, lambda: None)()
            yield
        finally:
            self.is_held = False


@dataclass
class House:
    """An HSM after its ceremony, and the importing process's vault over it."""

    files: HsmFiles
    patch: pytest.MonkeyPatch
    door: Door = field(default_factory=Door)

    @contextmanager
    def vault(self) -> Iterator[HsmImportVault]:
        pin = self.files.import_pin_file.read_text(encoding="ascii").strip()
        vault = HsmImportVault.open(
            hsm_of(self.files),
            PartitionLogin(IMPORTING, pin),
            allow_host_transient=True,
            allow_clear_text=True,
            door=self.door,
        )
        try:
            yield vault
        finally:
            vault.close()

    def way(self, name: str) -> Way:
        public = {
            use: _public_half(self.files, vendor, use)
            for vendor, use in (("rsa", "delivery"), ("offline", "onetime"))
        }
        return ways(public)[name]

    def lose_the_hsm(self) -> None:
        """Let the module find no partition any more."""
        empty = self.files.directory / "empty"
        (empty / "tokens").mkdir(parents=True, exist_ok=True)
        conf = empty / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {empty}/tokens\nobjectstore.backend = file\n")
        self.patch.setenv("SOFTHSM2_CONF", str(conf))

    def find_the_hsm(self) -> None:
        self.patch.setenv("SOFTHSM2_CONF", str(self.files.conf))

    def spoil_the_policy(self) -> None:
        self.patch.setattr(key_policy, "policy_text", lambda: "this is no policy")

    def shut_the_door(self) -> None:
        """Do as the file does that is locked, when it is gone."""
        raise FileNotFoundError(2, "No such file or directory", "ceremony.json")


def _public_half(files: HsmFiles, vendor: str, use: str) -> RSAPublicKey:
    key = load_pem_public_key(files.public_half(vendor, use).read_bytes())
    assert isinstance(key, RSAPublicKey)
    return key
