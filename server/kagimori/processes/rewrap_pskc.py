# SPDX-License-Identifier: Apache-2.0
"""The rewrapping process: offline, alone with the seeds, and gone when the file is written."""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final, Literal, NoReturn

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from kagimori.adapters.draft import Draft, drafted, refuse_existing
from kagimori.adapters.pskc.file import ReadOptions, open_file
from kagimori.adapters.pskc.writer import PskcWriter
from kagimori.adapters.rewrapping import OneTimeWrapping, VendorSeeds
from kagimori.adapters.vault import harden_process
from kagimori.application.deliveries.rewrap import (
    RewrapCount,
    RewrapLine,
    RewrapRefused,
    rewrap,
)
from kagimori.application.deliveries.vendor_file import (
    Fault,
    Head,
    PasswordKey,
    PreSharedKey,
    VendorFile,
    VendorFileRefused,
    VendorToken,
)

_SHORTEST_RSA: Final = 3072
"""Bits, as the ceremony makes them."""
_COLUMNS: Final = ("serial", "line", "result", "reason", "detail")
_LONGEST_PEM: Final = 64 * 1024

Cipher = Literal["AES", "3DES"]


@dataclass(frozen=True, slots=True)
class RewrapRequest:
    """What the administrator asked for.

    ``recipient`` is the PEM file of the HSM's public key; ``sha256`` is what the
    vendor said of the source by another way, None if he did not. ``password`` is
    asked for only if the file needs one. ``report`` is a CSV file with a line for
    each token.
    """

    source: Path
    target: Path
    recipient: Path
    reading: ReadOptions
    password: Callable[[], str] = field(repr=False)
    sha256: bytes | None = None
    all_or_nothing: bool = False
    report: Path | None = None


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What came of it. ``digest`` is of the new file; None where none was written."""

    count: RewrapCount
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """A file that is open, and what is known of it before its key is entered.

    ``cipher`` is what the vendor's key is for; None where a password makes it.
    ``fingerprint`` is the SHA-256 of the recipient's key (DER).
    """

    request: RewrapRequest = field(repr=False)
    file: VendorFile
    cipher: Cipher | None
    fingerprint: bytes
    _recipient: RSAPublicKey = field(repr=False)

    def run(self, key: bytes | None, tell: Callable[[RewrapLine], None]) -> Rewrapped:
        """Write the new file and ``tell`` of each token.

        Raises `RewrapRefused` or `VendorFileRefused`; then nothing is left behind.
        """
        seeds = VendorSeeds(self.file.head, key)
        vendor = self.request.reading.vendor
        wrapping = OneTimeWrapping.to(self._recipient, vendor, seeds)
        try:
            with _reporting(self.request.report, tell) as told:
                return self._write(wrapping, told)
        except OSError as error:
            raise _cannot("WRITE", error, self.request.target) from None

    def _write(self, wrapping: OneTimeWrapping, tell: Callable[[RewrapLine], None]) -> Rewrapped:
        with drafted(self.request.target) as draft:
            writer = PskcWriter(draft, wrapping.head)
            count = rewrap(self.file, wrapping, writer, tell)
            writer.finish()
            held_back = self.request.all_or_nothing and count.refused
            wanted = count.rewrapped and not held_back
            return Rewrapped(count, draft.keep() if wanted else None)


@contextmanager
def opened(request: RewrapRequest) -> Iterator[Rewrapping]:
    """Harden this process, and open what ``request`` names; nothing is written yet.

    Raises `RewrapRefused` or `VendorFileRefused`.
    """
    harden_process()
    os.umask(0o077)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    for path in filter(None, (request.target, request.report)):
        try:
            refuse_existing(path)
        except OSError as error:
            raise _cannot("WRITE", error, path) from None
    recipient = _recipient(request.recipient)
    reading = _reading(request)
    with open_file(request.source, reading) as file:
        if request.sha256 is not None and not hmac.compare_digest(request.sha256, file.digest):
            detail = "the file's SHA-256 is not the one that was said"
            raise RewrapRefused("WRONG_DIGEST", detail)
        yield Rewrapping(request, file, _cipher(file), _fingerprint(recipient), recipient)


@contextmanager
def _reporting(
    path: Path | None, tell: Callable[[RewrapLine], None]
) -> Iterator[Callable[[RewrapLine], None]]:
    """Write what is told to a CSV file, too. It is kept unless all is given up."""
    if path is None:
        yield tell
        return
    with drafted(path) as draft:
        rows = csv.writer(_Encoded(draft))
        rows.writerow(_COLUMNS)

        def told(line: RewrapLine) -> None:
            result = "REFUSED" if line.reason else "REWRAPPED"
            rows.writerow((line.serial, line.line, result, line.reason, line.detail))
            tell(line)

        yield told
        draft.keep()


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A draft that takes text."""

    draft: Draft

    def write(self, text: str) -> None:
        self.draft.write(text.encode())


def _reading(request: RewrapRequest) -> ReadOptions:
    """Return how the file is to be read; the password is asked for if it needs one."""
    try:
        with open_file(request.source, request.reading):
            return request.reading
    except VendorFileRefused as refusal:
        if refusal.fault is not Fault.PASSWORD_NEEDED:
            raise
    return replace(request.reading, password=request.password())


def _cipher(file: VendorFile) -> Cipher | None:
    """Return what the vendor's key is for, as the head or the first token says."""
    if isinstance(file.head.encryption, PasswordKey):
        return None
    if not isinstance(file.head.encryption, PreSharedKey):
        detail = "only files under a pre-shared key or a password are rewrapped"
        raise RewrapRefused("UNSUPPORTED", detail)
    return "3DES" if _algorithm(file, file.head).startswith("tripledes") else "AES"


def _algorithm(file: VendorFile, head: Head) -> str:
    if head.mac is not None:
        return head.mac.key_algorithm
    tokens = (token for token in file.tokens() if isinstance(token, VendorToken))
    return next((token.seed.algorithm for token in tokens), "")


def _recipient(path: Path) -> RSAPublicKey:
    try:
        with path.open("rb") as file:
            key = load_pem_public_key(file.read(_LONGEST_PEM))
    except OSError as error:
        raise _cannot("READ", error, path) from None
    except ValueError:
        raise RewrapRefused("WRONG_RECIPIENT", f"not a public key in PEM: {path}") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_RSA:
        detail = f"not an RSA key of {_SHORTEST_RSA} bits or more: {path}"
        raise RewrapRefused("WRONG_RECIPIENT", detail)
    return key


def _fingerprint(key: RSAPublicKey) -> bytes:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).digest()


def _cannot(what: str, error: OSError, path: Path) -> RewrapRefused:
    named = error.filename or path
    return RewrapRefused(f"CANNOT_{what}", f"{error.strerror}: {named}")


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End as the signal would, but take the draft away first."""
    raise SystemExit(128 + number)
