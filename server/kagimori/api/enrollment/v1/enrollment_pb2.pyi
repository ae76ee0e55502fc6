import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kagimori.api.types.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrollmentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLLMENT_STATUS_UNSPECIFIED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_NOT_REGISTERED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_ISSUED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_PROVISIONED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_ACTIVE: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_LOCKED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_RELEASED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_VOID: _ClassVar[EnrollmentStatus]

class LetterStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LETTER_STATUS_UNSPECIFIED: _ClassVar[LetterStatus]
    LETTER_STATUS_PENDING: _ClassVar[LetterStatus]
    LETTER_STATUS_SENT: _ClassVar[LetterStatus]
    LETTER_STATUS_REFUSED: _ClassVar[LetterStatus]
ENROLLMENT_STATUS_UNSPECIFIED: EnrollmentStatus
ENROLLMENT_STATUS_NOT_REGISTERED: EnrollmentStatus
ENROLLMENT_STATUS_ISSUED: EnrollmentStatus
ENROLLMENT_STATUS_PROVISIONED: EnrollmentStatus
ENROLLMENT_STATUS_ACTIVE: EnrollmentStatus
ENROLLMENT_STATUS_LOCKED: EnrollmentStatus
ENROLLMENT_STATUS_RELEASED: EnrollmentStatus
ENROLLMENT_STATUS_VOID: EnrollmentStatus
LETTER_STATUS_UNSPECIFIED: LetterStatus
LETTER_STATUS_PENDING: LetterStatus
LETTER_STATUS_SENT: LetterStatus
LETTER_STATUS_REFUSED: LetterStatus

class Enrollment(_message.Message):
    __slots__ = ("status", "service_id", "user_id", "serial", "issued_at", "deadline", "reissue_from", "letter")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    REISSUE_FROM_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    status: EnrollmentStatus
    service_id: str
    user_id: str
    serial: str
    issued_at: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    reissue_from: str
    letter: LetterStatus
    def __init__(self, status: _Optional[_Union[EnrollmentStatus, str]] = ..., service_id: _Optional[str] = ..., user_id: _Optional[str] = ..., serial: _Optional[str] = ..., issued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reissue_from: _Optional[str] = ..., letter: _Optional[_Union[LetterStatus, str]] = ...) -> None: ...

class IssueSoftwareTokenRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "mail_address", "activation_password")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    MAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    mail_address: str
    activation_password: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., mail_address: _Optional[str] = ..., activation_password: _Optional[str] = ...) -> None: ...

class IssueSoftwareTokenResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class ActivateTokenRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class ActivateTokenResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ...) -> None: ...

class DeregisterTokenRequest(_message.Message):
    __slots__ = ("subscriber_ref",)
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    def __init__(self, subscriber_ref: _Optional[str] = ...) -> None: ...

class DeregisterTokenResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class GetEnrollmentRequest(_message.Message):
    __slots__ = ("subscriber_ref",)
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    def __init__(self, subscriber_ref: _Optional[str] = ...) -> None: ...

class GetEnrollmentResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class UnlockTokenRequest(_message.Message):
    __slots__ = ("subscriber_ref", "serial")
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    serial: str
    def __init__(self, subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ...) -> None: ...

class UnlockTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
