# SPDX-License-Identifier: Apache-2.0
"""Types of the Rust extension. ``make lint`` checks them against the build.

Every call that reaches the HSM lets the interpreter go. No value of this
module's classes shows a code, a PIN or key material in its repr.
"""

from asyncio import Future
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias, final

__all__ = [
    "Bell",
    "Canary",
    "DeliveryKeys",
    "EnvelopeError",
    "Finding",
    "HsmError",
    "ImportVault",
    "Partition",
    "PolicyError",
    "Provider",
    "RowTampered",
    "Sealed",
    "SearchFailure",
    "SearchJob",
    "SeedError",
    "SqliteConnection",
    "SqliteError",
    "TokenRow",
    "Vault",
    "harden",
    "hotp",
    "ocra",
]

class HsmError(Exception):
    """A PKCS#11 call failed.

    ``args`` is ``(message, function, rv, recovery)``: which function returned
    which code (``"C_Sign"``, ``"CKR_DEVICE_ERROR"``), and what can help:
    ``"session"``, ``"login"``, ``"object"``, ``"device"`` (trying again can
    help), ``"fatal"`` (it cannot), ``"busy"`` (no session came free in time),
    ``"hung"`` (a call of this process does not return).
    """

class RowTampered(Exception):
    """A token's row fails its MAC, names a key that is none of ours, or opens no seed."""

class SeedError(Exception):
    """A vendor's seed cannot be taken over. ``args`` is ``(reason, detail)``."""

class EnvelopeError(Exception):
    """A phone's envelope does not hold what it must. ``args`` is ``(index, detail)``."""

class PolicyError(Exception):
    """The key policy or the ceremony record is not what it must be."""

class SqliteError(Exception):
    """SQLite refused. ``args`` is ``(message, kind)``.

    The message names tables and columns and quotes no value. The kind is
    ``"busy"`` (another connection is in the way, the same may succeed later),
    ``"constraint"``, ``"commit"`` (it is not known whether the commit happened) or
    ``"failure"``.
    """

@final
class Bell:
    """How an event loop hears that threads of the extension are done.

    They never take the interpreter: on a busy server they would wait for it
    longer than most of their work takes.
    """

    def __new__(cls) -> Self: ...
    def fileno(self) -> int:
        """Return what becomes readable when the bell rings."""

    def collect(self) -> None:
        """Give futures their results, and silence the bell."""

@final
class TokenRow:
    """What a row MAC covers, and the MAC. Frozen.

    ``factor`` is TIME or EVENT, ``hash`` SHA1, SHA256 or SHA512; ``subscriber``
    is empty while in stock. Raises ValueError for a word it does not know, and
    OverflowError for a number that no row has.
    """

    def __new__(
        cls,
        tenant: str,
        token_id: str,
        serial: str,
        subscriber: str,
        kind: str,
        purpose: str,
        factor: str,
        hash: str,
        digits: int,
        period: int,
        t0: int,
        custody: str,
        seed_length: int,
        key_version: int,
        wrap_format: str,
        blob: bytes,
        mac: bytes,
    ) -> Self: ...

@final
class SearchJob:
    """One window to search, or one signature to check.

    Steps are inclusive; ``spent`` is tried last.

    With ``second`` the window is of the first of two consecutive codes, and the
    answer is the step of the second one. Raises ValueError or OverflowError for
    steps that are no window.
    """

    def __new__(
        cls,
        row: TokenRow,
        first: int,
        predicted: int,
        last: int,
        spent: int | None,
        code: str,
        second: str | None = None,
    ) -> Self: ...
    @staticmethod
    def signature(
        row: TokenRow,
        suite: str,
        question: str,
        code: str,
        steps: tuple[int, int, int] | None,
        *,
        own_question: str | None = None,
        counter: int | None = None,
        password_hash: bytes | None = None,
        session: bytes | None = None,
    ) -> SearchJob:
        """Ask whether ``code`` is the row's response to ``question`` (RFC 6287).

        ``steps`` are the first, the predicted and the last time step that may be meant,
        of a suite that has a time; of one that has none, the counters. The answer is the
        one that has the code; without steps it is 0. ``own_question`` is that of whoever
        computes, where both parties ask. The row is one for signatures: any other fails
        with `RowTampered`, and so does this one where a window is searched.

        Raises ValueError for what is no suite, and for inputs or a code that do not fit
        it, without quoting them; OverflowError for numbers that are none of 64 bits.
        """

