import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HashAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HASH_ALGORITHM_UNSPECIFIED: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA1: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA256: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA512: _ClassVar[HashAlgorithm]
HASH_ALGORITHM_UNSPECIFIED: HashAlgorithm
HASH_ALGORITHM_SHA1: HashAlgorithm
HASH_ALGORITHM_SHA256: HashAlgorithm
HASH_ALGORITHM_SHA512: HashAlgorithm

class ProvisionIssuedTokenRequest(_message.Message):
    __slots__ = ("service_id", "user_id", "activation_password", "key_pin", "login_envelope", "signing_envelope")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    KEY_PIN_FIELD_NUMBER: _ClassVar[int]
    LOGIN_ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    SIGNING_ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    user_id: str
    activation_password: str
    key_pin: bytes
    login_envelope: bytes
    signing_envelope: bytes
    def __init__(self, service_id: _Optional[str] = ..., user_id: _Optional[str] = ..., activation_password: _Optional[str] = ..., key_pin: _Optional[bytes] = ..., login_envelope: _Optional[bytes] = ..., signing_envelope: _Optional[bytes] = ...) -> None: ...

class ProvisionIssuedTokenResponse(_message.Message):
    __slots__ = ("serial", "profile", "issuer", "transaction_signing")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_SIGNING_FIELD_NUMBER: _ClassVar[int]
    serial: str
    profile: OtpProfile
    issuer: str
    transaction_signing: bool
    def __init__(self, serial: _Optional[str] = ..., profile: _Optional[_Union[OtpProfile, _Mapping]] = ..., issuer: _Optional[str] = ..., transaction_signing: bool = ...) -> None: ...

class ProvisionNewTokenRequest(_message.Message):
    __slots__ = ("service_id", "key_pin", "login_envelope", "signing_envelope")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_PIN_FIELD_NUMBER: _ClassVar[int]
    LOGIN_ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    SIGNING_ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    key_pin: bytes
    login_envelope: bytes
    signing_envelope: bytes
    def __init__(self, service_id: _Optional[str] = ..., key_pin: _Optional[bytes] = ..., login_envelope: _Optional[bytes] = ..., signing_envelope: _Optional[bytes] = ...) -> None: ...

class ProvisionNewTokenResponse(_message.Message):
    __slots__ = ("serial", "profile", "issuer", "transaction_signing", "register_by")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_SIGNING_FIELD_NUMBER: _ClassVar[int]
    REGISTER_BY_FIELD_NUMBER: _ClassVar[int]
    serial: str
    profile: OtpProfile
    issuer: str
    transaction_signing: bool
    register_by: _timestamp_pb2.Timestamp
    def __init__(self, serial: _Optional[str] = ..., profile: _Optional[_Union[OtpProfile, _Mapping]] = ..., issuer: _Optional[str] = ..., transaction_signing: bool = ..., register_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OtpProfile(_message.Message):
    __slots__ = ("hash_algorithm", "digits", "period", "t0")
    HASH_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    T0_FIELD_NUMBER: _ClassVar[int]
    hash_algorithm: HashAlgorithm
    digits: int
    period: int
    t0: int
    def __init__(self, hash_algorithm: _Optional[_Union[HashAlgorithm, str]] = ..., digits: _Optional[int] = ..., period: _Optional[int] = ..., t0: _Optional[int] = ...) -> None: ...

class GetProvisioningKeysRequest(_message.Message):
    __slots__ = ("service_id",)
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    def __init__(self, service_id: _Optional[str] = ...) -> None: ...

class GetProvisioningKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[ProvisioningKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[ProvisioningKey, _Mapping]]] = ...) -> None: ...

class ProvisioningKey(_message.Message):
    __slots__ = ("public_key", "oaep_hash")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    OAEP_HASH_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    oaep_hash: HashAlgorithm
    def __init__(self, public_key: _Optional[bytes] = ..., oaep_hash: _Optional[_Union[HashAlgorithm, str]] = ...) -> None: ...

class GetTimeRequest(_message.Message):
    __slots__ = ("service_id",)
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    def __init__(self, service_id: _Optional[str] = ...) -> None: ...

class GetTimeResponse(_message.Message):
    __slots__ = ("time", "transaction_signing")
    TIME_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_SIGNING_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    transaction_signing: bool
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transaction_signing: bool = ...) -> None: ...
