# SPDX-License-Identifier: Apache-2.0
"""``make dev``: a development authority that serves until Ctrl-C.

The first run holds the ceremony and imports one customer's token; later runs
go on with what is there. ``make clean`` forgets it. The apps' door and the post
run beside the server, and letters are shown where it runs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage

from development import environment
from development.curl import LISTEN, SEED_FILE, SERIAL, SUBSCRIBER, curl_line, issue_line
from development.environment import ROOT, SHIPPED, Environment, command, kagimori
from development.mailbox import Mailbox
from development.vendor import make_device

CONFIG = ROOT / "config" / "development.toml"
PROFILE = f"{SHIPPED}/authority.toml"
APPS = "127.0.0.1:7444"
MAIL_PORT = 2525
NEW_LINE = f".venv/bin/kagimori-token new かけしん --authority {PROFILE}"
STOCK_LINE = ".venv/bin/kagimori tokens list --config config/development.toml --tenant abukuma"


def main() -> int:
    """Prepare what is missing, then serve in the foreground."""
    directory = ROOT / SHIPPED
    if not (directory / "ready").exists():
        _prepare(environment.prepare(directory, LISTEN))
    _tell()
    with Mailbox(MAIL_PORT, _show), ExitStack() as beside:
        server = subprocess.Popen(_command("serve"), cwd=ROOT)
        for word in ("provision", "mail"):
            beside.enter_context(_running(subprocess.Popen(_command(word), cwd=ROOT)))
        # Whoever ends this process ends the server, which then drains.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.terminate())
        return server.wait()


def _command(word: str) -> list[str]:
    return command(word, "--config", CONFIG)


@contextmanager
def _running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _tell() -> None:
    print(f"\nCertificates and keys: {SHIPPED}/certificates")
    print(f"A customer's token:    {SERIAL} (seed in {SEED_FILE})")
    print(f"\nTry, in another terminal:\n\n{curl_line()}\n")
    print(f"or issue a software token, whose letter is shown here:\n\n{issue_line()}\n")
    print(f"and set it up with 480613:\n\n.venv/bin/kagimori-token setup --authority {PROFILE}\n")
    print(f"or make a token with a serial number, as its bank's customers do:\n\n{NEW_LINE}\n")
    print(f"or look at the hardware tokens, as an operator does:\n\n{STOCK_LINE}\n")


def _show(letter: EmailMessage) -> None:
    text = f"To: {letter['To']}\nSubject: {letter['Subject']}\n\n{letter.get_content()}"
    print(f"\n--- a letter has arrived\n{text}---\n", flush=True)


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
    profile = ("--target", APPS, "--ca", place.certificates / "ca.pem")
    made = kagimori("app-profile", "--config", place.config, *profile)
    _must(made)
    (ROOT / PROFILE).write_text(made.stdout)
    (place.directory / "ready").touch()


def _must(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
