# SPDX-License-Identifier: Apache-2.0
"""The demo's deliveries: vendors' files, on their way into Abukuma's stock.

The files are python-pskc's, or what ``kagimori rewrap-pskc`` makes of one.
"""

from __future__ import annotations

import contextlib
import csv
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from development import environment
from development.environment import Environment, command, kagimori
from development.stage import Stage
from development.vendor import (
    Device,
    damage,
    make_device,
    write_pskc,
    write_pskc_under_password,
)

ABUKUMA: Final = "20160003"

KINDS = (
    "KGTD00000101", "KGTD00000102", "KGTD00000103", "KGTD00000104", "KGTD00000105",
    "KGTD00000201", "KGTD00000202", "KGTD00000203", "KGTD00000204", "KGTD00000301",
    "KGTF00002000",
)  # fmt: skip
"""Tokens that show one code each, of every kind and from every file."""
UNBOUND = "KGTD00000109"
DAMAGED = "KGTD00000111"
POCKET = "KGTD00000205"
HANDED_OUT = "KGTD00000206"
EXPIRING = "KGTD00000207"
FAST_CLOCK = "KGTD00000208"
OLD_BATTERY = "KGTD00000209"
BROKEN = "KGTD00000210"

_NOW = datetime.now(UTC).replace(microsecond=0)
CBC_DEVICES = [
    make_device("KGTD00000101"),
    make_device("KGTD00000102", "SHA256", digits=8, period=60),
    make_device("KGTD00000103", "SHA512", digits=8, period=30),
    make_device("KGTD00000104", digits=8, period=60),
    make_device("KGTD00000105", period=0),
    make_device("KGTD00000106"),
    make_device("KGTD00000107"),
    make_device("KGTD00000108"),
    make_device(UNBOUND),
    make_device("KGTD00000110"),
    make_device(DAMAGED),
]
KEYWRAP_DEVICES = [
    make_device("KGTD00000201"),
    make_device("KGTD00000202", "SHA256"),
    make_device("KGTD00000203", "SHA512", digits=8, period=60),
    make_device("KGTD00000204", period=0, counter=41, digits=8),
    make_device(POCKET, period=0),
    make_device(HANDED_OUT, period=60),
    replace(make_device(EXPIRING), expires=_NOW + timedelta(days=30)),
    replace(make_device(FAST_CLOCK), drift=9),
    replace(make_device(OLD_BATTERY), made=_NOW - timedelta(days=6 * 365)),
    make_device(BROKEN),
]
PASSWORD_DEVICES = [make_device("KGTD00000301")]
FLEET_SIZE = 2000
FLEET = [make_device(f"KGTF{number:08d}") for number in range(1, FLEET_SIZE + 1)]
IN_HAND = [*CBC_DEVICES, *KEYWRAP_DEVICES, *PASSWORD_DEVICES, FLEET[-1]]
IN_STOCK = frozenset({UNBOUND, DAMAGED, HANDED_OUT, BROKEN})

Words = tuple[str | Path, ...]

CBC = ("--vendor", "kagi-cbc")
HOST = "--allow-host-transient"
ALL_IN, SOME_LEFT_OUT = 0, 3
"""Exit codes of ``kagimori import-tokens``."""


def import_vendor_files(stage: Stage, place: Environment) -> None:
    """Bring small files in; most of the tokens go to a customer at once."""
    stage.scene("3. Vendors' seed files (PSKC, RFC 6030) for abukuma")
    made = kagimori("database", "--config", place.config)
    stage.check("the database is made", holds=not made.returncode)
    applied = environment.apply_tenants(place)
    stage.say(applied.stdout.splitlines()[-1])
    stage.check("the tenants are applied", holds=applied.returncode == 0)
    a_damaged_token(stage, place)
    seeds_that_open_in_the_hsm(stage, place)
    a_file_under_a_password(stage, place)


def a_damaged_token(stage: Stage, place: Environment) -> None:
    """Import a CBC file with one bad token: asked for, dry, in earnest, and again."""
    file = place.write_vendor_file("kagi-cbc", CBC_DEVICES)
    damage(file, DAMAGED)
    refused = importing(place, file, *CBC)
    stage.check(
        "AES-CBC, which only a host can open: not unless it is asked for",
        holds=refused.returncode == 1 and "HOST_TRANSIENT_NOT_ALLOWED" in refused.stderr,
    )
    stage.say(refused.stderr)
    dry = importing(place, file, *CBC, HOST, "--dry-run")
    stage.say(dry.stdout + dry.stderr)
    stage.check("--dry-run: one token is damaged", holds=dry.returncode == SOME_LEFT_OUT)
    stage.check("   ... and nothing was written", holds=tokens_in(place) == 0)
    report = place.directory / "report.csv"
    words: Words = (*CBC, HOST, "--report", report, *assignments(CBC_DEVICES))
    done = importing(place, file, *words)
    stage.say(last_line(done))
    stage.check("the same in earnest: the others come in", holds=done.returncode == SOME_LEFT_OUT)
    (bad,) = (line for line in lines_of(report) if line["result"] == "REFUSED")
    stage.check("   ... the report says why", holds=bad["serial"] == DAMAGED, shown=bad["reason"])
    before = whole_stock(place)
    again = importing(place, file, *words)
    stage.say(last_line(again))
    unchanged = again.returncode == SOME_LEFT_OUT and whole_stock(place) == before
    stage.check("the same again: nothing changes", holds=unchanged)


