# SPDX-License-Identifier: Apache-2.0
"""A hardware token of the bank's stock, as its staff see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from kagimori_client.api.enrollment.v1 import enrollment_pb2
from kagimori_client.errors import AuthorityFault


class TokenState(StrEnum):
    """Where a hardware token is in its life (kagimori.enrollment.v1.TokenState)."""

    IN_STOCK = "IN_STOCK"
    """Nobody has had it yet."""
    ASSIGNED = "ASSIGNED"
    """A customer has it and has not taken it into use."""
    ACTIVE = "ACTIVE"
    """In use."""
    LOCKED = "LOCKED"
    """Too many wrong codes: the bank's staff can unlock it (`BankDesk.unlock`)."""
    RETURNED = "RETURNED"
    """Back in stock after a customer has had it."""
    DEFECTIVE = "DEFECTIVE"
    """Broken; its seed is destroyed."""
    EXPIRED = "EXPIRED"
    """Its time of validity is over: it has to be exchanged."""
    RETIRED = "RETIRED"
    """Taken out of service; its seed is destroyed."""

    def in_japanese(self) -> str:
        """Return the word that the bank's staff read for it."""
        return _IN_JAPANESE[self]


_IN_JAPANESE: Final = {
    TokenState.IN_STOCK: "在庫",
    TokenState.ASSIGNED: "交付済",
    TokenState.ACTIVE: "利用中",
    TokenState.LOCKED: "利用停止中",
    TokenState.RETURNED: "返却済",
    TokenState.DEFECTIVE: "故障",
    TokenState.EXPIRED: "有効期限切れ",
    TokenState.RETIRED: "廃止",
}


class TokenKind(StrEnum):
    """What makes a token's next code (kagimori.enrollment.v1.TokenKind)."""

    TIME_BASED = "TIME_BASED"
    """The clock (RFC 6238)."""
    EVENT_BASED = "EVENT_BASED"
    """A counter that a button moves (RFC 4226)."""


class TokenCondition(StrEnum):
    """How a token comes back (kagimori.enrollment.v1.TokenCondition)."""

    WORKING = "WORKING"
    """It can be given to another customer."""
    DEFECTIVE = "DEFECTIVE"
    """Nobody will have it again. That cannot be undone."""


@dataclass(frozen=True, slots=True)
class HardwareToken:
    """One hardware token (kagimori.enrollment.v1.Token). Whose it is it does not say.

    ``digits`` is how many its codes have. ``manufacturer`` and ``model`` are the
    vendor's words, empty where its file had none. ``expires_at`` is aware, in UTC:
    the first moment at which the token may not be used any more, or None.
    ``drift_steps`` is by how many steps its clock was off when last heard of.
    """

    serial: str
    state: TokenState
    kind: TokenKind
    digits: int
    manufacturer: str = ""
    model: str = ""
    expires_at: datetime | None = None
    drift_steps: int = 0


_STATES: Final[dict[int, TokenState]] = {
    enrollment_pb2.TOKEN_STATE_IN_STOCK: TokenState.IN_STOCK,
    enrollment_pb2.TOKEN_STATE_ASSIGNED: TokenState.ASSIGNED,
    enrollment_pb2.TOKEN_STATE_ACTIVE: TokenState.ACTIVE,
    enrollment_pb2.TOKEN_STATE_LOCKED: TokenState.LOCKED,
    enrollment_pb2.TOKEN_STATE_RETURNED: TokenState.RETURNED,
    enrollment_pb2.TOKEN_STATE_DEFECTIVE: TokenState.DEFECTIVE,
    enrollment_pb2.TOKEN_STATE_EXPIRED: TokenState.EXPIRED,
    enrollment_pb2.TOKEN_STATE_RETIRED: TokenState.RETIRED,
}
_KINDS: Final[dict[int, TokenKind]] = {
    enrollment_pb2.TOKEN_KIND_TIME_BASED: TokenKind.TIME_BASED,
    enrollment_pb2.TOKEN_KIND_EVENT_BASED: TokenKind.EVENT_BASED,
}


def hardware_token_of(
    message: enrollment_pb2.Token, serial: str, expected: frozenset[TokenState]
) -> HardwareToken:
    """Return ``message`` as a value.

    Raise `AuthorityFault` for another token than that with ``serial``, for words
    that are not known here, and for a state that is none of ``expected``: an answer
    is a yes only if it says so.
    """
    state, kind = _STATES.get(message.state), _KINDS.get(message.kind)
    if message.serial != serial or state not in expected or kind is None:
        msg = "the authority's answer is not one that this client knows"
        raise AuthorityFault(msg, None)
    expires = message.expires_at
    return HardwareToken(
        message.serial,
        state,
        kind,
        message.digits,
        message.manufacturer,
        message.model,
        expires.ToDatetime(tzinfo=UTC) if message.HasField("expires_at") else None,
        message.drift_steps,
    )
