import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kagimori.api.types.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccountType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCOUNT_TYPE_UNSPECIFIED: _ClassVar[AccountType]
    ACCOUNT_TYPE_ORDINARY: _ClassVar[AccountType]
    ACCOUNT_TYPE_CURRENT: _ClassVar[AccountType]
    ACCOUNT_TYPE_SAVINGS: _ClassVar[AccountType]
    ACCOUNT_TYPE_OTHER: _ClassVar[AccountType]

class SigningProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNING_PROFILE_UNSPECIFIED: _ClassVar[SigningProfile]
    SIGNING_PROFILE_SCANNED: _ClassVar[SigningProfile]
    SIGNING_PROFILE_TYPED: _ClassVar[SigningProfile]
ACCOUNT_TYPE_UNSPECIFIED: AccountType
ACCOUNT_TYPE_ORDINARY: AccountType
ACCOUNT_TYPE_CURRENT: AccountType
ACCOUNT_TYPE_SAVINGS: AccountType
ACCOUNT_TYPE_OTHER: AccountType
SIGNING_PROFILE_UNSPECIFIED: SigningProfile
SIGNING_PROFILE_SCANNED: SigningProfile
SIGNING_PROFILE_TYPED: SigningProfile

class Transfer(_message.Message):
    __slots__ = ("bank_code", "branch_code", "account_type", "account_number", "payee_name", "amount", "reference")
    BANK_CODE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_CODE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAYEE_NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    bank_code: str
    branch_code: str
    account_type: AccountType
    account_number: str
    payee_name: str
    amount: int
    reference: str
    def __init__(self, bank_code: _Optional[str] = ..., branch_code: _Optional[str] = ..., account_type: _Optional[_Union[AccountType, str]] = ..., account_number: _Optional[str] = ..., payee_name: _Optional[str] = ..., amount: _Optional[int] = ..., reference: _Optional[str] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("transfers", "currency")
    TRANSFERS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    transfers: _containers.RepeatedCompositeFieldContainer[Transfer]
    currency: str
    def __init__(self, transfers: _Optional[_Iterable[_Union[Transfer, _Mapping]]] = ..., currency: _Optional[str] = ...) -> None: ...

class CreateTransactionChallengeRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "profile", "transaction")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    profile: SigningProfile
    transaction: Transaction
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., profile: _Optional[_Union[SigningProfile, str]] = ..., transaction: _Optional[_Union[Transaction, _Mapping]] = ...) -> None: ...

class CreateTransactionChallengeResponse(_message.Message):
    __slots__ = ("challenge_id", "text", "typed_account", "typed_amount", "transaction_digest", "expires_at")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TYPED_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    TYPED_AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_DIGEST_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    text: str
    typed_account: str
    typed_amount: str
    transaction_digest: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, challenge_id: _Optional[str] = ..., text: _Optional[str] = ..., typed_account: _Optional[str] = ..., typed_amount: _Optional[str] = ..., transaction_digest: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VerifyTransactionRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "challenge_id", "transaction", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    challenge_id: str
    transaction: Transaction
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., challenge_id: _Optional[str] = ..., transaction: _Optional[_Union[Transaction, _Mapping]] = ..., code: _Optional[str] = ...) -> None: ...

class VerifyTransactionResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ...) -> None: ...
