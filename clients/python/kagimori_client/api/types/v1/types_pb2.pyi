import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_UNSPECIFIED: _ClassVar[Operation]
    OPERATION_LOGIN: _ClassVar[Operation]
    OPERATION_TRANSFER: _ClassVar[Operation]
    OPERATION_BILL_PAYMENT: _ClassVar[Operation]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_ACCEPTED: _ClassVar[Outcome]
    OUTCOME_REJECTED: _ClassVar[Outcome]
    OUTCOME_REPLAYED: _ClassVar[Outcome]
    OUTCOME_LOCKED: _ClassVar[Outcome]
    OUTCOME_NOT_ACTIVE: _ClassVar[Outcome]
    OUTCOME_UNKNOWN_TOKEN: _ClassVar[Outcome]
OPERATION_UNSPECIFIED: Operation
OPERATION_LOGIN: Operation
OPERATION_TRANSFER: Operation
OPERATION_BILL_PAYMENT: Operation
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_ACCEPTED: Outcome
OUTCOME_REJECTED: Outcome
OUTCOME_REPLAYED: Outcome
OUTCOME_LOCKED: Outcome
OUTCOME_NOT_ACTIVE: Outcome
OUTCOME_UNKNOWN_TOKEN: Outcome

class Receipt(_message.Message):
    __slots__ = ("number", "accepted_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_AT_FIELD_NUMBER: _ClassVar[int]
    number: str
    accepted_at: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[str] = ..., accepted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
