# SPDX-License-Identifier: Apache-2.0
"""Everything but an acceptance, in four branches by who has to act on it.

::

    KagimoriError
    ├── OtpRefused        the customer: the code, or the token, is not good
    │   ├── OtpRejected
    │   ├── OtpReplayed
    │   ├── TokenLocked
    │   ├── TokenNotActive
    │   ├── UnknownToken
    │   ├── GridAnswerRejected
    │   ├── GridCardLocked
    │   └── TriesSpent
    ├── NotNow            the customer: what he wishes must wait, or something comes first
    │   ├── LiveToken
    │   ├── ReissueTooEarly
    │   ├── NotProvisioned
    │   ├── AlreadyActive
    │   ├── NoToken
    │   ├── NotLocked
    │   ├── NotOffered
    │   ├── NotInStock
    │   ├── TokenExpired
    │   ├── NotAssigned
    │   ├── NotHardware
    │   ├── ReplacementNotBegun
    │   ├── ReplacementExpired
    │   ├── SameToken
    │   ├── NoGridCard
    │   ├── ChallengeOver
    │   ├── CannotSign
    │   ├── TransactionChanged
    │   ├── SamePerson
    │   ├── ProposalOver
    │   └── ProposalOpen
    ├── CallRefused       the bank: the call or the certificate is not right
    │   ├── InvalidRequest
    │   ├── RequestIdReused
    │   ├── UnknownSerial
    │   ├── UnknownProposal
    │   ├── NotIdentified
    │   └── NotAllowed
    └── Outage            nobody: the authority gave no answer
        ├── Unavailable   ask again, under the same request_id
        └── AuthorityFault    tell the authority's operators

No error quotes a code, a password, an address, a customer number or anything of a
transaction, in its message, repr or fields.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar
from uuid import UUID

from kagimori_client.refused_part import RefusedPart


class KagimoriError(Exception):
    """Base of all. ``request_id`` names the call, here and in the authority's log.

    It is None for a call that has none, such as `TokenRegistrar.status`.
    """

    def __init__(self, message: str, request_id: UUID | None) -> None:
        """``message`` is a sentence for people."""
        super().__init__(message)
        self.request_id = request_id

    def __str__(self) -> str:
        """Return the sentence and the request_id."""
        sentence = str(self.args[0])
        return sentence if self.request_id is None else f"{sentence} (request_id {self.request_id})"


class OtpRefused(KagimoriError):
    """The authority judged, and the answer is no. The customer may not go on.

    ``attempts_left`` is how many more wrong ones its ``part`` will bear, or None
    where the authority does not say. Where only codes are judged ``part`` is TOKEN.
    """

    part: ClassVar[RefusedPart] = RefusedPart.TOKEN
    _SENTENCE: ClassVar[str] = "the one-time password is refused"

    def __init__(self, request_id: UUID | None, attempts_left: int | None = None) -> None:
        """Take what the authority told besides the outcome."""
        super().__init__(self._SENTENCE, request_id)
        self.attempts_left = attempts_left


class OtpRejected(OtpRefused):
    """The code is wrong; an attempt is spent (OUTCOME_REJECTED)."""

    _SENTENCE = "the one-time password is wrong"


class OtpReplayed(OtpRefused):
    """The code was used before; no attempt is spent (OUTCOME_REPLAYED).

    The customer waits for the token to show the next code.
    """

    _SENTENCE = "the one-time password was used before"


class TokenLocked(OtpRefused):
    """No attempts are left: no code is looked at any more (OUTCOME_LOCKED)."""

    _SENTENCE = "the token is locked"


class TokenNotActive(OtpRefused):
    """The token is the customer's but not in use (OUTCOME_NOT_ACTIVE)."""

    _SENTENCE = "the token is not in use"


class UnknownToken(OtpRefused):
    """No token of this bank answers to the name (OUTCOME_UNKNOWN_TOKEN)."""

    _SENTENCE = "no token answers to this name"


class GridAnswerRejected(OtpRefused):
    """What was read on the grid card is wrong (GRID_OUTCOME_REJECTED); an attempt is spent.

    Make a new challenge: it asks for the same two positions.
    """

    part = RefusedPart.GRID_CARD
    _SENTENCE = "the answer from the grid card is wrong"


class GridCardLocked(OtpRefused):
    """No attempts are left: no answer is looked at (GRID_OUTCOME_LOCKED).

    The bank's staff can unlock the card (`BankDesk.unlock_grid_card`).
    """

    part = RefusedPart.GRID_CARD
    _SENTENCE = "the grid card is locked"


class TriesSpent(OtpRefused):
    """The customer has named serial numbers too often today: none is looked at."""

    part = RefusedPart.CUSTOMER
    _SENTENCE = "the customer's tries of the day are spent"


class NotNow(KagimoriError):
    """The customer's status forbids it (FAILED_PRECONDITION). Nothing was changed.

    Raised itself for a rule that this client does not know yet.
    """


