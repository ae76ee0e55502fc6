# SPDX-License-Identifier: Apache-2.0
"""oathtool: codes that nothing of ours has computed."""

from __future__ import annotations

import subprocess


def cell_of(seed: bytes, place: int) -> str:
    """Return what a card of ``seed`` shows at ``place``: a code's last four digits."""
    told = subprocess.run(
        ["oathtool", "--hotp", "--digits=6", f"--counter={place}", seed.hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.strip()[-4:]
