# SPDX-License-Identifier: Apache-2.0
"""What a supervisor and a worker say to each other, over a pair of sockets.

One word a line. Its end tells either side that the other is gone, however that
came about: no signal, no process id, nothing that could be somebody else's.
"""

from __future__ import annotations

import enum


class WorkerWord(enum.StrEnum):
    """What a worker says."""

    SERVING = "serving"
    RECYCLE = "recycle"
    """It has opened its fill of seeds, and wishes to be replaced."""
    HUNG = "hung"
    """A PKCS#11 call hangs: it is about to end."""


class SupervisorWord(enum.StrEnum):
    """What a supervisor says."""

    RETIRE = "retire"
    """A successor serves: take no new connection, and end when the old ones have."""


def line_of(word: WorkerWord | SupervisorWord) -> bytes:
    """Return the ``word`` as it is sent."""
    return f"{word}\n".encode("ascii")
