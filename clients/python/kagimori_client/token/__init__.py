# SPDX-License-Identifier: Apache-2.0
"""A software token: it draws its seeds, seals them to the HSM and shows the codes.

`SoftwareToken.set_up` provisions one that a bank has issued, and
`SoftwareToken.set_up_new` makes one before any bank knows the customer.
`SoftwareToken.open` takes it from its file again, offline, and
`SoftwareToken.code` is what the customer types. `SoftwareToken.sign` is the code for a
transaction that `SoftwareToken.read_transaction` has read and the app has shown. What
the app has to know of the authority is an `AuthorityProfile`. Every error is a
`TokenError`.

Needs the extra: ``pip install 'kagimori-client[token]'``.
"""

try:
    import cryptography as _cryptography  # noqa: F401 - only whether it is there
except ImportError as error:
    msg = "kagimori_client.token needs its extra: pip install 'kagimori-client[token]'"
    raise ImportError(msg) from error

from kagimori_client.token.authority_profile import AuthorityProfile, pin_of
from kagimori_client.token.clock import ClockReading
from kagimori_client.token.errors import (
    ActivationExpired,
    ActivationRefused,
    AlreadyProvisioned,
    AnotherBanksTransaction,
    AuthorityFault,
    ClockTooEarly,
    EnvelopeRefused,
    FileRefused,
    FileTaken,
    InvalidField,
    KeyNotPinned,
    NoAnswer,
    NotATransaction,
    NotOffered,
    ProfileRefused,
    SetUpRefused,
    SetUpUnfinished,
    SigningNotOffered,
    SigningRefused,
    TokenError,
    TooManyTries,
    Unavailable,
    UnknownVersion,
    WrongPassphrase,
)
from kagimori_client.token.otp import HashAlgorithm, OtpProfile
from kagimori_client.token.safe import Cover, look
from kagimori_client.token.signing import TransactionToSign
from kagimori_client.token.software_token import SoftwareToken

__all__ = [
    "ActivationExpired",
    "ActivationRefused",
    "AlreadyProvisioned",
    "AnotherBanksTransaction",
    "AuthorityFault",
    "AuthorityProfile",
    "ClockReading",
    "ClockTooEarly",
    "Cover",
    "EnvelopeRefused",
    "FileRefused",
    "FileTaken",
    "HashAlgorithm",
    "InvalidField",
    "KeyNotPinned",
    "NoAnswer",
    "NotATransaction",
    "NotOffered",
    "OtpProfile",
    "ProfileRefused",
    "SetUpRefused",
    "SetUpUnfinished",
    "SigningNotOffered",
    "SigningRefused",
    "SoftwareToken",
    "TokenError",
    "TooManyTries",
    "TransactionToSign",
    "Unavailable",
    "UnknownVersion",
    "WrongPassphrase",
    "look",
    "pin_of",
]
