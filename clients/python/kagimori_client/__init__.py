# SPDX-License-Identifier: Apache-2.0
"""Ask a Kagimori token authority whether a one-time password is good.

`BankChannel.verify` returns a `Receipt` or raises: there is no boolean that can
be forgotten. `BankChannel.verify_batch` answers many `Offer` at once, each with
the receipt or the error. Every error is a `KagimoriError`; its three branches say
who has to act on it: `OtpRefused` the customer, `CallRefused` the bank's
developer, `Outage` nobody but time, or the authority's operators.
"""

from kagimori_client.bank_channel import BankChannel
from kagimori_client.batch import Offer
from kagimori_client.errors import (
    AuthorityFault,
    CallRefused,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    NotIdentified,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Outage,
    RequestIdReused,
    TokenLocked,
    TokenNotActive,
    Unavailable,
    UnknownToken,
)
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt

__version__ = "0.1.0"

__all__ = [
    "AuthorityFault",
    "BankChannel",
    "CallRefused",
    "InvalidRequest",
    "KagimoriError",
    "NotAllowed",
    "NotIdentified",
    "Offer",
    "Operation",
    "OtpRefused",
    "OtpRejected",
    "OtpReplayed",
    "Outage",
    "Receipt",
    "RequestIdReused",
    "TokenLocked",
    "TokenNotActive",
    "Unavailable",
    "UnknownToken",
]
