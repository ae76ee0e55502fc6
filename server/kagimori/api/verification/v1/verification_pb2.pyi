from kagimori.api.types.v1 import types_pb2 as _types_pb2
from kagimori.api.verification.v1 import transaction_pb2 as _transaction_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResyncOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESYNC_OUTCOME_UNSPECIFIED: _ClassVar[ResyncOutcome]
    RESYNC_OUTCOME_SYNCHRONIZED: _ClassVar[ResyncOutcome]
    RESYNC_OUTCOME_REJECTED: _ClassVar[ResyncOutcome]
    RESYNC_OUTCOME_LOCKED: _ClassVar[ResyncOutcome]
    RESYNC_OUTCOME_NOT_ACTIVE: _ClassVar[ResyncOutcome]
    RESYNC_OUTCOME_UNKNOWN_TOKEN: _ClassVar[ResyncOutcome]

class OtpRequirement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OTP_REQUIREMENT_UNSPECIFIED: _ClassVar[OtpRequirement]
    OTP_REQUIREMENT_NONE: _ClassVar[OtpRequirement]
    OTP_REQUIREMENT_OTP: _ClassVar[OtpRequirement]
    OTP_REQUIREMENT_REGISTRATION: _ClassVar[OtpRequirement]
    OTP_REQUIREMENT_SIGNATURE: _ClassVar[OtpRequirement]
RESYNC_OUTCOME_UNSPECIFIED: ResyncOutcome
RESYNC_OUTCOME_SYNCHRONIZED: ResyncOutcome
RESYNC_OUTCOME_REJECTED: ResyncOutcome
RESYNC_OUTCOME_LOCKED: ResyncOutcome
RESYNC_OUTCOME_NOT_ACTIVE: ResyncOutcome
RESYNC_OUTCOME_UNKNOWN_TOKEN: ResyncOutcome
OTP_REQUIREMENT_UNSPECIFIED: OtpRequirement
OTP_REQUIREMENT_NONE: OtpRequirement
OTP_REQUIREMENT_OTP: OtpRequirement
OTP_REQUIREMENT_REGISTRATION: OtpRequirement
OTP_REQUIREMENT_SIGNATURE: OtpRequirement

class ResynchronizeTokenRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "serial", "first_code", "second_code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    FIRST_CODE_FIELD_NUMBER: _ClassVar[int]
    SECOND_CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    serial: str
    first_code: str
    second_code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ..., first_code: _Optional[str] = ..., second_code: _Optional[str] = ...) -> None: ...

class ResynchronizeTokenResponse(_message.Message):
    __slots__ = ("outcome", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: ResyncOutcome
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[ResyncOutcome, str]] = ..., attempts_left: _Optional[int] = ...) -> None: ...

class GetOtpRequirementRequest(_message.Message):
    __slots__ = ("subscriber_ref", "operation", "amount")
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    subscriber_ref: str
    operation: _types_pb2.Operation
    amount: int
    def __init__(self, subscriber_ref: _Optional[str] = ..., operation: _Optional[_Union[_types_pb2.Operation, str]] = ..., amount: _Optional[int] = ...) -> None: ...

class GetOtpRequirementResponse(_message.Message):
    __slots__ = ("requirement", "has_token", "cut_over_on", "can_sign")
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    HAS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CUT_OVER_ON_FIELD_NUMBER: _ClassVar[int]
    CAN_SIGN_FIELD_NUMBER: _ClassVar[int]
    requirement: OtpRequirement
    has_token: bool
    cut_over_on: str
    can_sign: bool
    def __init__(self, requirement: _Optional[_Union[OtpRequirement, str]] = ..., has_token: bool = ..., cut_over_on: _Optional[str] = ..., can_sign: bool = ...) -> None: ...

class VerifyOtpRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "serial", "operation", "code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    serial: str
    operation: _types_pb2.Operation
    code: str
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., serial: _Optional[str] = ..., operation: _Optional[_Union[_types_pb2.Operation, str]] = ..., code: _Optional[str] = ...) -> None: ...

class VerifyOtpResponse(_message.Message):
    __slots__ = ("outcome", "receipt", "attempts_left")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_LEFT_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.Outcome
    receipt: _types_pb2.Receipt
    attempts_left: int
    def __init__(self, outcome: _Optional[_Union[_types_pb2.Outcome, str]] = ..., receipt: _Optional[_Union[_types_pb2.Receipt, _Mapping]] = ..., attempts_left: _Optional[int] = ...) -> None: ...

class BatchVerifyOtpRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[VerifyOtpRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[VerifyOtpRequest, _Mapping]]] = ...) -> None: ...

class BatchVerifyOtpResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchVerifyOtpResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchVerifyOtpResult, _Mapping]]] = ...) -> None: ...

class BatchVerifyOtpResult(_message.Message):
    __slots__ = ("response", "refusal")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    response: VerifyOtpResponse
    refusal: _types_pb2.Refusal
    def __init__(self, response: _Optional[_Union[VerifyOtpResponse, _Mapping]] = ..., refusal: _Optional[_Union[_types_pb2.Refusal, _Mapping]] = ...) -> None: ...
