# SPDX-License-Identifier: Apache-2.0
"""Leaving a port that other processes go on serving (SO_REUSEPORT).

gRPC can close its listener only together with everything else, and then it
cancels the calls that clients sent before they had heard of it: one in a hundred
at full load. A process that has a successor goes in the opposite order. It shuts
its listening socket alone, serves until each of its connections has reached its
greatest age, when gRPC asks the client to leave and still answers what comes,
and stops when nobody is left.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOOK_EVERY: Final = 0.1
_DESCRIPTORS: Final = Path("/proc/self/fd")


def close(port: int) -> None:
    """Take no new connection at ``port``; those that are open stay.

    Where ``net.ipv4.tcp_migrate_req`` is 1 the kernel hands connections that
    are not accepted yet to the other listeners; elsewhere it resets them.
    """
    for held in _sockets(port):
        if held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            held.shutdown(socket.SHUT_RD)


async def empty(port: int, seconds: float) -> bool:
    """Return whether the last connection at ``port`` has ended within ``seconds``."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + seconds
    while any(map(_is_connected, _sockets(port))):
        if loop.time() > give_up:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True


def _is_connected(held: socket.socket) -> bool:
    try:
        held.getpeername()
    except OSError:
        return False
    return True


def _sockets(port: int) -> Iterator[socket.socket]:
    """Yield this process's TCP sockets at the local ``port``, each until the next."""
    for entry in list(_DESCRIPTORS.iterdir()):
        # Between two looks a descriptor may be closed, or be another's.
        with suppress(OSError):
            if not entry.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as held:
                if _is_tcp(held) and held.getsockname()[1] == port:
                    yield held


def _is_tcp(held: socket.socket) -> bool:
    return held.type == socket.SOCK_STREAM and held.family in (socket.AF_INET, socket.AF_INET6)
