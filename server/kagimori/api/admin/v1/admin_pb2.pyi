import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplacementReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLACEMENT_REASON_UNSPECIFIED: _ClassVar[ReplacementReason]
    REPLACEMENT_REASON_LOST: _ClassVar[ReplacementReason]
    REPLACEMENT_REASON_STOLEN: _ClassVar[ReplacementReason]
    REPLACEMENT_REASON_BROKEN: _ClassVar[ReplacementReason]

class ProposalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROPOSAL_STATE_UNSPECIFIED: _ClassVar[ProposalState]
    PROPOSAL_STATE_PROPOSED: _ClassVar[ProposalState]
    PROPOSAL_STATE_APPROVED: _ClassVar[ProposalState]
    PROPOSAL_STATE_REJECTED: _ClassVar[ProposalState]
    PROPOSAL_STATE_EXPIRED: _ClassVar[ProposalState]

class MovingFactor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MOVING_FACTOR_UNSPECIFIED: _ClassVar[MovingFactor]
    MOVING_FACTOR_TIME: _ClassVar[MovingFactor]
    MOVING_FACTOR_EVENT: _ClassVar[MovingFactor]

class HashAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HASH_ALGORITHM_UNSPECIFIED: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA1: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA256: _ClassVar[HashAlgorithm]
    HASH_ALGORITHM_SHA512: _ClassVar[HashAlgorithm]

class ImportResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMPORT_RESULT_UNSPECIFIED: _ClassVar[ImportResult]
    IMPORT_RESULT_IMPORTED: _ClassVar[ImportResult]
    IMPORT_RESULT_DUPLICATE: _ClassVar[ImportResult]
    IMPORT_RESULT_REFUSED: _ClassVar[ImportResult]
REPLACEMENT_REASON_UNSPECIFIED: ReplacementReason
REPLACEMENT_REASON_LOST: ReplacementReason
REPLACEMENT_REASON_STOLEN: ReplacementReason
REPLACEMENT_REASON_BROKEN: ReplacementReason
PROPOSAL_STATE_UNSPECIFIED: ProposalState
PROPOSAL_STATE_PROPOSED: ProposalState
PROPOSAL_STATE_APPROVED: ProposalState
PROPOSAL_STATE_REJECTED: ProposalState
PROPOSAL_STATE_EXPIRED: ProposalState
MOVING_FACTOR_UNSPECIFIED: MovingFactor
MOVING_FACTOR_TIME: MovingFactor
MOVING_FACTOR_EVENT: MovingFactor
HASH_ALGORITHM_UNSPECIFIED: HashAlgorithm
HASH_ALGORITHM_SHA1: HashAlgorithm
HASH_ALGORITHM_SHA256: HashAlgorithm
HASH_ALGORITHM_SHA512: HashAlgorithm
IMPORT_RESULT_UNSPECIFIED: ImportResult
IMPORT_RESULT_IMPORTED: ImportResult
IMPORT_RESULT_DUPLICATE: ImportResult
IMPORT_RESULT_REFUSED: ImportResult

