# SPDX-License-Identifier: Apache-2.0
"""Software tokens with both of their seeds, as a vault opens them.

Over the fake::

    vault = FakeVault()
    token = fake_signing_token(vault, subscriber="customer-4711")

Over an HSM after a ceremony (`support.custody.hsm.fresh_hsm`)::

    token = hsm_signing_token(vault, files, tenant="10112231")

Either way ``token.login`` and ``token.signing`` are rows that this vault opens: one
identity but for purpose and seed, each under its own MAC. ``token.code(question, step)``
is what the customer's app would show. `write_signing_seed` puts the second row into a
database, beside the first one in ``tokens``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fakes.ocra import ocra
from fakes.vault import FakeVault, hotp
from kagimori.adapters.vault import HsmVault
from kagimori.application.provisioning.ports import EnvelopeVault
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)
from kagimori.domain.transaction import Question
from support.custody.hsm import HsmFiles
from support.databases.database import AnyDatabase
from support.phones.envelopes import provisioning_pem, seal
from support.tokens import SUBSCRIBER, TENANT
from support.waiting import waited

PROFILE: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=60)
"""Of the login codes; the signing seed's row has it too, and its suites have their own."""

SEED_OCTETS: Final = 64

_COLUMNS: Final = (
    "tenant",
    "token_id",
    "custody",
    "seed_length",
    "key_version",
    "wrap_format",
    "blob",
    "row_mac",
)


@dataclass(frozen=True, slots=True)
class SigningToken:
    """A customer's app: two rows, and the two seeds behind them.

    ``login`` is the row of ``tokens``, ``signing`` that of ``signing_seeds``.
    """

    login: Token
    signing: Token
    login_seed: bytes = field(repr=False)
    signing_seed: bytes = field(repr=False)

    def code(self, question: Question, step: int = 0) -> str:
        """Return what the app shows over ``question``; ``step`` is for suites with a time."""
        time_step = step if question.period else None
        return ocra(self.signing_seed, question.suite, question.text, time_step=time_step)

    def wrong_code(self, question: Question, *steps: int) -> str:
        """Return a code of 8 digits that belongs to none of ``steps``, nor of step 0."""
        right = {self.code(question, step) for step in (0, *steps)}
        return next(code for code in _codes() if code not in right)

    def login_code(self, step: int) -> str:
        """Return what the app shows at a login."""
        profile = self.login.identity.profile
        return hotp(self.login_seed, step, profile.digits, profile.hash)


def fake_signing_token(vault: FakeVault | None = None, **changes: Any) -> SigningToken:  # noqa: ANN401 - as below
    """Return a token that ``vault`` opens; see `signing_token` for the ``changes``."""
    opening = vault or FakeVault()
    tenant = changes.get("tenant", TENANT)
    return signing_token(opening, opening.provisioning_pem(tenant), **changes)


def hsm_signing_token(vault: HsmVault, files: HsmFiles, **changes: Any) -> SigningToken:  # noqa: ANN401 - as below
    """Return a token that ``vault``, opened on the HSM of ``files``, opens."""
    return signing_token(vault, provisioning_pem(files, changes.get("tenant", TENANT)), **changes)


def signing_token(  # noqa: PLR0913 - a token has that many facts, all named
    vault: EnvelopeVault,
    pem: str,
    *,
    login_seed: bytes | None = None,
    signing_seed: bytes | None = None,
    state: State = State.ACTIVE,
    last_step: int = -1,
    profile: Profile = PROFILE,
    **changes: Any,  # noqa: ANN401 - any field of an identity
) -> SigningToken:
    """Seal two seeds of 64 octets as an app does, and bind each to its row.

    Seeds that are not given are drawn. ``changes`` are of the identity: tenant,
    token_id, serial, subscriber, and what else it has.
    """
    seeds = tuple(seed or secrets.token_bytes(SEED_OCTETS) for seed in (login_seed, signing_seed))
    tenant = changes.get("tenant", TENANT)
    envelopes = [seal(pem, seed) for seed in seeds]
    sealed = waited(vault.seal_envelopes(tenant, 1, envelopes, Hash.SHA1))
    login = _identity(sealed[0], profile, changes)
    signing = replace(login, purpose=Purpose.SIGNING, seed=sealed[1])
    macs = waited(vault.row_macs([login, signing]))
    rows = Token(login, macs[0], state, last_step), Token(signing, macs[1], state)
    return SigningToken(*rows, *seeds)


def write_signing_seed(database: AnyDatabase, signing: Token) -> None:
    """Put a `SigningToken`'s second row into the database."""
    identity, seed = signing.identity, signing.identity.seed
    values: tuple[Any, ...] = (
        identity.tenant,
        identity.token_id,
        seed.custody.value,
        seed.length,
        seed.key_version,
        seed.wrap_format,
        seed.blob,
        signing.row_mac,
    )
    marks = ", ".join("?" * len(_COLUMNS))
    names = ", ".join(_COLUMNS)
    database.run(f"INSERT INTO signing_seeds ({names}) VALUES ({marks})", *values)  # noqa: S608 - our own


def _identity(sealed: SealedSeed, profile: Profile, changes: dict[str, Any]) -> TokenIdentity:
    fields: dict[str, Any] = {
        "tenant": TENANT,
        "token_id": "token-1",
        "serial": "KG00000000A1",
        "subscriber": SUBSCRIBER,
        "kind": Kind.SOFTWARE,
        "purpose": Purpose.AUTHENTICATION,
        "profile": profile,
        "seed": sealed,
    }
    return TokenIdentity(**(fields | changes))


def _codes() -> list[str]:
    return [f"{number:08d}" for number in range(64)]
