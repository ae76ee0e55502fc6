# SPDX-License-Identifier: Apache-2.0
"""``kagimori-token``: the token app at a terminal."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its status."""
    # What gRPC has to say of a line is a sentence of ours, or nothing.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from kagimori_client.token.cli.app import run  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.exit("kagimori-token needs its extra: pip install 'kagimori-client[token]'")
    sys.exit(run(sys.argv[1:]))
