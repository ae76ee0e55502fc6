# SPDX-License-Identifier: Apache-2.0
"""An HSM and databases full of tokens, kept from run to run: a million take minutes to make.

They lie under ``build/bench/``, in a directory that is named for what they were
made from. Nothing is measured in them, only in copies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import fill, places
from bench.places import Settings
from development import environment
from development.environment import Environment
from kagimori import key_policy
from kagimori.adapters.sql import migrations

KEPT: Final = environment.ROOT / "build" / "bench"
TOKENS: Final = "tokens.jsonl"
"""Name of loadgen's file beside a database."""

_DATABASE: Final = "kagimori.db"
_HELD: Final = "ceremony-was-held"


class NotStocked(Exception):
    """A command refused; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Stock:
    """``place`` is an authority after its ceremony: its HSM opens every token of the stock."""

    place: Environment

    @classmethod
    def open(cls) -> Stock:
        """Return the stock that is kept, begun now if there is none that fits."""
        KEPT.mkdir(parents=True, exist_ok=True)
        place = Environment(KEPT / f"stock-{_digest()}", "127.0.0.1:7443")
        with _turn():
            if not (place.directory / _HELD).exists():
                _hold_ceremony(place)
        return cls(place)

    def copy(self, tokens: int, directory: Path, settings: Settings | None = None) -> Environment:
        """Return an authority in ``directory`` with so many ``tokens``, on SQLite."""
        directory.mkdir(parents=True, exist_ok=True)
        with _turn():
            kept = self._kept(tokens)
            for name in (_DATABASE, TOKENS):
                _copy(kept / name, directory / name)
        return self.beside(directory, settings)

    def beside(self, directory: Path, settings: Settings | None = None) -> Environment:
        """Return an authority in ``directory`` on the HSM of the stock, without a database."""
        here = {"database.url": f"sqlite:///{directory / _DATABASE}"}
        return places.beside(self.place, directory, {**here, **(settings or {})})

    def _kept(self, tokens: int) -> Path:
        kept = self.place.directory / str(tokens)
        if not kept.exists():
            draft = kept.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            place = self.beside(draft)
            _run("kagimori", "database", "--config", place.config)
            apply_tenants(place)
            fill_database(place, tokens)
            draft.rename(kept)
        return kept


def apply_tenants(place: Environment, *rules: Path) -> None:
    """Put the tenants in force in the migrated database of ``place``.

    They are those of the file ``rules``, or of its configuration.
    """
    _run("kagimori", "tenants", "apply", *rules, "--config", place.config, "--yes")


def fill_database(place: Environment, tokens: int) -> None:
    """Put ``tokens`` into the migrated database of ``place``, and into loadgen's file."""
    _run("bench.fill", place.config, str(tokens), place.directory / TOKENS)


def fill_signing(place: Environment, calls: Sequence[int]) -> list[Path]:
    """Put challenges into the filled database of ``place``; see `bench.fill_signing`.

    Returns a file for loadgen for each of ``calls``, with so many requests.
    """
    files = [place.directory / f"requests-{number}" for number in range(len(calls))]
    orders = (f"{count}={file}" for count, file in zip(calls, files, strict=True))
    _run("bench.fill_signing", place.config, *orders)
    return files


def _hold_ceremony(place: Environment) -> None:
    for old in KEPT.glob("stock-*"):
        shutil.rmtree(old)
    environment.prepare(place.directory)
    _run("kagimori", "ceremony", place.ceremony)
    (place.directory / _HELD).touch()


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as copied:
        # Now, and not while something is measured.
        os.fsync(copied.fileno())


def _run(module: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=False,
        env=environment.environment_variables(PYTHONPATH=os.pathsep.join(sys.path)),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise NotStocked(f"{module}:\n{done.stdout}")


@contextmanager
def _turn() -> Iterator[None]:
    """Let one run at a time change what is kept."""
    with (KEPT / "turn").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _digest() -> str:
    """Return a name for what a stock is made from, and for where."""
    package = Path(key_policy.__file__).parent
    history = Path(migrations.__file__).parent / "versions"
    files = [
        environment.ROOT / "softhsm" / "ceremony.toml",
        environment.ROOT / "config" / "tenants.toml",
        environment.ROOT / "core_rs" / "hsm" / "src" / "row.rs",  # what a row's MAC covers
        Path(fill.__file__),
        *sorted(package.glob("*.toml")),
        *sorted(history.glob("*.py")),
    ]
    digest = hashlib.sha256(str(KEPT).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
