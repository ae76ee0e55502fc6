# SPDX-License-Identifier: Apache-2.0
"""Whoever runs ``kagimori import-tokens``, and what a vendor gave him."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pexpect

from development import environment
from development.environment import ROOT, Environment, command, kagimori
from development.vendor import Device, make_device
from support.vendors.pskc_bulk import write_pskc as write_bulk

FLEET = [make_device(f"2V071601{number:04}") for number in range(3)]
SERIALS = [device.serial for device in FLEET]
ALL, NOTHING, SOME_LEFT_OUT, BROKE_OFF = 0, 1, 3, 4
"""Exit codes of the command."""

_ACCEPTS = '"HOST_TRANSIENT", "CELLS_PRINTED"]'
"""What abukuma accepts as the tenants' file is shipped."""


class Desk:
    """The administrator's: runs the command and looks at what it left behind."""

    def __init__(self, place: Environment) -> None:
        self.place = place

    # --- what vendors deliver ------------------------------------------------------

    def deliver(self, devices: list[Device], vendor: str = "kagi-cbc") -> Path:
        """Write a file with the devices' seeds."""
        return self.place.write_vendor_file(vendor, devices)

    def bulk(self, count: int) -> Path:
        """Let a vendor deliver many tokens under key wrap."""
        file = self.place.directory / "bulk.xml"
        key = self.place.transport_key("kagi-keywrap")
        write_bulk(file, count, algorithm="kw-aes256", vendor_key=key, mac=True)
        return file

    # --- the command ---------------------------------------------------------------

    def run(self, file: Path, *options: str | Path, vendor: str = "kagi-cbc") -> tuple[int, str]:
        """Import for abukuma; return the exit code and all that was said."""
        done = kagimori(*self.words(file, vendor), *options)
        return done.returncode, done.stdout + done.stderr

    def import_(self, file: Path, *options: str | Path) -> tuple[int, str]:
        """Import what only the host opens."""
        return self.run(file, "--allow-host-transient", *options)

    def terminal(
        self, file: Path, *options: str | Path, vendor: str = "kagi-cbc"
    ) -> pexpect.spawn[str]:
        """Run it at a terminal."""
        program, *rest = command(*self.words(file, vendor), *options)
        return pexpect.spawn(program, rest, encoding="utf-8", timeout=60, dimensions=(50, 200))

    def words(self, file: Path, vendor: str) -> tuple[str | Path, ...]:
        """Return the command and what every run names."""
        options = ("--config", self.place.config, "--tenant", "abukuma", "--vendor", vendor)
        return "import-tokens", file, *options

    # --- the tenant ----------------------------------------------------------------

    def let_abukuma_accept_clear_text(self) -> None:
        """Apply tenants of whom abukuma names CLEAR_TEXT, too."""
        shipped = ROOT / "config" / "tenants.toml"
        text = shipped.read_text()
        assert text.count(_ACCEPTS) == 1
        mine = self.place.directory / "tenants.toml"
        mine.write_text(text.replace(_ACCEPTS, _ACCEPTS.replace("]", ', "CLEAR_TEXT"]')))
        configuration = self.place.config.read_text()
        assert str(shipped) in configuration
        self.place.config.write_text(configuration.replace(str(shipped), str(mine)))
        applied = environment.apply_tenants(self.place)
        assert applied.returncode == 0, applied.stdout + applied.stderr

    # --- what it left behind -------------------------------------------------------

    def rows(self) -> list[tuple[object, ...]]:
        """Return all tokens, in the order of their serials."""
        return self._asked("SELECT * FROM tokens ORDER BY serial")

    def deliveries(self) -> list[tuple[object, ...]]:
        """Return all deliveries that were begun."""
        return self._asked("SELECT * FROM deliveries ORDER BY digest")

    def column(self, name: str) -> list[object]:
        """Return a column of all tokens, in the order of their serials."""
        # The names are the tests' own.
        return [row[0] for row in self._asked(f"SELECT {name} FROM tokens ORDER BY serial")]  # noqa: S608

    def stored(self) -> bytes:
        """Return every octet of the database, of its journals, too."""
        files = sorted(self.place.database.parent.glob("kagimori.db*"))
        return b"".join(path.read_bytes() for path in files)

    def _asked(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
            return database.execute(query).fetchall()


def key_of(device: Device, **more: object) -> dict[str, object]:
    """Return a device as python-pskc takes it; ``more`` are names of its own."""
    kind = "totp" if device.period else "hotp"
    moving = {"time_interval": device.period} if device.period else {"counter": device.counter}
    return {
        "id": device.serial,
        "serial": device.serial,
        "manufacturer": "KagiTech",
        "secret": device.seed,
        "algorithm": f"urn:ietf:params:xml:ns:keyprov:pskc:{kind}",
        "algorithm_suite": f"HMAC-{device.hash}",
        "response_length": device.digits,
        **moving,
        **more,
    }


def into_use(devices: list[Device]) -> list[str]:
    """Return the options that give each device to a customer of its own, in use at once."""
    bound = [f"{device.serial}=customer-{device.serial}" for device in devices]
    return ["--activate", *(word for pair in bound for word in ("--assign", pair))]
