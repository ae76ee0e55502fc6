# SPDX-License-Identifier: Apache-2.0
"""Everything the authority can refuse or fail with, as one family.

Outcomes (a wrong code, a locked token) are not here: they are answers. An
error says what the caller got wrong or what the authority cannot do. Each leaf
has exactly one gRPC status, in ``transport/status.py``; a test holds the two
together.
"""

from __future__ import annotations

from typing import ClassVar


class AuthorityError(Exception):
    """Base of the family.

    ``reason`` is stable and machine-readable; ``words`` are for people. They never
    quote what a caller has sent.
    """

    reason: ClassVar[str]
    words: str

    def __init__(self) -> None:
        """``words`` are the kind's, or were set before this."""
        super().__init__(self.words)


class InvalidField(AuthorityError):
    """A field of the request cannot be right; nothing was looked up or changed."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, description: str) -> None:
        """Name the field by its proto name; never quote its value."""
        self.words = f"{field}: {description}"
        super().__init__()
        self.field = field
        self.description = description


class RequestIdReused(AuthorityError):
    """The request_id was used before for another code, token or operation."""

    reason = "REQUEST_ID_REUSED"
    # No details: they would tell what the other request held.
    words = "this request_id belongs to a different request"


class MalformedMessage(AuthorityError):
    """The bytes on the wire are not the message this RPC takes."""

    reason = "MALFORMED_MESSAGE"
    # No details: the bytes may hold a code.
    words = "the body is not a message of this RPC"


class NotIdentified(AuthorityError):
    """The client certificate carries no name of this trust domain."""

    reason = "NOT_IDENTIFIED"
    words = "the client certificate names no caller: it needs exactly one SAN URI"


class NotAllowed(AuthorityError):
    """The caller's role may not call this RPC."""

    reason = "ROLE_NOT_ALLOWED"

    def __init__(self, needed: str) -> None:
        """Name the roles that may (``needed``, for people)."""
        self.words = f"the caller must hold role {needed}"
        super().__init__()


class TryAgain(AuthorityError):
    """The authority cannot answer now; the same request_id may be sent again."""

    def __init__(self, message: str, retry_after: float) -> None:
        """``retry_after`` is in seconds."""
        self.words = message
        super().__init__()
        self.retry_after = retry_after


class TokenBusy(TryAgain):
    """Another verification of this token is under way and outlasted the deadline."""

    reason = "TOKEN_BUSY"


class DeadlineTooNear(TryAgain):
    """Too little of the caller's deadline was left to begin, or to search."""

    reason = "DEADLINE_TOO_NEAR"


class Overloaded(TryAgain):
    """More verifications wait than the server will hold; nothing was looked up."""

    reason = "OVERLOADED"


class LeaseLost(TryAgain):
    """The search took longer than the token's lease; its result was not used."""

    reason = "LEASE_LOST"


class HsmUnavailable(TryAgain):
    """The HSM gave no result. No attempt is spent if it failed before any result."""

    reason = "HSM_UNAVAILABLE"


class StoreUnavailable(TryAgain):
    """The database gave no answer."""

    reason = "STORE_UNAVAILABLE"


class RecordTampered(AuthorityError):
    """A token's row in the database fails its MAC; it is not used."""

    reason = "RECORD_TAMPERED"
    # No details: the log says which row.
    words = "the token's record fails its integrity check"


class NotNow(AuthorityError):
    """The customer's status forbids what is asked; nothing was changed."""


class LiveToken(NotNow):
    """The customer has a token, or one is on its way: he is given no second one."""

    reason = "LIVE_TOKEN"
    words = (
        "the customer has a token already, or one is on its way: "
        "take it back, or deregister it, first"
    )


class ReissueTooEarly(NotNow):
    """The customer's token was deregistered today, and the tenant's rule says tomorrow."""

    reason = "REISSUE_TOO_EARLY"

    def __init__(self, first_day: str) -> None:
        """``first_day`` is the first day on which it is allowed, ISO 8601."""
        self.words = f"a new token can be issued from {first_day} on"
        super().__init__()
        self.first_day = first_day


class NotProvisioned(NotNow):
    """The app of an issued token is not set up yet: there is no code to be right."""

    reason = "NOT_PROVISIONED"
    words = "the app is not set up yet"


class AlreadyActive(NotNow):
    """The token is in use already; its codes belong to logins and transfers."""

    reason = "ALREADY_ACTIVE"
    words = "the token is in use already"


class NoToken(NotNow):
    """The customer has no token, and none is on its way."""

    reason = "NO_TOKEN"
    words = "the customer has no token"


class NotLocked(NotNow):
    """The token is not locked: there is nothing to be unlocked."""

    reason = "NOT_LOCKED"
    words = "the token is not locked"


