# SPDX-License-Identifier: Apache-2.0
"""Tells a service manager that its service is ready (sd_notify(3))."""

from __future__ import annotations

import os
import socket


def say_ready() -> None:
    """Send READY=1 to NOTIFY_SOCKET, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        # A leading @ stands for the NUL of an abstract address.
        manager.sendto(b"READY=1", address.replace("@", "\0", 1))