@final
class SearchFailure:
    """A search that was broken off.

    ``evaluated`` counts the codes that the HSM computed, or may have computed.
    """

    error: HsmError | RowTampered
    evaluated: int

@final
class Canary:
    """A canary of the ceremony: a sealed seed, a challenge and its HMAC-SHA256."""

    def __new__(
        cls, *, tenant: str, key_version: int, blob: bytes, challenge: bytes, response: bytes
    ) -> Self: ...

@final
class Provider:
    """What of a profile in ``key_policy/providers.toml`` concerns seeds.

    Raises ValueError for a hash it does not know.
    """

    def __new__(
        cls, *, kwp: int, wrap_format: str, oaep_hash: str, hmac_min_is_hash_length: bool
    ) -> Self: ...

@final
class Partition:
    """A partition by its label, and its PIN (copied into wiped memory)."""

    def __new__(cls, *, label: str, pin: str) -> Self: ...

@final
class Finding:
    """One line of the self-test: what was tried, and whether it went as wanted."""

    subject: str
    attempt: str
    wanted: str
    got: str
    passed: bool

@final
class Vault:
    """The serving process's door to the HSM."""

    @staticmethod
    def open(
        *,
        module: str,
        partition: Partition,
        policy: str,
        provider: Provider,
        canaries: Sequence[Canary],
        sessions: int,
        cache_entries: int,
        cache_seconds: float,
    ) -> Vault:
        """Initialise the module, log in once, find every key. Raise `HsmError`.

        The keys wanted are those of the canaries' tenants and versions.
        """

    def self_test(self) -> list[Finding]:
        """Try what must be refused and what must work, leaving no trace."""

    def search(
        self,
        bell: Bell,
        future: Future[list[int | SearchFailure | None]],
        jobs: Sequence[SearchJob],
        timeout_seconds: float,
    ) -> None:
        """Answer each job; answers are in order, one per job: the step, or None.

        They come when ``timeout_seconds`` are over at the latest. A job that had
        not begun by then never will ("busy", ``evaluated`` 0); one that had is
        not known about ("hung", 1). Jobs of a session that hangs are refused
        ("hung", 0) until its call returns. The future fails with `HsmError` if
        nothing is open.
        """

    def row_mac(self, row: TokenRow, timeout_seconds: float) -> bytes:
        """Return the MAC of ``row``; the MAC it holds is not looked at."""

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return HMAC-SHA256 under the tenant's digest key (derived once, at open)."""

    def row_macs(
        self,
        bell: Bell,
        future: Future[list[bytes]],
        rows: Sequence[TokenRow],
        timeout_seconds: float,
    ) -> None:
        """Return the MACs of the rows, in order; it fails with `HsmError`."""

    def password_mac(
        self,
        bell: Bell,
        future: Future[tuple[bytes, int]],
        tenant: str,
        message: bytes,
        key_version: int | None,
        timeout_seconds: float,
    ) -> None:
        """Return HMAC-SHA256 of a password under the row key, and that key's version.

        None is the newest version. It fails with `HsmError`.
        """

    def seal_envelopes(
        self,
        bell: Bell,
        future: Future[list[Sealed]],
        tenant: str,
        key_version: int,
        envelopes: Sequence[bytes],
        use: str,
        timeout_seconds: float,
    ) -> None:
        """Move phones' seeds from their envelopes under the newest wrapping key.

        ``key_version`` is the provisioning key's, ``use`` the hash that the phone
        computes its codes with. All or none: it fails with `EnvelopeError` or
        `HsmError`.
        """

    def seal_delivered(
        self,
        bell: Bell,
        future: Future[list[Sealed | tuple[str, str]]],
        keys: DeliveryKeys,
        tenant: str,
        seeds: Sequence[_Seed],
        timeout_seconds: float,
    ) -> None:
        """Take over what of a vendor's delivery opens inside the HSM.

        As `ImportVault.seal`; what only the host could open is refused. It fails with
        `SeedError` or `HsmError`.
        """

    def cells_match(
        self,
        bell: Bell,
        future: Future[bool],
        row: TokenRow,
        first: int,
        second: int,
        cells: tuple[str, str],
        timeout_seconds: float,
    ) -> None:
        """Return whether both cells stand on the card of ``row`` at their places, 0 to 7.

        Both are always computed and compared. It fails with `HsmError` or
        `RowTampered`. Raises ValueError, which quotes nothing, for what is no pair
        of places or no cell.
        """

    def ping(self, bell: Bell, future: Future[None], timeout_seconds: float) -> None:
        """Open and use a canary; it fails with `HsmError` if the HSM does not do it in time."""

    def is_hung(self) -> bool:
        """Return whether a session is inside a call that was waited for in vain.

        That is so when its worker did nothing in the second half of a wait for
        it, and has not come on since. It ends if the call returns after all.
        """

    def status(self) -> tuple[str, str, list[tuple[str, int, int]]]:
        """Return (manufacturer, library version, [(tenant, wrapping, row version)])."""

    def cache_counts(self) -> tuple[int, int, int]:
        """Return (hits, misses, entries)."""

    def opened(self) -> int:
        """Return how many seeds the HSM was asked to open, canaries included."""

    def close(self) -> None:
        """Wait for calls under way, close every session and finalise the module.

        A call that does not return within seconds is left behind, and the module
        with it.
        """

