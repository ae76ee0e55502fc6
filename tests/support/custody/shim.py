# SPDX-License-Identifier: Apache-2.0
"""Builds, steers and reads the PKCS#11 shim (tools/pkcs11_shim)."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from collections import Counter
from pathlib import Path

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
VALUE_READS = "C_GetAttributeValue(CKA_VALUE)"
"""The counter of calls that ask for a key's value."""
INJECTED = "injected"
"""The counter of calls that a `Shim.fail` answered."""

_WORKSPACE = Path(__file__).resolve().parents[3] / "tools" / "pkcs11_shim"
_MAGIC = b"KGSHIM01"
_LINE = struct.Struct("=Q56s")
# The shim looks at its control file again in the next millisecond; a call after
# this many seconds has seen it.
_SEEN_AFTER = 0.005


def ensure_built() -> Path:
    """Build the shim unless it is up to date; return the module's path."""
    manifest = str(_WORKSPACE / "Cargo.toml")
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest],
        check=True,
    )
    return _WORKSPACE / "target" / "release" / "libpkcs11_shim.so"


class Shim:
    """A shim's control file and counts, both in ``directory``.

    Any number of processes can run with its `environment`; they obey one
    control file and add to one table. Rules add up until `clear`. Each change
    writes the whole file, which makes used-up failures count from the start.
    """

    def __init__(self, directory: Path, module: Path = SOFTHSM) -> None:
        """``module`` is the real one, which the shim stands in front of."""
        self._module = module
        self._control = directory / "shim.control"
        self._table = directory / "shim.counts"
        self._rules: list[str] = []
        self._seen: Counter[str] = Counter()

    @property
    def path(self) -> Path:
        """Return the module to configure in the real one's place."""
        return _WORKSPACE / "target" / "release" / "libpkcs11_shim.so"

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a process under test needs."""
        return {
            "KAGIMORI_SHIM_MODULE": str(self._module),
            "KAGIMORI_SHIM_CONTROL": str(self._control),
            "KAGIMORI_SHIM_COUNTS": str(self._table),
        }

    def counts(self) -> Counter[str]:
        """Return the calls by function since the last `reset`, of all processes.

        A function that was not called is 0.
        """
        return self._read() - self._seen

    def reset(self) -> None:
        """Count from here."""
        self._seen = self._read()

    def fail(self, function: str, error: str, times: int | None = None) -> None:
        """Let the next ``times`` calls of ``function`` answer ``error``.

        ``function`` is PKCS#11's name or ``*`` for all that reach the device;
        ``error`` is ``CKR_…`` or a hexadecimal number; None means for ever.
        """
        self._add(f"fail {function} {error} {'forever' if times is None else times}")

    def latency(self, microseconds: int) -> None:
        """Let every call take so much longer."""
        self._add(f"latency_us {microseconds}")

    def serial(self) -> None:
        """Let calls come one at a time in each process."""
        self._add("serial 1")

    def hang(self, function: str, milliseconds: int, times: int | None = None) -> None:
        """Let the next ``times`` calls of ``function`` wait so long, or until `clear`.

        None means every call.
        """
        self._add(f"hang {function} {milliseconds} {'forever' if times is None else times}")

    def clear(self) -> None:
        """Take every rule back."""
        self._rules.clear()
        self._write()

    def _add(self, rule: str) -> None:
        self._rules.append(rule)
        self._write()

    def _write(self) -> None:
        draft = self._control.with_suffix(".new")
        draft.write_text("".join(f"{rule}\n" for rule in self._rules))
        os.replace(draft, self._control)  # noqa: PTH105 - says what it does: an atomic exchange
        time.sleep(_SEEN_AFTER)

    def _read(self) -> Counter[str]:
        """Read the table as `tools/pkcs11_shim/src/table.rs` describes it."""
        if not self._table.exists():
            return Counter()
        data = self._table.read_bytes()
        if data[:8] != _MAGIC:
            raise ValueError(f"{self._table} is no table of counts")
        (counters,) = struct.unpack_from("=Q", data, 8)
        lines = _LINE.iter_unpack(data[_LINE.size : _LINE.size * (counters + 1)])
        return Counter({name.rstrip(b"\0").decode("ascii"): count for count, name in lines})
