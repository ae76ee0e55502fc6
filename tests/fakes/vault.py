# SPDX-License-Identifier: Apache-2.0
"""A `SeedVault` in software, over seeds that are no secret."""

from __future__ import annotations

import functools
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fakes.ocra import ocra
from kagimori.application.ports import (
    Match,
    NoMatch,
    Search,
    SearchAnswer,
    SearchFailed,
    SignatureCheck,
)
from kagimori.application.provisioning.ports import EnvelopeUnfit
from kagimori.domain.errors import AuthorityError, HsmUnavailable, RecordTampered
from kagimori.domain.grid_card import CELL_DIGITS, Cells, Pair
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    CustodyLabel,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)
from kagimori.domain.window import Window
from support.phones.envelopes import OAEP_SHA1

_DECOY = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)
_WRAP_FORMAT = "fake"
_ROW_KEY = b"row key of the fake"
_DIGEST_KEY = b"digest key of the fake"
_PASSWORD_KEY = b"password key of the fake"
_PHONES_SEED = 64


@dataclass(slots=True)
class _Trouble:
    error: AuthorityError
    evaluated: int


@dataclass(slots=True)
class FakeVault:
    """Seals a seed by remembering it under its blob; counts what it searches.

    ``newest`` is the newest version of every tenant's keys. ``searches`` counts
    windows and signatures that were looked into, ``codes`` the codes computed for them;
    ``answers`` counts grid cards' answers that were compared.
    """

    newest: int = 1
    searches: int = 0
    codes: int = 0
    answers: int = 0
    _seeds: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    _trouble: list[_Trouble] = field(default_factory=list)
    _down: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seal(
        self,
        tenant: str,
        seed: bytes,
        key_version: int = 1,
        custody: CustodyLabel = CustodyLabel.UNWRAPPED_IN_HSM,
    ) -> SealedSeed:
        """Take a seed in; only ``tenant``'s rows open it again."""
        blob = hashlib.sha256(tenant.encode() + seed).digest()
        self._seeds[tenant.encode() + blob] = seed
        return SealedSeed(blob, _WRAP_FORMAT, key_version, len(seed), custody)

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """Return a MAC over every field of ``identity``."""
        return hmac.digest(_ROW_KEY, repr(astuple(identity)).encode(), "sha256")

    def fail_next(self, error: AuthorityError, evaluated: int) -> None:
        """Let the next search fail after so many codes."""
        self._trouble.append(_Trouble(error, evaluated))

    def go_down(self) -> None:
        """Fail every search before any result, until told otherwise."""
        self._down = True

    def come_back(self) -> None:
        self._down = False

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
        return [self._search(search) for search in searches]

    async def cells_match(
        self, identity: TokenIdentity, row_mac: bytes, pair: Pair, cells: Cells
    ) -> bool:
        self._insist_on_being_up()
        seed = self._opened(identity, row_mac)
        if seed is None:
            raise RecordTampered
        with self._lock:
            self.answers += 1
        shown = [hotp(seed, place, CELL_DIGITS) for place in (pair.first, pair.second)]
        return tuple(shown) == cells.reveal()

    def decoy(self, tenant: str) -> Token:
        identity = TokenIdentity(
            tenant=tenant,
            token_id="decoy",
            serial="DECOY",
            subscriber=None,
            kind=Kind.SOFTWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=_DECOY,
            seed=self.seal(tenant, b"a seed of nobody's at all"),
        )
        return Token(identity, self.row_mac(identity), State.IN_STOCK)

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        return hmac.digest(_DIGEST_KEY + tenant.encode(), message, "sha256")

    async def ping(self) -> None:
        self._insist_on_being_up()

    def provisioning_pem(self, tenant: str, key_version: int = 1) -> str:
        """Return the public half of the key that phones seal their seeds to."""
        public = provisioning_key(tenant, key_version).public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem.decode("ascii")

    def wrapping_version(self, tenant: str) -> int:
        del tenant
        return self.newest

    async def password_mac(
        self, tenant: str, message: bytes, key_version: int | None = None
    ) -> tuple[bytes, int]:
        version = self._version(key_version)
        key = _PASSWORD_KEY + f"{tenant}/{version}".encode()
        return hmac.digest(key, message, "sha256"), version

    async def seal_envelopes(
        self, tenant: str, key_version: int, envelopes: Sequence[bytes], use: Hash
    ) -> list[SealedSeed]:
        del use
        key = provisioning_key(tenant, self._version(key_version))
        seeds = [_opened(key, index, envelope) for index, envelope in enumerate(envelopes)]
        label = CustodyLabel.SEALED_BY_APP
        return [self.seal(tenant, seed, self.newest, label) for seed in seeds]

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        self._insist_on_being_up()
        return [self.row_mac(identity) for identity in identities]

    def _version(self, wanted: int | None) -> int:
        self._insist_on_being_up()
        version = self.newest if wanted is None else wanted
        if not 1 <= version <= self.newest:
            raise HsmUnavailable("the fake has no such key", 30)
        return version

    def _insist_on_being_up(self) -> None:
        if self._down:
            raise HsmUnavailable("the fake is down", 0.5)

    def _search(self, search: Search | SignatureCheck) -> SearchAnswer:
        if self._down:
            return SearchFailed(HsmUnavailable("the fake is down", 0.5), 0)
        seed = self._opened(search.token.identity, search.token.row_mac)
        if seed is None or not _is_fit(search):
            return SearchFailed(RecordTampered(), 0)
        with self._lock:
            self.searches += 1
            trouble = self._trouble.pop() if self._trouble else None
        if trouble:
            return SearchFailed(trouble.error, trouble.evaluated)
        if isinstance(search, SignatureCheck):
            return self._check(seed, search)
        return self._look(seed, search)

    def _opened(self, identity: TokenIdentity, row_mac: bytes) -> bytes | None:
        """Return the seed of a row that its MAC vouches for, if it is one of ours."""
        sealed = identity.seed
        if not hmac.compare_digest(self.row_mac(identity), row_mac):
            return None
        if sealed.wrap_format != _WRAP_FORMAT:
            return None
        return self._seeds.get(identity.tenant.encode() + sealed.blob)

    def _look(self, seed: bytes, search: Search) -> SearchAnswer:
        profile = search.token.identity.profile
        seen: dict[int, str] = {}
        for step in _outward(search.window):
            with self._lock:
                self.codes += 1
            seen[step] = hotp(seed, step, profile.digits, profile.hash)
            found = _found(search, step, seen)
            if found is not None:
                return Match(found)
        return NoMatch()

    def _check(self, seed: bytes, check: SignatureCheck) -> SearchAnswer:
        suite, text = check.question.suite, check.question.text
        for step in (None,) if check.steps is None else _outward(check.steps):
            try:
                code = ocra(seed, suite, text, time_step=step)
            except ValueError:
                return SearchFailed(RecordTampered(), 0)
            with self._lock:
                self.codes += 1
            if code == check.code.reveal():
                return Match(step or 0)
        return NoMatch()


