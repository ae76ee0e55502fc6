# SPDX-License-Identifier: Apache-2.0
"""What can keep a token app from its token, by who has to act on it.

::

    TokenError
    ├── SetUpRefused       the customer: nothing was set up
    │   ├── InvalidField       a field cannot be right; nothing was sent
    │   ├── KeyNotPinned       the authority offers no key that the app knows
    │   ├── ActivationRefused
    │   ├── ActivationExpired
    │   ├── AlreadyProvisioned
    │   ├── EnvelopeRefused
    │   └── NotOffered
    ├── NoAnswer           nobody: what was begun can be resumed
    │   ├── Unavailable
    │   ├── TooManyTries
    │   └── AuthorityFault
    ├── FileRefused        the token's file does not open, or may not be written
    │   ├── WrongPassphrase
    │   ├── UnknownVersion
    │   ├── SetUpUnfinished
    │   └── FileTaken
    ├── SigningRefused     the customer: nothing is signed
    │   ├── NotATransaction
    │   ├── AnotherBanksTransaction
    │   └── SigningNotOffered
    ├── ProfileRefused     the app's maker: the authority profile is not right
    └── ClockTooEarly      the customer: the device's clock is wrong

No error quotes a seed, a code, a password, a passphrase, a user ID or what is signed.
"""

from __future__ import annotations

from typing import ClassVar


class TokenError(Exception):
    """Base of all; its message is a sentence for developers."""


class SetUpRefused(TokenError):
    """The token cannot be set up like this. Asking again does not help."""


class InvalidField(SetUpRefused):
    """A field cannot be right.

    ``field`` is its name ("service_id", "user_id", "activation_password",
    "passphrase", "label", ...); ``reason`` says what it must be.
    """

    def __init__(self, field: str, reason: str) -> None:
        """``reason`` never quotes the value."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class KeyNotPinned(SetUpRefused):
    """None of the authority's provisioning keys is pinned: no seed was sent."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the authority offers no provisioning key that this app has pinned")


class _Told(SetUpRefused):
    _SENTENCE: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self._SENTENCE)


class ActivationRefused(_Told):
    """Service ID, user ID or activation password is not right, or not valid any more.

    Which of them, the authority tells nobody. Five wrong passwords void the issue.
    """

    _SENTENCE = "the service ID, the user ID or the activation password is not right"


class ActivationExpired(_Told):
    """The activation deadline has passed: the customer applies for a new token."""

    _SENTENCE = "the activation deadline has passed"


class AlreadyProvisioned(_Told):
    """Another app has been set up with this activation password."""

    _SENTENCE = "an app has been set up already"


class EnvelopeRefused(_Told):
    """The authority's HSM does not take a sealed seed: begin anew, with fresh seeds."""

    _SENTENCE = "the authority did not take the sealed seeds"


class NotOffered(_Told):
    """The bank does not offer tokens whose seeds an app has drawn."""

    _SENTENCE = "the bank does not offer such tokens"


class NoAnswer(TokenError):
    """Whether the token is provisioned is not known. `SoftwareToken.resume` finds out."""


class Unavailable(NoAnswer):
    """The authority could not be reached, or could not answer in time.

    ``retry_after`` is the wait that it asks for, in seconds, or None.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """``message`` says what was in the way."""
        super().__init__(message)
        self.retry_after = retry_after


class TooManyTries(NoAnswer):
    """More set-ups were tried from here, or for this bank, than the authority looks at.

    Nothing was looked at; try again after ``seconds``.
    """

    def __init__(self, seconds: float) -> None:
        """``seconds`` is the wait that the authority asks for."""
        super().__init__(f"too many set-ups were tried: wait {seconds:.0f} seconds")
        self.seconds = seconds


class AuthorityFault(NoAnswer):
    """The authority failed, or gave an answer that this app does not understand."""


class FileRefused(TokenError):
    """The token's file is of no use as it is."""


class WrongPassphrase(FileRefused):
    """The passphrase is wrong, or the file was changed: nobody can tell the two apart."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the passphrase is wrong, or the token's file is damaged")


class UnknownVersion(FileRefused):
    """The file was written by a newer app; ``version`` is its format's."""

    def __init__(self, version: int) -> None:
        """Say which version."""
        super().__init__(f"the token's file has version {version}, which this app does not know")
        self.version = version


class SetUpUnfinished(FileRefused):
    """The set-up of this token was begun and not finished: `SoftwareToken.resume` it."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the set-up of this token is not finished")


class FileTaken(FileRefused):
    """There is a file already where the new token's would be. It was not touched."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("there is a file already: another token may be in it")


class SigningRefused(TokenError):
    """The token does not sign this. Nothing was computed."""


class NotATransaction(SigningRefused):
    """The text is no transaction, or one of a version that this app does not know."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the text is no transaction that this app can read")


class AnotherBanksTransaction(SigningRefused):
    """The transaction is for a token of another bank."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the transaction is another bank's")


class SigningNotOffered(SigningRefused):
    """The bank of this token does not offer 取引確認."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the bank does not offer the signing of transactions")


class ProfileRefused(TokenError):
    """The authority profile cannot be used; the message says what is wrong with it."""


class ClockTooEarly(TokenError):
    """The device's clock stands before the token's first step: there is no code."""

    def __init__(self) -> None:
        """Take no details."""
        super().__init__("the device's clock stands before the token's first step")
