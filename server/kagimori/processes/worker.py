# SPDX-License-Identifier: Apache-2.0
"""One of many serving processes: ``python -m kagimori.processes.worker``.

Started by a supervisor, never by hand: ``--line`` is the file descriptor of the
socket on which the two speak (`kagimori.processes.line`).
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from kagimori.processes.serve import main


def work() -> int:
    """Serve until the supervisor says otherwise, or is gone."""
    parser = argparse.ArgumentParser(prog="kagimori worker")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--line", type=int, required=True)
    arguments = parser.parse_args()
    return main(arguments.config, socket.socket(fileno=arguments.line))


if __name__ == "__main__":
    sys.exit(work())
