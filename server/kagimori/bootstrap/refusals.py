# SPDX-License-Identifier: Apache-2.0
"""How a process refuses to start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kagimori.adapters.sql.database import DatabaseRefused
from kagimori.adapters.vault import VaultRefused


class StartError(Exception):
    """The process must not start; the message says what to mend."""


class LoginRefused(StartError):
    """The HSM refused the PIN. Nobody tries it again before the configuration is mended."""


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what HSM or database refuse at the start into a `StartError`."""
    try:
        yield
    except (VaultRefused, DatabaseRefused) as refusal:
        if "CKR_PIN_" in str(refusal):
            # Whoever mends it should know that nothing will try the PIN meanwhile.
            raise LoginRefused(f"{refusal}; the PIN was tried once") from None
        raise StartError(str(refusal)) from None