class ReplacementProposal(_message.Message):
    __slots__ = ("proposal_id", "serial", "reason", "state", "proposed_by", "proposed_at", "approve_by", "decided_by", "complete_by")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_BY_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_AT_FIELD_NUMBER: _ClassVar[int]
    APPROVE_BY_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_BY_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    serial: str
    reason: ReplacementReason
    state: ProposalState
    proposed_by: str
    proposed_at: _timestamp_pb2.Timestamp
    approve_by: _timestamp_pb2.Timestamp
    decided_by: str
    complete_by: _timestamp_pb2.Timestamp
    def __init__(self, proposal_id: _Optional[str] = ..., serial: _Optional[str] = ..., reason: _Optional[_Union[ReplacementReason, str]] = ..., state: _Optional[_Union[ProposalState, str]] = ..., proposed_by: _Optional[str] = ..., proposed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., approve_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decided_by: _Optional[str] = ..., complete_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ProposeReplacementRequest(_message.Message):
    __slots__ = ("request_id", "subscriber_ref", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    subscriber_ref: str
    reason: ReplacementReason
    def __init__(self, request_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ..., reason: _Optional[_Union[ReplacementReason, str]] = ...) -> None: ...

class ProposeReplacementResponse(_message.Message):
    __slots__ = ("proposal",)
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    proposal: ReplacementProposal
    def __init__(self, proposal: _Optional[_Union[ReplacementProposal, _Mapping]] = ...) -> None: ...

class ApproveReplacementRequest(_message.Message):
    __slots__ = ("proposal_id", "subscriber_ref")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBER_REF_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    subscriber_ref: str
    def __init__(self, proposal_id: _Optional[str] = ..., subscriber_ref: _Optional[str] = ...) -> None: ...

class ApproveReplacementResponse(_message.Message):
    __slots__ = ("proposal",)
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    proposal: ReplacementProposal
    def __init__(self, proposal: _Optional[_Union[ReplacementProposal, _Mapping]] = ...) -> None: ...

class RejectReplacementRequest(_message.Message):
    __slots__ = ("proposal_id",)
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    def __init__(self, proposal_id: _Optional[str] = ...) -> None: ...

class RejectReplacementResponse(_message.Message):
    __slots__ = ("proposal",)
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    proposal: ReplacementProposal
    def __init__(self, proposal: _Optional[_Union[ReplacementProposal, _Mapping]] = ...) -> None: ...

class ListReplacementsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListReplacementsResponse(_message.Message):
    __slots__ = ("proposals",)
    PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    proposals: _containers.RepeatedCompositeFieldContainer[ReplacementProposal]
    def __init__(self, proposals: _Optional[_Iterable[_Union[ReplacementProposal, _Mapping]]] = ...) -> None: ...

class ImportTokensRequest(_message.Message):
    __slots__ = ("delivery", "batch")
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    delivery: Delivery
    batch: TokenBatch
    def __init__(self, delivery: _Optional[_Union[Delivery, _Mapping]] = ..., batch: _Optional[_Union[TokenBatch, _Mapping]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("service_id", "vendor", "digest", "dry_run", "mac", "one_time_key")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    ONE_TIME_KEY_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    vendor: str
    digest: bytes
    dry_run: bool
    mac: MacMethod
    one_time_key: OneTimeKey
    def __init__(self, service_id: _Optional[str] = ..., vendor: _Optional[str] = ..., digest: _Optional[bytes] = ..., dry_run: bool = ..., mac: _Optional[_Union[MacMethod, _Mapping]] = ..., one_time_key: _Optional[_Union[OneTimeKey, _Mapping]] = ...) -> None: ...

class OneTimeKey(_message.Message):
    __slots__ = ("algorithm", "ciphertext")
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    algorithm: str
    ciphertext: bytes
    def __init__(self, algorithm: _Optional[str] = ..., ciphertext: _Optional[bytes] = ...) -> None: ...

class MacMethod(_message.Message):
    __slots__ = ("algorithm", "key_algorithm", "key_ciphertext")
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    KEY_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    KEY_CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    algorithm: str
    key_algorithm: str
    key_ciphertext: bytes
    def __init__(self, algorithm: _Optional[str] = ..., key_algorithm: _Optional[str] = ..., key_ciphertext: _Optional[bytes] = ...) -> None: ...

class TokenBatch(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedCompositeFieldContainer[DeliveredToken]
    def __init__(self, tokens: _Optional[_Iterable[_Union[DeliveredToken, _Mapping]]] = ...) -> None: ...

class DeliveredToken(_message.Message):
    __slots__ = ("serial", "factor", "hash", "digits", "period", "counter", "drift_steps", "algorithm", "ciphertext", "mac", "not_before", "not_after", "manufacturer", "model")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    DRIFT_STEPS_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    serial: str
    factor: MovingFactor
    hash: HashAlgorithm
    digits: int
    period: int
    counter: int
    drift_steps: int
    algorithm: str
    ciphertext: bytes
    mac: bytes
    not_before: _timestamp_pb2.Timestamp
    not_after: _timestamp_pb2.Timestamp
    manufacturer: str
    model: str
    def __init__(self, serial: _Optional[str] = ..., factor: _Optional[_Union[MovingFactor, str]] = ..., hash: _Optional[_Union[HashAlgorithm, str]] = ..., digits: _Optional[int] = ..., period: _Optional[int] = ..., counter: _Optional[int] = ..., drift_steps: _Optional[int] = ..., algorithm: _Optional[str] = ..., ciphertext: _Optional[bytes] = ..., mac: _Optional[bytes] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., not_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., manufacturer: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class ImportTokensResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ImportedToken]
    def __init__(self, results: _Optional[_Iterable[_Union[ImportedToken, _Mapping]]] = ...) -> None: ...

class ImportedToken(_message.Message):
    __slots__ = ("serial", "result", "custody", "reason", "detail")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CUSTODY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    serial: str
    result: ImportResult
    custody: str
    reason: str
    detail: str
    def __init__(self, serial: _Optional[str] = ..., result: _Optional[_Union[ImportResult, str]] = ..., custody: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

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
