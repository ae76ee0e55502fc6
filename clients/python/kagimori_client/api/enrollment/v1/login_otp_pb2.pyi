from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class LoginOtp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOGIN_OTP_UNSPECIFIED: _ClassVar[LoginOtp]
    LOGIN_OTP_REQUIRED: _ClassVar[LoginOtp]
    LOGIN_OTP_NOT_REQUIRED: _ClassVar[LoginOtp]
LOGIN_OTP_UNSPECIFIED: LoginOtp
LOGIN_OTP_REQUIRED: LoginOtp
LOGIN_OTP_NOT_REQUIRED: LoginOtp
