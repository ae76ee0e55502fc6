import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kagimori.api.enrollment.v1 import grid_card_pb2 as _grid_card_pb2
from kagimori.api.enrollment.v1 import login_otp_pb2 as _login_otp_pb2
from kagimori.api.types.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegistrationPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REGISTRATION_PART_UNSPECIFIED: _ClassVar[RegistrationPart]
    REGISTRATION_PART_TOKEN: _ClassVar[RegistrationPart]
    REGISTRATION_PART_GRID_CARD: _ClassVar[RegistrationPart]
    REGISTRATION_PART_CUSTOMER: _ClassVar[RegistrationPart]
REGISTRATION_PART_UNSPECIFIED: RegistrationPart
REGISTRATION_PART_TOKEN: RegistrationPart
REGISTRATION_PART_GRID_CARD: RegistrationPart
REGISTRATION_PART_CUSTOMER: RegistrationPart

class RegisterTokenRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "serial", "code", "login_otp", "grid_answer")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    LOGIN_OTP_FIELD_NUMBER: _ClassVar[int]
    GRID_ANSWER_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    serial: str
    code: str
    login_otp: _login_otp_pb2.LoginOtp
    grid_answer: _grid_card_pb2.GridAnswer
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ..., code: _Optional[str] = ..., login_otp: _Optional[_Union[_login_otp_pb2.LoginOtp, str]] = ..., grid_answer: _Optional[_Union[_grid_card_pb2.GridAnswer, _Mapping]] = ...) -> None: ...

class RegisterTokenResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left", "part")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    part: RegistrationPart
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ..., part: _Optional[_Union[RegistrationPart, str]] = ...) -> None: ...

class TerminateTokenRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class TerminateTokenResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ...) -> None: ...

class BeginReplacementRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class BeginReplacementResponse(_message.Message):
    __slots__ = ("outcome", "attempts_left", "complete_by")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_BY_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    attempts_left: int
    complete_by: _timestamp_pb2.Timestamp
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., attempts_left: _Optional[int] = ..., complete_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CompleteReplacementRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "serial", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    serial: str
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class CompleteReplacementResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left", "serial_after", "serial_before", "part")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    SERIAL_AFTER_FIELD_NUMBER: _ClassVar[int]
    SERIAL_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    serial_after: str
    serial_before: str
    part: RegistrationPart
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ..., serial_after: _Optional[str] = ..., serial_before: _Optional[str] = ..., part: _Optional[_Union[RegistrationPart, str]] = ...) -> None: ...