@final
class Sealed:
    """A seed under a tenant's wrapping key."""

    blob: bytes
    wrap_format: str
    key_version: int
    length: int
    custody: str

@final
class DeliveryKeys:
    """How a vendor's file is encrypted. Frozen; its repr shows nothing.

    ``mac`` is (MAC algorithm, algorithm of the MAC key, encrypted MAC key) with
    the names after the ``#`` of the file's URIs; None where it carries no MACs.
    """

    @staticmethod
    def pre_shared(*, vendor: str, mac: tuple[str, str, bytes] | None) -> DeliveryKeys:
        """Use keys that the vendor and the administrators agreed on: AES and 3DES."""

    @staticmethod
    def password(
        *,
        password: str,
        salt: bytes,
        iterations: int,
        length: int,
        prf: str,
        mac: tuple[str, str, bytes] | None,
    ) -> DeliveryKeys:
        """Derive a key with PBKDF2, which takes as long as ``iterations`` want.

        It stays in locked memory as long as this lives. Raise `SeedError` for a
        length or a number of iterations that is not taken.
        """

    @staticmethod
    def rsa(*, vendor: str, mac: tuple[str, str, bytes] | None) -> DeliveryKeys:
        """Use the RSA key in the HSM that the vendor encrypted its seeds to."""

    @staticmethod
    def one_time(
        *, vendor: str, algorithm: str, ciphertext: bytes, mac: tuple[str, str, bytes] | None
    ) -> DeliveryKeys:
        """Use an AES key that the file brings, encrypted to an RSA key in the HSM."""

    @staticmethod
    def clear() -> DeliveryKeys:
        """Use none: the seeds are not encrypted."""

_Seed: TypeAlias = tuple[str, bytes, bytes | None, str]