class LiveToken(NotNow):
    """The customer has a token, or one is on its way (LIVE_TOKEN).

    A software token is deregistered first, a hardware token taken back.
    """


class ReissueTooEarly(NotNow):
    """The token was deregistered, and it is too soon for a new one (REISSUE_TOO_EARLY).

    ``first_day`` is the first day, in the bank's calendar, on which one may be
    issued, or None where the authority does not say.
    """

    def __init__(
        self, message: str, request_id: UUID | None, first_day: date | None = None
    ) -> None:
        """``message`` is a sentence for people."""
        super().__init__(message, request_id)
        self.first_day = first_day


class NotProvisioned(NotNow):
    """The app is not set up yet (NOT_PROVISIONED): there is no code to be right."""


class AlreadyActive(NotNow):
    """The token is in use already (ALREADY_ACTIVE)."""


class NoToken(NotNow):
    """The customer has no token, and none is on its way (NO_TOKEN)."""


class NotLocked(NotNow):
    """There is nothing to unlock (NOT_LOCKED)."""


class NotOffered(NotNow):
    """The bank's own rules do not offer it (NOT_OFFERED)."""


class NotInStock(NotNow):
    """The hardware token is not free to be given to a customer (NOT_IN_STOCK)."""


class TokenExpired(NotNow):
    """The hardware token's time of validity is over (TOKEN_EXPIRED): take another one."""


class NotAssigned(NotNow):
    """No customer has the hardware token (NOT_ASSIGNED): there is nothing to take back."""


class NotHardware(NotNow):
    """The serial number is a software token's (NOT_HARDWARE): `TokenRegistrar` ends that."""


class ReplacementNotBegun(NotNow):
    """No exchange is under way (REPLACEMENT_NOT_BEGUN): a code of the old token comes first."""


class ReplacementExpired(NotNow):
    """The exchange took too long (REPLACEMENT_EXPIRED): begin it anew."""


class SameToken(NotNow):
    """It is the token that is to be replaced (SAME_TOKEN)."""


class NoGridCard(NotNow):
    """The customer has no grid card (NO_GRID_CARD)."""


class ChallengeOver(NotNow):
    """It was answered, or is too old (CHALLENGE_OVER): make a new challenge."""


class CannotSign(NotNow):
    """The customer's token cannot sign (CANNOT_SIGN): a hardware token's codes sign nothing."""


class TransactionChanged(NotNow):
    """It is not the transaction that the challenge is about (TRANSACTION_CHANGED).

    Some field differs. No code was looked at and no attempt is spent: do not carry it out.
    """


class SamePerson(NotNow):
    """Who proposed it cannot approve it (SAME_PERSON): the rule wants two persons."""


class ProposalOver(NotNow):
    """It was decided otherwise, or is too old, or the token is another (PROPOSAL_OVER)."""


class ProposalOpen(NotNow):
    """Another proposal for this customer is still to be decided (PROPOSAL_OPEN)."""


class CallRefused(KagimoriError):
    """The call cannot be right, whatever the code. Asking again does not help."""


class InvalidRequest(CallRefused):
    """A field is wrong (INVALID_ARGUMENT). Nothing was looked up or spent.

    ``field`` is its proto name ("code", "subscriber_ref", ...), empty where the
    whole message is wrong; ``reason`` says what it must be. A code that is not
    6 to 10 ASCII digits ends up here too: check the form on the bank's own page.
    """

    def __init__(self, field: str, reason: str, request_id: UUID | None) -> None:
        """``reason`` never quotes the value."""
        super().__init__(f"{field}: {reason}" if field else reason, request_id)
        self.field = field
        self.reason = reason


class RequestIdReused(CallRefused):
    """The request_id was used for another code, token, operation or wish."""


class UnknownSerial(CallRefused):
    """No token of this bank has the serial number (NOT_FOUND, reason UNKNOWN_SERIAL)."""


class UnknownProposal(CallRefused):
    """There is no such proposal for this customer (NOT_FOUND, reason UNKNOWN_PROPOSAL)."""


class NotIdentified(CallRefused):
    """The client certificate names no caller that the authority knows (UNAUTHENTICATED)."""


class NotAllowed(CallRefused):
    """The certificate's role may not do this (PERMISSION_DENIED)."""


class Outage(KagimoriError):
    """No answer: whether it was done, or the code was good and is spent, is not known."""


class Unavailable(Outage):
    """The authority could not answer in time.

    Ask again with the same words **and** ``request_id``: if the first call did
    accept the code, the same receipt comes back. A call without a request_id is
    safe to repeat, but for `BankDesk.unlock`, which says so. ``retry_after`` is the wait
    that the authority asks for, in seconds, or None where it does not say.
    """

    def __init__(
        self, message: str, request_id: UUID | None, retry_after: float | None = None
    ) -> None:
        """``message`` says what was in the way."""
        super().__init__(message, request_id)
        self.retry_after = retry_after


class AuthorityFault(Outage):
    """The authority failed in a way that asking again is not known to mend."""
