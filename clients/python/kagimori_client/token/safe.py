# SPDX-License-Identifier: Apache-2.0
"""One token in one file: a cover that can be read, and a body under a passphrase.

JSON, canonical, ``{"header": {...}, "sealed": base64}``. The header holds the
format's name and version, the cover, the cost and salt of scrypt (RFC 7914) and
the nonce of AES-256-GCM, whose associated data it is, octet for octet.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kagimori_client.token.errors import FileTaken, UnknownVersion, WrongPassphrase
from kagimori_client.token.fields import is_line

FORMAT: Final = "kagimori-token"
VERSION: Final = 1
_SALT_OCTETS: Final = 16
_NONCE_OCTETS: Final = 12
_LARGEST_FILE: Final = 65536
_MOST_PASSES: Final = 16
_MOST_MEMORY: Final = 2**28


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess at the passphrase costs: scrypt's parameters (RFC 7914 §2)."""

    n: int = 2**15
    r: int = 8
    p: int = 1

    def is_bearable(self) -> bool:
        """Say whether a file may ask for it: at most 256 MiB, and not for ever."""
        memory = 128 * self.n * self.r
        return self.n > 1 and self.r > 0 and 0 < self.p <= _MOST_PASSES and memory <= _MOST_MEMORY


USUAL: Final = Cost()


@dataclass(frozen=True, slots=True)
class Cover:
    """What is told without the passphrase: enough to choose a token, no more.

    Before the file is unlocked nobody vouches for it. ``issuer`` is empty until
    the set-up is finished.
    """

    service_id: str
    issuer: str = ""
    label: str | None = None
    finished: bool = False


class Safe:
    """A token's file while it is unlocked. The passphrase itself is not kept."""

    def __init__(self, path: Path, cost: Cost, salt: bytes, key: bytes) -> None:
        """Use `create` or `unlock`."""
        self.path = path
        self._cost, self._salt, self._key = cost, salt, key

    @classmethod
    def create(cls, path: Path, passphrase: str, cost: Cost = USUAL) -> Self:
        """Prepare a new file, or raise `FileTaken`; nothing is written yet."""
        if path.exists():
            raise FileTaken
        salt = secrets.token_bytes(_SALT_OCTETS)
        return cls(path, cost, salt, _key(passphrase, cost, salt))

    @classmethod
    def unlock(cls, path: Path, passphrase: str) -> tuple[Self, Cover, bytes]:
        """Return the safe, its cover, vouched for, and its body.

        Raise `WrongPassphrase`, also for a file that was changed anywhere,
        `UnknownVersion`, or `OSError`.
        """
        parsed = _parse(path)
        key = _key(passphrase, parsed.cost, parsed.salt)
        try:
            body = AESGCM(key).decrypt(parsed.nonce, parsed.sealed, parsed.header)
        except InvalidTag:
            raise WrongPassphrase from None
        return cls(path, parsed.cost, parsed.salt, key), parsed.cover, body

    def write(self, cover: Cover, body: bytes) -> None:
        """Put ``body`` and its ``cover`` into the file: all, durably, or nothing."""
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        header = {
            "format": FORMAT,
            "version": VERSION,
            "cover": asdict(cover),
            "scrypt": asdict(self._cost) | {"salt": self._salt.hex()},
            "nonce": nonce.hex(),
        }
        sealed = AESGCM(self._key).encrypt(nonce, body, _canonical(header))
        _replace(self.path, _file(header, sealed))


def look(path: Path) -> Cover:
    """Return what the cover of the file at ``path`` says, without a passphrase.

    Raise `WrongPassphrase` for what is no token's file, `UnknownVersion` or
    `OSError`.
    """
    return _parse(path).cover


@dataclass(frozen=True, slots=True)
class _Parsed:
    header: bytes
    cover: Cover
    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes = field(repr=False)


def _parse(path: Path) -> _Parsed:
    with path.open("rb") as file:
        octets = file.read(_LARGEST_FILE + 1)
    try:
        outer = json.loads(octets)
        header = outer["header"]
        _check_version(header)
        sealed = base64.b64decode(outer["sealed"], validate=True)
        if octets != _file(header, sealed):
            # The same values in other octets: nobody but a tamperer writes them.
            raise WrongPassphrase
        return _parsed(header, sealed)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise WrongPassphrase from None


def _check_version(header: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    version = header["version"]
    if header["format"] == FORMAT and type(version) is int and version != VERSION:
        raise UnknownVersion(version)


def _parsed(header: dict[str, Any], sealed: bytes) -> _Parsed:
    asked = dict(header["scrypt"])
    salt = bytes.fromhex(asked.pop("salt"))
    cost = Cost(**asked)
    if not all(type(number) is int for number in asked.values()) or not cost.is_bearable():
        raise WrongPassphrase
    nonce = bytes.fromhex(header["nonce"])
    if len(nonce) != _NONCE_OCTETS:
        raise WrongPassphrase
    return _Parsed(_canonical(header), _cover(header["cover"]), cost, salt, nonce, sealed)


def _cover(told: dict[str, Any]) -> Cover:
    """Return a cover that can be put on a terminal, whoever wrote it."""
    cover = Cover(**told)
    shown = (cover.service_id, cover.issuer, cover.label or "")
    if type(cover.finished) is not bool or not all(map(is_line, shown)):
        raise WrongPassphrase
    return cover


def _file(header: dict[str, Any], sealed: bytes) -> bytes:
    return _canonical({"header": header, "sealed": base64.b64encode(sealed).decode()}) + b"\n"


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _key(passphrase: str, cost: Cost, salt: bytes) -> bytes:
    try:
        scrypt = Scrypt(salt=salt, length=32, n=cost.n, r=cost.r, p=cost.p)
    except ValueError:  # such as an n that is no power of two
        raise WrongPassphrase from None
    return scrypt.derive(passphrase.encode())


def _replace(path: Path, octets: bytes) -> None:
    """Write a file of the owner's alone beside ``path``, then put it in its place."""
    with _temporary(path) as (descriptor, temporary):
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    sync_directory(path.parent)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[int, Path]]:
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        yield descriptor, Path(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make a rename or a removal in ``directory`` durable, where the system can."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:  # Windows opens no directories
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
