# SPDX-License-Identifier: Apache-2.0
"""The customer's authenticator: what it is, and what is remembered of it."""

from __future__ import annotations

import re
from dataclasses import field
from enum import StrEnum
from typing import Final

from kagimori.domain.errors import InvalidField
from kagimori.domain.grid_card import CardKind, CardPurpose
from kagimori.domain.lifecycle import State
from kagimori.domain.policy import Attempts
from kagimori.domain.value import value

SERIAL: Final = re.compile(r"[0-9A-Z]{1,32}")
"""シリアル番号: what is printed on a token's back."""

NEVER = -1
"""``last_step`` of a token no code of which was ever accepted."""


class Kind(StrEnum):
    """What the customer holds."""

    HARDWARE = "HARDWARE"
    SOFTWARE = "SOFTWARE"


class Purpose(StrEnum):
    """What the seed is for; a seed has one purpose."""

    AUTHENTICATION = "AUTHENTICATION"
    SIGNING = "SIGNING"
    """取引確認: codes that are bound to a transaction."""


class MovingFactor(StrEnum):
    """What makes the next code: the clock (RFC 6238) or a counter (RFC 4226)."""

    TIME = "TIME"
    EVENT = "EVENT"


class Hash(StrEnum):
    """Hash of the HMAC."""

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"


class CustodyLabel(StrEnum):
    """Where the seed has been before it was sealed under the wrapping key."""

    SEALED_BY_APP = "SEALED_BY_APP"
    """The token app drew it and sealed it to the HSM; no server could open it."""
    GENERATED_IN_HSM = "GENERATED_IN_HSM"
    UNWRAPPED_IN_HSM = "UNWRAPPED_IN_HSM"
    """A vendor's, opened inside the HSM."""
    HOST_TRANSIENT = "HOST_TRANSIENT"
    """A vendor's, or its key, that was open in the importing process's locked memory."""
    CLEAR_TEXT = "CLEAR_TEXT"
    """A vendor's, in clear in the file: whoever had the file knows it."""
    CELLS_PRINTED = "CELLS_PRINTED"
    """A grid card's: drawn in the HSM, but what it derives was open in the process that
    encrypted it to the print shop, and stands on the card."""


TOKEN_CUSTODY: Final = frozenset(CustodyLabel) - {CustodyLabel.CELLS_PRINTED}
"""The labels that a token's seed can have."""


@value(frozen=True, slots=True)
class Profile:
    """How the token computes its codes.

    ``period`` and ``t0`` are seconds; an event-based token has both 0.
    """

    factor: MovingFactor
    hash: Hash
    digits: int
    period: int
    t0: int = 0


@value(frozen=True, slots=True)
class SealedSeed:
    """A seed as the database holds it: wrapped, useless without the HSM.

    ``length`` is the number of wrapped octets. It can exceed the seed's own
    length by zero padding, which HMAC does not see (RFC 2104 §2).
    """

    blob: bytes = field(repr=False)
    wrap_format: str
    key_version: int
    length: int
    custody: CustodyLabel


@value(frozen=True, slots=True)
class TokenIdentity:
    """Everything about a token that its row MAC protects.

    ``tenant`` is the service ID; ``subscriber`` is None while in stock. A grid card's
    row is protected likewise, by words of its own: neither passes for the other.
    """

    tenant: str
    token_id: str
    serial: str
    subscriber: str | None = field(repr=False)
    kind: Kind | CardKind
    purpose: Purpose | CardPurpose
    profile: Profile
    seed: SealedSeed


@value(frozen=True, slots=True)
class Token:
    """A token's row: its identity, the MAC over it, and what changes with use.

    ``last_step`` is the highest step ever accepted (`NEVER` if none); ``drift``
    is the token's clock error in whole steps; ``generation`` counts changes of
    the row that end a verification under way; ``spent`` is of the limits.
    """

    identity: TokenIdentity
    row_mac: bytes = field(repr=False)
    state: State
    last_step: int = NEVER
    drift: int = 0
    generation: int = 1
    spent: Attempts = Attempts()


def printed_serial(text: str, length: int) -> str:
    """Return ``text`` if it can be the serial number of a tenant's tokens of that ``length``.

    Exactly as printed: no lower case, no full-width letters. Raises `InvalidField`.
    """
    if len(text) != length or not SERIAL.fullmatch(text):
        msg = f"must be {length} characters of [0-9A-Z]"
        raise InvalidField("serial", msg)
    return text
