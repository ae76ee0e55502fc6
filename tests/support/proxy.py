# SPDX-License-Identifier: Apache-2.0
"""A wire to PostgreSQL that can be cut where it hurts: around COMMIT."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final, Self

# A simple query of the frontend/backend protocol: type, length, text.
_COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_CHUNK: Final = 1 << 16


class Proxy:
    """Passes a local port on to a server's; a context manager.

    ``cuts`` counts the wires that were cut at a COMMIT.
    """

    def __init__(self, server: int) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self._wires: list[_Wire] = []
        self.before_commit = threading.Event()
        self.after_commit = threading.Event()
        self.silent = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        # A thread that waits in accept() is not woken by close().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut all wires there are."""
        for wire in self._wires:
            wire.cut()

    def losing_replies_to_commits(self) -> contextlib.AbstractContextManager[None]:
        """Let commits happen; cut the wire instead of their replies."""
        return _set(self.after_commit)

    def losing_commits(self) -> contextlib.AbstractContextManager[None]:
        """Cut the wire instead of passing a commit on."""
        return _set(self.before_commit)

    def swallowing(self) -> contextlib.AbstractContextManager[None]:
        """Pass nothing on in either direction, and say nothing of it."""
        return _set(self.silent)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._server))
                except OSError:
                    client.close()
                    continue
                self._wires.append(_Wire(self, client, server))


class _Wire:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._in_doubt = False
        for pump in (self._ask, self._answer):
            threading.Thread(target=self._until_cut, args=(pump,), daemon=True).start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _until_cut(self, pump: Callable[[], bool]) -> None:
        with contextlib.suppress(OSError):
            while pump():
                pass
        self.cut()

    def _ask(self) -> bool:
        """Pass one message to the server; False ends the wire."""
        message = self._client.recv(_CHUNK)
        if self._proxy.silent.is_set():
            return bool(message)
        if _COMMIT in message:
            if self._proxy.before_commit.is_set():
                self._proxy.cuts += 1
                return False
            self._in_doubt = self._proxy.after_commit.is_set()
        self._server.sendall(message)
        return bool(message)

    def _answer(self) -> bool:
        """Pass one message to the client; False ends the wire."""
        message = self._server.recv(_CHUNK)
        if self._in_doubt:
            self._proxy.cuts += 1
            return False
        if not self._proxy.silent.is_set():
            self._client.sendall(message)
        return bool(message)


@contextlib.contextmanager
def _set(event: threading.Event) -> Iterator[None]:
    event.set()
    try:
        yield
    finally:
        event.clear()
