# SPDX-License-Identifier: Apache-2.0
"""Vendors' tokens imported, beside the bare PKCS#11 calls that they take in one session.

Every import is a process of its own, on SQLite, and reads a file that nobody has
read before. The file is written before its round begins.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Final

from bench import order, rust
from bench.figure import Figure, by_turns
from bench.ground import HOT_TOKENS, Ground
from development.environment import Environment, environment_variables
from kagimori import config
from kagimori.bootstrap.parts import hsm_of, login_of, turn_at_the_door
from support.served.authority import SERVICE_ID
from support.vendors import pskc_bulk
from support.vendors.pskc_bulk import Algorithm

MEMORY: Final = 1.2
"""How much more memory ten times the tokens may take, as a factor."""

_A_SECOND: Final = 4_000
"""Tokens in a round, for each second that it should last."""
_SEEDS: Final = 256
_GIBIBYTE: Final = 1024**2
"""In KiB."""


@dataclass(frozen=True, slots=True)
class _Vendor:
    """Delivers to ``place``: every file is another, with serials of its own."""

    place: Environment
    name: str
    algorithm: Algorithm
    first: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def key(self) -> bytes:
        return self.place.transport_key(self.name)

    def imported(self, count: int) -> tuple[float, int]:
        """Import so many tokens; return how many per second, and the most memory (KiB)."""
        file = self.place.directory / "delivery.xml"
        first = count * next(self.first)
        pskc_bulk.write_pskc(
            file, count, algorithm=self.algorithm, vendor_key=self.key, mac=True, first=first
        )
        done = subprocess.run(
            [sys.executable, "-m", "bench.import_file"]
            + [str(word) for word in (self.place.config, file, self.name, count)],
            check=True,
            env=environment_variables(PYTHONPATH=os.pathsep.join(sys.path)),
            text=True,
            stdout=subprocess.PIPE,
        )
        rate, memory = done.stdout.split()
        return float(rate), int(memory)


def measure_cbc(ground: Ground) -> Figure:
    """Return tokens per second whose seeds the host opens, and as many by the bare calls."""
    return _measure(ground, "kagi-cbc", "aes128-cbc")


def measure_kw(ground: Ground) -> Figure:
    """Return tokens per second whose seeds the HSM opens, and as many by the bare calls."""
    return _measure(ground, "kagi-keywrap", "kw-aes256")


def measure_memory(ground: Ground) -> Figure:
    """Return the most memory for few and for many tokens, as imports per GiB."""
    few, many = ground.few, 10 * ground.few
    place = ground.place("import-memory", HOT_TOKENS, {})
    vendor = _Vendor(place, "kagi-keywrap", "kw-aes256")
    (_, of_few), (_, of_many) = vendor.imported(few), vendor.imported(many)
    note = f"{of_many / 1024:.0f} MiB for {many:,} tokens, {of_few / 1024:.0f} for {few:,}"
    return Figure(_GIBIBYTE / of_many, _GIBIBYTE / of_few, note)


def _measure(ground: Ground, name: str, algorithm: Algorithm) -> Figure:
    program = rust.build("kagimori-hsm", "import_seeds")
    vendor = _Vendor(ground.place(f"import-{name}", HOT_TOKENS, {}), name, algorithm)
    count = int(ground.rounds.seconds * _A_SECOND)
    door = turn_at_the_door(config.load(vendor.place.config).hsm)
    ordered = _order(vendor, ground.rounds.milliseconds)
    with rust.rounds_of(program, ordered, door) as bare_rate:
        return by_turns(ground.rounds, lambda: vendor.imported(count)[0], bare_rate)


def _order(vendor: _Vendor, round_ms: int) -> str:
    """Return what the program reads first: where the HSM is, and some of the vendor's seeds."""
    section = config.load(vendor.place.config).hsm
    hsm = hsm_of(section)
    seeds = pskc_bulk.wrapped_seeds(range(_SEEDS), vendor.algorithm, vendor.key)
    delivery = {
        "tenant": SERVICE_ID,
        "wrap_format": hsm.provider.wrap_format,
        "vendor": vendor.name,
        "algorithm": vendor.algorithm,
        "seeds": [list(seed) for seed in seeds],
        "mac_algorithm": "hmac-sha256",
        "mac_key_algorithm": vendor.algorithm,
        "mac_key": list(pskc_bulk.wrapped_mac_key(vendor.algorithm, vendor.key)),
    }
    assert section.importing is not None
    login = login_of(section.importing.partition, section.importing.pin)
    tables = {
        "canary": order.versioned_canary_table(order.canary_of(hsm, SERVICE_ID)),
        "importing": {"partition": login.label, "pin": login.pin},
        "delivery": delivery,
    }
    return order.of(hsm, {"round_ms": round_ms}, tables)