@functools.cache
def provisioning_key(tenant: str, version: int) -> rsa.RSAPrivateKey:
    """Return the key that phones seal to: one for the whole run."""
    del tenant, version  # each has its own
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _opened(key: rsa.RSAPrivateKey, index: int, envelope: bytes) -> bytes:
    try:
        seed = key.decrypt(envelope, OAEP_SHA1)
    except ValueError:
        raise EnvelopeUnfit(index, "the key does not open it") from None
    # Key wrap with padding (RFC 5649 §3) tells lengths in eighths.
    if -(len(seed) // -8) * 8 != _PHONES_SEED:
        raise EnvelopeUnfit(index, "it holds no seed of 64 octets")
    return seed.ljust(_PHONES_SEED, b"\0")


def hotp(key: bytes, counter: int, digits: int, algorithm: Hash = Hash.SHA1) -> str:
    """Return the code of RFC 4226 §5.3."""
    digest = hmac.digest(key, counter.to_bytes(8), algorithm.lower())
    offset = digest[-1] & 0x0F
    truncated = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{truncated % 10**digits:0{digits}d}"


def _is_fit(search: Search | SignatureCheck) -> bool:
    """Return whether it asks a seed for its own purpose, and for steps that there are."""
    signs = search.token.identity.purpose is Purpose.SIGNING
    if isinstance(search, SignatureCheck):
        return signs and (search.steps is None or search.steps.first >= 0)
    return not signs and search.window.first >= 0


def _found(search: Search, step: int, seen: Mapping[int, str]) -> int | None:
    """Return the step that ends the search, now that ``step`` is among those ``seen``."""
    if search.second is None:
        return step if seen[step] == search.code.reveal() else None
    wanted = search.code.reveal(), search.second.reveal()
    for second in (step, step + 1):
        if (seen.get(second - 1), seen.get(second)) == wanted:
            return second
    return None


def _outward(window: Window) -> Iterator[int]:
    steps = range(window.first, window.last + 1)
    yield from sorted(steps, key=lambda step: abs(step - window.predicted))
    if window.spent is not None:
        yield window.spent
