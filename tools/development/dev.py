# SPDX-License-Identifier: Apache-2.0
"""``make dev``: a development authority that serves until Ctrl-C.

The first run holds the ceremony and imports one customer's token; later runs
go on with what is there. ``make clean`` forgets it.
"""

from __future__ import annotations

import signal
import subprocess
import sys

from development import environment
from development.curl import LISTEN, SEED_FILE, SERIAL, SUBSCRIBER, curl_line
from development.environment import ROOT, SHIPPED, Environment, command, kagimori
from development.vendor import make_device


def main() -> int:
    """Prepare what is missing, then serve in the foreground."""
    directory = ROOT / SHIPPED
    if not (directory / "ready").exists():
        _prepare(environment.prepare(directory, LISTEN))
    print(f"\nCertificates and keys: {SHIPPED}/certificates")
    print(f"A customer's token:    {SERIAL} (seed in {SEED_FILE})")
    print(f"\nTry, in another terminal:\n\n{curl_line()}\n")
    serving = command("serve", "--config", ROOT / "config" / "development.toml")
    with subprocess.Popen(serving, cwd=ROOT) as server:
        # Whoever ends this process ends the server, which then drains.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.terminate())
        return server.wait()


def _prepare(place: Environment) -> None:
    _must(kagimori("ceremony", ROOT / "softhsm" / "ceremony.toml", capture_output=False))
    _must(kagimori("database", "--config", place.config, capture_output=False))
    _must(environment.apply_tenants(place))
    device = make_device(SERIAL)
    seed_file = ROOT / SEED_FILE
    seed_file.parent.mkdir(exist_ok=True)
    seed_file.touch(mode=0o600)
    seed_file.write_text(device.seed.hex())
    vendor_file = place.write_vendor_file("kagi-keywrap", [device])
    options = ("--config", place.config, "--tenant", "abukuma", "--vendor", "kagi-keywrap")
    binding = ("--assign", f"{SERIAL}={SUBSCRIBER}", "--activate")
    _must(kagimori("import-tokens", vendor_file, *options, *binding, capture_output=False))
    (place.directory / "ready").touch()


def _must(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
