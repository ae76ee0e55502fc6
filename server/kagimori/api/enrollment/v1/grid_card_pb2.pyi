import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GridOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRID_OUTCOME_UNSPECIFIED: _ClassVar[GridOutcome]
    GRID_OUTCOME_ACCEPTED: _ClassVar[GridOutcome]
    GRID_OUTCOME_REJECTED: _ClassVar[GridOutcome]
    GRID_OUTCOME_LOCKED: _ClassVar[GridOutcome]
GRID_OUTCOME_UNSPECIFIED: GridOutcome
GRID_OUTCOME_ACCEPTED: GridOutcome
GRID_OUTCOME_REJECTED: GridOutcome
GRID_OUTCOME_LOCKED: GridOutcome

class GridAnswer(_message.Message):
    __slots__ = ("challenge_id", "first", "second")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    first: str
    second: str
    def __init__(self, challenge_id: _Optional[str] = ..., first: _Optional[str] = ..., second: _Optional[str] = ...) -> None: ...

class CreateGridChallengeRequest(_message.Message):
    __slots__ = ("subscriber_ref",)
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    def __init__(self, subscriber_ref: _Optional[str] = ...) -> None: ...

class CreateGridChallengeResponse(_message.Message):
    __slots__ = ("challenge_id", "columns", "answer_by")
    CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BY_FIELD_NUMBER: _ClassVar[int]
    challenge_id: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    answer_by: _timestamp_pb2.Timestamp
    def __init__(self, challenge_id: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., answer_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VerifyGridAnswerRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "answer")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    answer: GridAnswer
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., answer: _Optional[_Union[GridAnswer, _Mapping]] = ...) -> None: ...

class VerifyGridAnswerResponse(_message.Message):
    __slots__ = ("outcome", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: GridOutcome
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[GridOutcome, str]] = ..., attempts_left: _Optional[int] = ...) -> None: ...

class UnlockGridCardRequest(_message.Message):
    __slots__ = ("subscriber_ref",)
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    def __init__(self, subscriber_ref: _Optional[str] = ...) -> None: ...

class UnlockGridCardResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
