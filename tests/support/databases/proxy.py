# SPDX-License-Identifier: Apache-2.0
"""A wire to PostgreSQL that can be cut where it hurts: around COMMIT."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final, Self

# Messages of the frontend/backend protocol: type, length, and for a Parse a name
# before the text. A simple query has the text alone.
_COMMIT: Final = re.compile(rb"(?s:P....[^\0]*\0|Q....)COMMIT\0")
# A startup message has no type. The others are those that a server answers to at
# once: Sync, Query, Flush, a password, Terminate.
_LAST_OF_A_REQUEST: Final = b"\0SQHpX"
# CommandComplete, and ReadyForQuery outside of any transaction.
_COMMITTED: Final = b"C\x00\x00\x00\x0bCOMMIT\x00Z\x00\x00\x00\x05I"
_READY: Final = re.compile(rb"(?s:Z\x00\x00\x00\x05.\Z)")
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


class _Requests:
    """Finds the requests in what a client sends, wherever TCP has parted it.

    A request is what the server answers to together; many messages may be one.
    """

    def __init__(self) -> None:
        self._received = b""
        self._request: list[bytes] = []

    def ended_by(self, received: bytes) -> Iterator[list[bytes]]:
        """Return the messages of each request that is there as a whole now."""
        self._received += received
        while (length := self._length()) is not None and length <= len(self._received):
            message, self._received = self._received[:length], self._received[length:]
            self._request.append(message)
            if message[0] in _LAST_OF_A_REQUEST:
                request, self._request = self._request, []
                yield request

    def _length(self) -> int | None:
        """Return how long the next message is; None while it does not say so."""
        kind = 0 if self._received[:1] == b"\0" else 1
        length = self._received[kind : kind + 4]
        return kind + int.from_bytes(length) if len(length) == 4 else None


class _Wire:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._requests = _Requests()
        self._in_doubt = False
        self._withheld = b""
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
        """Pass what comes on to the server, by whole requests; False ends the wire."""
        received = self._client.recv(_CHUNK)
        if self._proxy.silent.is_set():
            return bool(received)
        for request in self._requests.ended_by(received):
            if any(_COMMIT.match(message) for message in request):
                if self._proxy.before_commit.is_set():
                    self._proxy.cuts += 1
                    return False
                self._in_doubt = self._proxy.after_commit.is_set()
            self._server.sendall(b"".join(request))
        return bool(received)

    def _answer(self) -> bool:
        """Pass what comes on to the client; False ends the wire."""
        received = self._server.recv(_CHUNK)
        if self._in_doubt and received:
            return self._answer_in_doubt(received)
        if not self._proxy.silent.is_set():
            self._client.sendall(received)
        return bool(received)

    def _answer_in_doubt(self, received: bytes) -> bool:
        """Withhold an answer to its end; False if it says that the commit has happened."""
        self._withheld += received
        if self._withheld.endswith(_COMMITTED):
            self._proxy.cuts += 1
            return False
        if _READY.search(self._withheld, max(0, len(self._withheld) - 6)):
            # The server has come to no commit, and the client is to know.
            answer, self._withheld, self._in_doubt = self._withheld, b"", False
            self._client.sendall(answer)
        return True


@contextlib.contextmanager
def _set(event: threading.Event) -> Iterator[None]:
    event.set()
    try:
        yield
    finally:
        event.clear()
