# SPDX-License-Identifier: Apache-2.0
"""Give a bank's customers tokens, and ask whether their one-time passwords are good.

Each role has a connection of its own. `TokenRegistrar` leads a customer to a
token and back; `BankChannel` judges codes, tells whether one is needed, and has
transfers signed (`Transaction`, `TransactionChallenge`); `BankDesk` unlocks;
`HardwareTokenDesk` hands hardware tokens out and takes them back; `ReplacementDesk`
lets two of the staff agree on an exchange. What is done is returned as a value
(`Receipt`, `Enrollment`, `HardwareToken`), and everything else is raised: there is no
boolean that can be forgotten. `BankChannel.verify_batch` answers many `Offer` at once,
each with the receipt or the error.

Every error is a `KagimoriError`; its four branches say who has to act on it:
`OtpRefused` and `NotNow` the customer, `CallRefused` the bank's developer,
`Outage` nobody but time, or the authority's operators.
"""

from kagimori_client.bank_channel import BankChannel
from kagimori_client.bank_desk import BankDesk
from kagimori_client.batch import Offer
from kagimori_client.enrollment import Enrollment, EnrollmentStatus, LetterStatus
from kagimori_client.errors import (
    AlreadyActive,
    AuthorityFault,
    CallRefused,
    CannotSign,
    ChallengeOver,
    GridAnswerRejected,
    GridCardLocked,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NoGridCard,
    NotAllowed,
    NotAssigned,
    NotHardware,
    NotIdentified,
    NotInStock,
    NotLocked,
    NotNow,
    NotOffered,
    NoToken,
    NotProvisioned,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Outage,
    ProposalOpen,
    ProposalOver,
    ReissueTooEarly,
    ReplacementExpired,
    ReplacementNotBegun,
    RequestIdReused,
    SamePerson,
    SameToken,
    TokenExpired,
    TokenLocked,
    TokenNotActive,
    TransactionChanged,
    TriesSpent,
    Unavailable,
    UnknownProposal,
    UnknownSerial,
    UnknownToken,
)
from kagimori_client.grid import GridAnswer, GridChallenge
from kagimori_client.hardware import HardwareToken, TokenCondition, TokenKind, TokenState
from kagimori_client.hardware_token_desk import HardwareTokenDesk
from kagimori_client.operation import Operation
from kagimori_client.receipt import Receipt
from kagimori_client.refused_part import RefusedPart
from kagimori_client.replacement_desk import ReplacementDesk
from kagimori_client.replacement_proposal import (
    ProposalState,
    ReplacementProposal,
    ReplacementReason,
)
from kagimori_client.replacement_receipt import ReplacementReceipt
from kagimori_client.requirement import OtpRequirement, Requirement
from kagimori_client.resynchronization import Resynchronization
from kagimori_client.signing import SigningProfile, TransactionChallenge, TypedChallenge
from kagimori_client.token_registrar import TokenRegistrar
from kagimori_client.transaction import AccountType, InvalidTransaction, Transaction, Transfer

__version__ = "0.1.0"

__all__ = [
    "AccountType",
    "AlreadyActive",
    "AuthorityFault",
    "BankChannel",
    "BankDesk",
    "CallRefused",
    "CannotSign",
    "ChallengeOver",
    "Enrollment",
    "EnrollmentStatus",
    "GridAnswer",
    "GridAnswerRejected",
    "GridCardLocked",
    "GridChallenge",
    "HardwareToken",
    "HardwareTokenDesk",
    "InvalidRequest",
    "InvalidTransaction",
    "KagimoriError",
    "LetterStatus",
    "LiveToken",
    "NoGridCard",
    "NoToken",
    "NotAllowed",
    "NotAssigned",
    "NotHardware",
    "NotIdentified",
    "NotInStock",
    "NotLocked",
    "NotNow",
    "NotOffered",
    "NotProvisioned",
    "Offer",
    "Operation",
    "OtpRefused",
    "OtpRejected",
    "OtpReplayed",
    "OtpRequirement",
    "Outage",
    "ProposalOpen",
    "ProposalOver",
    "ProposalState",
    "Receipt",
    "RefusedPart",
    "ReissueTooEarly",
    "ReplacementDesk",
    "ReplacementExpired",
    "ReplacementNotBegun",
    "ReplacementProposal",
    "ReplacementReason",
    "ReplacementReceipt",
    "RequestIdReused",
    "Requirement",
    "Resynchronization",
    "SamePerson",
    "SameToken",
    "SigningProfile",
    "TokenCondition",
    "TokenExpired",
    "TokenKind",
    "TokenLocked",
    "TokenNotActive",
    "TokenRegistrar",
    "TokenState",
    "Transaction",
    "TransactionChallenge",
    "TransactionChanged",
    "Transfer",
    "TriesSpent",
    "TypedChallenge",
    "Unavailable",
    "UnknownProposal",
    "UnknownSerial",
    "UnknownToken",
]