@final
class ImportVault:
    """The importing process's door: vendors' seeds in, sealed seeds out."""

    @staticmethod
    def open(
        *,
        module: str,
        serving: Partition,
        importing: Partition | None,
        policy: str,
        provider: Provider,
        canaries: Sequence[Canary],
        allow_host_transient: bool,
        allow_clear_text: bool,
    ) -> ImportVault: ...
    def seal(
        self, keys: DeliveryKeys, tenant: str, seeds: Sequence[_Seed]
    ) -> list[Sealed | tuple[str, str]]:
        """Check each MAC, then open and reseal under the tenant's newest key.

        A seed is (algorithm, ciphertext, MAC, hash of its codes); an answer is the
        sealed seed, or (reason, detail). They are in order. Raise `SeedError` where
        the delivery itself is refused, `HsmError` where nothing is known of any.
        """

    def draw_cards(self, tenant: str, count: int) -> list[tuple[Sealed, list[str]]]:
        """Draw seeds of grid cards in the HSM, 10,000 at most; all or none.

        Each comes under the tenant's newest wrapping key, with the eight cells that it
        derives: four digits each, in the order of their places. Raise `HsmError`, or
        `PolicyError` where the HSM does not keep a drawn seed as the key policy says.
        """

    def row_macs(self, rows: Sequence[TokenRow]) -> list[bytes]:
        """Return the MACs of the rows, in order; those that they hold are not looked at."""

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """Return HMAC-SHA256 under the tenant's digest key (derived once, at open)."""

    def close(self) -> None: ...

_Asked: TypeAlias = tuple[
    str,
    str | None,
    Sequence[tuple[str | int | bytes | None, ...]] | None,
    tuple[str | int | bytes | None, ...],
    int | None,
]

@final
class SqliteConnection:
    """One connection to an SQLite file, and the thread that works on it."""

    @staticmethod
    def open(file: Path, patience_seconds: float) -> SqliteConnection:
        """Open an existing file; wait so long for others' transactions.

        Raise `SqliteError`. Python's own ``sqlite3`` must not have the file open
        in this process at the same time: it is another copy of SQLite, and the
        first of the two to close the file drops the locks of both.
        """

    def run(
        self, statement: str, values: tuple[str | int | bytes | None, ...] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement outside any transaction, and wait for it.

        It takes no batch; ``values`` are ``?1``, ``?2`` and so on. Returns all rows
        that come back: str, int, bytes and None. Raise `SqliteError`.
        """

    def transact(
        self,
        bell: Bell,
        future: Future[tuple[int, list[list[tuple[Any, ...]]]] | None],
        asked: Sequence[_Asked],
        last: bool,
    ) -> None:
        """Run statements in turn, each once for every row of its batch.

        They run in a write transaction, which begins with the first call and is
        committed by the ``last``. The result is its time by SQLite's clock, in
        microseconds since 1970 UTC, and the rows of each statement; None if one of
        them did not give as many as were hoped for. That undoes the whole
        transaction, and so does an error: the future then fails with `SqliteError`.

        A statement comes with one that reads what comes back, after each row that
        was changed (None: its own rows do), its batch (a list, or None: then it runs
        once), the values that are the same for all rows, whose numbers follow those of a
        row's, and how many rows must come back, or else the whole transaction is undone
        (None: any). The transaction's time has the next number.
        """

    def undo(self) -> None:
        """Have the transaction undone, if one is open, when it is done what was asked."""

    def retire(self) -> None:
        """Close the file when it is done what was asked; what is asked later fails."""

    def close(self) -> None:
        """Close the file, undoing a transaction that is open."""

def hotp(key: bytes, counter: int, digits: int, hash: str) -> str:
    """Return the RFC 4226 code of a key that is no secret: for tests and benches."""

def ocra(
    key: bytes,
    suite: str,
    question: str,
    *,
    own_question: str | None = None,
    counter: int | None = None,
    password_hash: bytes | None = None,
    session: bytes | None = None,
    time_step: int | None = None,
) -> str:
    """Return the RFC 6287 response of a key that is no secret: for tests and benches.

    Of a suite without truncation it is the whole HMAC, in hexadecimal. Raises
    ValueError for what is no suite, and for inputs that do not fit it.
    """

def harden() -> None:
    """Switch core dumps off for this process and forbid its memory to be read."""
