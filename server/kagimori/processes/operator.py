# SPDX-License-Identifier: Apache-2.0
"""Who runs this process, for the audit log."""

from __future__ import annotations

import os
import pwd


def operator() -> str:
    """Return the user of the operating system that this process runs as."""
    user = os.getuid()
    try:
        return f"os-user:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"os-user:{user}"
