import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kagimori.api.enrollment.v1 import grid_card_pb2 as _grid_card_pb2
from kagimori.api.enrollment.v1 import login_otp_pb2 as _login_otp_pb2
from kagimori.api.enrollment.v1 import registration_pb2 as _registration_pb2
from kagimori.api.types.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_STATE_UNSPECIFIED: _ClassVar[TokenState]
    TOKEN_STATE_IN_STOCK: _ClassVar[TokenState]
    TOKEN_STATE_ASSIGNED: _ClassVar[TokenState]
    TOKEN_STATE_ACTIVE: _ClassVar[TokenState]
    TOKEN_STATE_LOCKED: _ClassVar[TokenState]
    TOKEN_STATE_RETURNED: _ClassVar[TokenState]
    TOKEN_STATE_DEFECTIVE: _ClassVar[TokenState]
    TOKEN_STATE_EXPIRED: _ClassVar[TokenState]
    TOKEN_STATE_RETIRED: _ClassVar[TokenState]

class TokenCondition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_CONDITION_UNSPECIFIED: _ClassVar[TokenCondition]
    TOKEN_CONDITION_WORKING: _ClassVar[TokenCondition]
    TOKEN_CONDITION_DEFECTIVE: _ClassVar[TokenCondition]

class TokenKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_KIND_UNSPECIFIED: _ClassVar[TokenKind]
    TOKEN_KIND_TIME_BASED: _ClassVar[TokenKind]
    TOKEN_KIND_EVENT_BASED: _ClassVar[TokenKind]

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
TOKEN_STATE_UNSPECIFIED: TokenState
TOKEN_STATE_IN_STOCK: TokenState
TOKEN_STATE_ASSIGNED: TokenState
TOKEN_STATE_ACTIVE: TokenState
TOKEN_STATE_LOCKED: TokenState
TOKEN_STATE_RETURNED: TokenState
TOKEN_STATE_DEFECTIVE: TokenState
TOKEN_STATE_EXPIRED: TokenState
TOKEN_STATE_RETIRED: TokenState
TOKEN_CONDITION_UNSPECIFIED: TokenCondition
TOKEN_CONDITION_WORKING: TokenCondition
TOKEN_CONDITION_DEFECTIVE: TokenCondition
TOKEN_KIND_UNSPECIFIED: TokenKind
TOKEN_KIND_TIME_BASED: TokenKind
TOKEN_KIND_EVENT_BASED: TokenKind
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

class SetLoginOtpRequest(_message.Message):
    __slots__ = ("subscriber_ref", "login_otp")
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    LOGIN_OTP_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    login_otp: _login_otp_pb2.LoginOtp
    def __init__(self, subscriber_ref: _Optional[str] = ..., login_otp: _Optional[_Union[_login_otp_pb2.LoginOtp, str]] = ...) -> None: ...

class SetLoginOtpResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("serial", "state", "kind", "digits", "manufacturer", "model", "expires_at", "drift_steps")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    DRIFT_STEPS_FIELD_NUMBER: _ClassVar[int]
    serial: str
    state: TokenState
    kind: TokenKind
    digits: int
    manufacturer: str
    model: str
    expires_at: _timestamp_pb2.Timestamp
    drift_steps: int
    def __init__(self, serial: _Optional[str] = ..., state: _Optional[_Union[TokenState, str]] = ..., kind: _Optional[_Union[TokenKind, str]] = ..., digits: _Optional[int] = ..., manufacturer: _Optional[str] = ..., model: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drift_steps: _Optional[int] = ...) -> None: ...

class AssignTokenRequest(_message.Message):
    __slots__ = ("subscriber_ref", "serial")
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    serial: str
    def __init__(self, subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ...) -> None: ...

class AssignTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class GetTokenRequest(_message.Message):
    __slots__ = ("serial",)
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    serial: str
    def __init__(self, serial: _Optional[str] = ...) -> None: ...

class GetTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class ReturnTokenRequest(_message.Message):
    __slots__ = ("serial", "condition")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    serial: str
    condition: TokenCondition
    def __init__(self, serial: _Optional[str] = ..., condition: _Optional[_Union[TokenCondition, str]] = ...) -> None: ...

class ReturnTokenResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class Enrollment(_message.Message):
    __slots__ = ("status", "service_id", "user_id", "serial", "issued_at", "deadline", "reissue_from", "letter", "login_otp")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    REISSUE_FROM_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    LOGIN_OTP_FIELD_NUMBER: _ClassVar[int]
    status: EnrollmentStatus
    service_id: str
    user_id: str
    serial: str
    issued_at: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    reissue_from: str
    letter: LetterStatus
    login_otp: _login_otp_pb2.LoginOtp
    def __init__(self, status: _Optional[_Union[EnrollmentStatus, str]] = ..., service_id: _Optional[str] = ..., user_id: _Optional[str] = ..., serial: _Optional[str] = ..., issued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reissue_from: _Optional[str] = ..., letter: _Optional[_Union[LetterStatus, str]] = ..., login_otp: _Optional[_Union[_login_otp_pb2.LoginOtp, str]] = ...) -> None: ...

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