class NotInStock(NotNow):
    """The hardware token is another customer's, or is no token for anybody any more."""

    reason = "NOT_IN_STOCK"
    # No details: whose it is is nobody else's business.
    words = "the token is not in stock"


class TokenExpired(NotNow):
    """The hardware token's time of validity is over, or has not begun."""

    reason = "TOKEN_EXPIRED"
    words = "the token's time of validity is over, or has not begun"


class NotAssigned(NotNow):
    """No customer has the hardware token: there is nothing to take back."""

    reason = "NOT_ASSIGNED"
    words = "no customer has the token"


class NotHardware(NotNow):
    """The serial number is a software token's, which no counter hands out or takes back."""

    reason = "NOT_HARDWARE"
    words = "it is a software token: DeregisterToken ends it"


class ReplacementNotBegun(NotNow):
    """No code of the old token was given, and nobody of the bank has approved it without one."""

    reason = "REPLACEMENT_NOT_BEGUN"
    words = "the exchange has not begun: BeginReplacement comes first"


class ReplacementExpired(NotNow):
    """The exchange was begun, and its time is over."""

    reason = "REPLACEMENT_EXPIRED"
    words = "the exchange took too long: begin it anew"


class SameToken(NotNow):
    """The serial number is that of the token which is to be replaced."""

    reason = "SAME_TOKEN"
    words = "it is the token that is to be replaced"


class NoGridCard(NotNow):
    """The customer has no grid card."""

    reason = "NO_GRID_CARD"
    words = "the customer has no grid card"


class ChallengeOver(NotNow):
    """The challenge is not the customer's present one: answered, too old, or never made."""

    reason = "CHALLENGE_OVER"
    words = "this challenge cannot be answered any more: ask for another"


class CannotSign(NotNow):
    """The customer's token has no seed for signatures: a hardware token's codes sign nothing."""

    reason = "CANNOT_SIGN"
    words = "the customer's token cannot sign transactions"


class TransactionChanged(NotNow):
    """The transaction is not, in every field, what the challenge is about.

    No code was looked at, and the challenge stays as it is.
    """

    reason = "TRANSACTION_CHANGED"
    # No details: the challenge's transaction is kept as a digest only.
    words = "the transaction is not what the challenge was made for"


class SamePerson(NotNow):
    """Who proposed it approves it: the rule wants two persons."""

    reason = "SAME_PERSON"
    words = "another person than who proposed it must approve it"


class ProposalOver(NotNow):
    """The proposal was decided otherwise, or its time is over, or its token is another by now."""

    reason = "PROPOSAL_OVER"
    words = "the proposal is not open any more"


class ProposalOpen(NotNow):
    """Somebody has proposed it for this customer, and nobody has decided it yet."""

    reason = "PROPOSAL_OPEN"
    words = "a proposal for this customer is open: approve it, or reject it, first"


class UnknownProposal(AuthorityError):
    """The caller's tenant has no such proposal for this customer."""

    reason = "UNKNOWN_PROPOSAL"
    # No details: they would tell of other tenants'.
    words = "there is no such proposal"


class NotOffered(NotNow):
    """The tenant's policy does not offer this."""

    reason = "NOT_OFFERED"

    def __init__(self, what: str) -> None:
        """Name the rule (``what``, for people)."""
        self.words = f"the tenant's policy does not offer it: {what}"
        super().__init__()


class UnknownSerial(AuthorityError):
    """No token of the caller's tenant has this serial number; another tenant's may."""

    reason = "UNKNOWN_SERIAL"
    # No details: they would tell of other tenants' tokens.
    words = "no token has this serial number"


class ActivationRefused(AuthorityError):
    """No enrolment can be provisioned by this service ID, user ID and password."""

    reason = "ACTIVATION_REFUSED"
    # No details: which of them is wrong is nobody's business.
    words = (
        "the service ID, the user ID or the activation password is not right, "
        "or the enrolment is not valid any more"
    )


class ActivationExpired(NotNow):
    """The activation password is right, and its time is over: a new issue is needed."""

    reason = "ACTIVATION_EXPIRED"
    words = "the activation deadline has passed: apply for a new token at the bank"


class AlreadyProvisioned(NotNow):
    """Another app has been set up with this activation password."""

    reason = "ALREADY_PROVISIONED"
    words = "an app has been set up already"


class EnvelopeRefused(AuthorityError):
    """A sealed seed does not open under the tenant's key, or was used before."""

    reason = "ENVELOPE_REFUSED"

    def __init__(self, field: str, description: str) -> None:
        """Name the field by its proto name."""
        self.words = f"{field}: {description}"
        super().__init__()
        self.field = field
        self.description = description


class TooManyTries(TryAgain):
    """More set-ups were tried from there, or for this tenant, than are looked at."""

    reason = "TOO_MANY_TRIES"
