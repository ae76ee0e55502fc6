# SPDX-License-Identifier: Apache-2.0
"""Everything but an acceptance, in three branches by who has to act on it.

::

    KagimoriError
    ├── OtpRefused        the customer: the code, or the token, is not good
    │   ├── OtpRejected
    │   ├── OtpReplayed
    │   ├── TokenLocked
    │   ├── TokenNotActive
    │   └── UnknownToken
    ├── CallRefused       the bank: the call or the certificate is not right
    │   ├── InvalidRequest
    │   ├── RequestIdReused
    │   ├── NotIdentified
    │   └── NotAllowed
    └── Outage            nobody: the authority gave no answer
        ├── Unavailable   ask again, under the same request_id
        └── AuthorityFault    tell the authority's operators

No error quotes a code or a customer number, in its message, repr or fields.
"""

from __future__ import annotations

from uuid import UUID


class KagimoriError(Exception):
    """Base of all. ``request_id`` names the call, here and in the authority's log."""

    def __init__(self, message: str, request_id: UUID) -> None:
        """``message`` is a sentence for people."""
        super().__init__(message)
        self.request_id = request_id

    def __str__(self) -> str:
        """Return the sentence and the request_id."""
        return f"{self.args[0]} (request_id {self.request_id})"


class OtpRefused(KagimoriError):
    """The authority judged, and the answer is no. The customer may not go on.

    ``attempts_left`` is how many wrong codes the token will still bear, or None
    where the authority does not say.
    """

    _SENTENCE = "the one-time password is refused"

    def __init__(self, request_id: UUID, attempts_left: int | None = None) -> None:
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


class CallRefused(KagimoriError):
    """The call cannot be right, whatever the code. Asking again does not help."""


class InvalidRequest(CallRefused):
    """A field is wrong (INVALID_ARGUMENT). Nothing was looked up or spent.

    ``field`` is its proto name ("code", "subscriber_ref", ...), empty where the
    whole message is wrong; ``reason`` says what it must be. A code that is not
    6 to 8 ASCII digits ends up here too: check the form on the bank's own page.
    """

    def __init__(self, field: str, reason: str, request_id: UUID) -> None:
        """``reason`` never quotes the value."""
        super().__init__(f"{field}: {reason}" if field else reason, request_id)
        self.field = field
        self.reason = reason


class RequestIdReused(CallRefused):
    """The request_id was used for another code, token or operation."""


class NotIdentified(CallRefused):
    """The client certificate names no caller that the authority knows (UNAUTHENTICATED)."""


class NotAllowed(CallRefused):
    """The certificate's role may not do this (PERMISSION_DENIED)."""


class Outage(KagimoriError):
    """No answer: whether the code was good, and whether it is spent, is not known."""


class Unavailable(Outage):
    """The authority could not answer in time.

    Ask again with the same code **and** ``request_id``: if the first call did
    accept the code, the same receipt comes back. ``retry_after`` is the wait
    that the authority asks for, in seconds, or None where it does not say.
    """

    def __init__(self, message: str, request_id: UUID, retry_after: float | None = None) -> None:
        """``message`` says what was in the way."""
        super().__init__(message, request_id)
        self.retry_after = retry_after


class AuthorityFault(Outage):
    """The authority failed in a way that asking again is not known to mend."""