def seeds_that_open_in_the_hsm(stage: Stage, place: Environment) -> None:
    """Import a file under AES key wrap: no seed enters the host's memory."""
    file = place.write_vendor_file("kagi-keywrap", KEYWRAP_DEVICES)
    words: Words = ("--vendor", "kagi-keywrap", *assignments(KEYWRAP_DEVICES))
    done = importing(place, file, *words)
    stage.say(done.stdout + done.stderr)
    stage.check("kw-aes256: unwrapped in the HSM", holds=done.returncode == ALL_IN)


def a_file_under_a_password(stage: Stage, place: Environment) -> None:
    """Import a file whose key comes of a password (PBKDF2)."""
    file = place.directory / "vendors" / "under-password.pskcxml"
    secret = place.directory / "vendors" / "password.txt"
    write_pskc_under_password(file, PASSWORD_DEVICES, "Kirschblüte 7")
    secret.write_text("Kirschblüte 8\n", encoding="utf-8")
    words: Words = (*CBC, HOST, "--password-file", secret, *assignments(PASSWORD_DEVICES))
    wrong = importing(place, file, *words)
    stage.check("under a password (PBKDF2), mistyped: refused", holds=wrong.returncode == 1)
    stage.say(wrong.stderr)
    secret.write_text("Kirschblüte 7\n", encoding="utf-8")
    done = importing(place, file, *words)
    stage.say(last_line(done))
    stage.check("   ... typed rightly", holds=done.returncode == ALL_IN)


def rewrap_and_resume(stage: Stage, place: Environment) -> None:
    """Make a CBC file one that the HSM opens; kill its import halfway, and resume it."""
    stage.scene(f"4. {len(FLEET):,} tokens in CBC: rewrapped away from the authority, and imported")
    source = place.directory / "vendors" / "fleet.pskcxml"
    target = place.directory / "vendors" / "fleet-rewrapped.pskcxml"
    write_pskc(source, FLEET, place.transport_key("kagi-cbc"), "aes128-cbc")
    done = kagimori(
        *("rewrap-pskc", source, target, "--vendor", "kagi-onetime"),
        *("--to", place.public_half("kagi-onetime", "onetime")),
        *("--key-file", place.directory / "vendors" / "kagi-cbc.hex"),
    )
    stage.say(done.stdout + done.stderr)
    stage.check("rewrapped: the HSM alone opens it now", holds=done.returncode == 0)
    words: Words = ("--vendor", "kagi-onetime", *assignments(FLEET[-1:]))
    before = tokens_in(place)
    killed_at = kill_halfway(import_line(place, target, *words), place, before)
    in_time = 0 < killed_at < len(FLEET)
    stage.check("kill -9 halfway", holds=in_time, shown=f"{killed_at:,} tokens are in")
    resumed = importing(place, target, *words)
    stage.say(resumed.stdout + resumed.stderr)
    stage.check("the same command again: it goes on", holds=resumed.returncode == ALL_IN)
    exactly = asked(
        place,
        "SELECT count(*), count(DISTINCT serial), min(custody) FROM tokens WHERE serial LIKE ?",
        "KGTF%",
    )
    all_in = exactly == [(len(FLEET), len(FLEET), "UNWRAPPED_IN_HSM")]
    stage.check("   ... and all are in, each once", holds=all_in, shown=f"{exactly[0][0]:,} tokens")


def kill_halfway(line: list[str], place: Environment, before: int) -> int:
    """Kill the import once the first tokens are in; return how many are."""
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while tokens_in(place) == before and running.poll() is None:
            time.sleep(0.002)
        running.kill()
    return tokens_in(place) - before


def importing(
    place: Environment, file: Path, *words: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run ``kagimori import-tokens`` for abukuma to its end."""
    return kagimori(*_import_words(place, file), *words)


def import_line(place: Environment, file: Path, *words: str | Path) -> list[str]:
    """Return the command line of the same."""
    return command(*_import_words(place, file), *words)


def _import_words(place: Environment, file: Path) -> tuple[str | Path, ...]:
    return "import-tokens", file, "--config", place.config, "--tenant", "abukuma"


def assignments(devices: Iterable[Device]) -> Iterator[str]:
    """Yield the options that give the devices to customers, in use at once, but for the stock."""
    for device in devices:
        if device.serial not in IN_STOCK:
            yield from ("--assign", f"{device.serial}=customer-{device.serial[-4:]}")
    yield "--activate"


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return how an import ended, in its own words."""
    return done.stdout.splitlines()[-1] if done.stdout else done.stderr


def lines_of(report: Path) -> list[dict[str, str]]:
    """Return what an import reported of each serial."""
    with report.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def tokens_in(place: Environment) -> int:
    """Return how many tokens the database has."""
    return int(asked(place, "SELECT count(*) FROM tokens")[0][0])


def whole_stock(place: Environment) -> list[tuple[Any, ...]]:
    """Return all that the database has of its tokens."""
    return asked(place, "SELECT * FROM tokens ORDER BY serial")


def asked(place: Environment, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Look into the database beside whoever works in it."""
    with contextlib.closing(sqlite3.connect(place.database, timeout=10)) as database:
        return database.execute(query, values).fetchall()
