from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetHsmStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHsmStatusResponse(_message.Message):
    __slots__ = ("partition", "manufacturer", "library_version", "answering", "tenants", "cache")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ANSWERING_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    partition: str
    manufacturer: str
    library_version: str
    answering: bool
    tenants: _containers.RepeatedCompositeFieldContainer[TenantKeys]
    cache: SeedCache
    def __init__(self, partition: _Optional[str] = ..., manufacturer: _Optional[str] = ..., library_version: _Optional[str] = ..., answering: bool = ..., tenants: _Optional[_Iterable[_Union[TenantKeys, _Mapping]]] = ..., cache: _Optional[_Union[SeedCache, _Mapping]] = ...) -> None: ...

class TenantKeys(_message.Message):
    __slots__ = ("service_id", "wrapping_key_version", "row_key_version")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    WRAPPING_KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROW_KEY_VERSION_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    wrapping_key_version: int
    row_key_version: int
    def __init__(self, service_id: _Optional[str] = ..., wrapping_key_version: _Optional[int] = ..., row_key_version: _Optional[int] = ...) -> None: ...

class SeedCache(_message.Message):
    __slots__ = ("hits", "misses", "entries")
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    hits: int
    misses: int
    entries: int
    def __init__(self, hits: _Optional[int] = ..., misses: _Optional[int] = ..., entries: _Optional[int] = ...) -> None: ...
