# SPDX-License-Identifier: Apache-2.0
"""What is sent as a delivery is taken in its own words, or refused by its field's name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kagimori.api.admin.v1 import admin_pb2
from kagimori.application.deliveries.receive import Announced
from kagimori.application.deliveries.report import Line, Result
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    MacMethod,
    OneTimeKey,
    VendorToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.errors import InvalidField
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from kagimori.transport.import_mapping import MOST_TOKENS, announced_of, batch_of, response_of

TIME, EVENT = admin_pb2.MOVING_FACTOR_TIME, admin_pb2.MOVING_FACTOR_EVENT
DIGEST = bytes(range(32))


def delivery(**changed: Any) -> admin_pb2.ImportTokensRequest:  # noqa: ANN401 - of Delivery
    fields = {"service_id": "20160003", "vendor": "acme", "digest": DIGEST, **changed}
    return admin_pb2.ImportTokensRequest(delivery=admin_pb2.Delivery(**fields))


def token(**changed: Any) -> admin_pb2.DeliveredToken:  # noqa: ANN401 - of DeliveredToken
    fields: dict[str, Any] = {
        "serial": "2V0716016FK2",
        "factor": TIME,
        "hash": admin_pb2.HASH_ALGORITHM_SHA1,
        "digits": 6,
        "period": 30,
        "algorithm": "kw-aes256",
        "ciphertext": b"c" * 32,
        **changed,
    }
    return admin_pb2.DeliveredToken(**fields)


def batch(*tokens: admin_pb2.DeliveredToken) -> admin_pb2.ImportTokensRequest:
    return admin_pb2.ImportTokensRequest(batch=admin_pb2.TokenBatch(tokens=tokens))


def at(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def test_a_delivery_is_what_it_says() -> None:
    mac = admin_pb2.MacMethod(
        algorithm="hmac-sha256", key_algorithm="kw-aes256", key_ciphertext=b"k" * 40
    )
    assert announced_of(delivery(mac=mac, dry_run=True)) == Announced(
        "20160003",
        "acme",
        DIGEST,
        MacMethod("hmac-sha256", "kw-aes256", b"k" * 40),
        dry_run=True,
    )
    assert announced_of(delivery()).mac is None


def test_a_one_time_key_is_the_vendors() -> None:
    key = admin_pb2.OneTimeKey(algorithm="rsa-oaep-mgf1p", ciphertext=b"k" * 384)
    told = announced_of(delivery(one_time_key=key)).one_time
    assert told == OneTimeKey("acme", "rsa-oaep-mgf1p", b"k" * 384)
    with pytest.raises(InvalidField, match=r"one_time_key\.ciphertext"):
        announced_of(delivery(one_time_key=admin_pb2.OneTimeKey(algorithm="rsa-oaep-mgf1p")))


def test_a_token_is_what_it_says() -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    told = token(
        drift_steps=-2,
        mac=b"m" * 32,
        not_before=at(begin),
        not_after=at(end),
        manufacturer="KagiTech",
        model="K1",
    )
    [read] = batch_of(batch(told))
    assert read == VendorToken(
        serial="2V0716016FK2",
        profile=Profile(MovingFactor.TIME, Hash.SHA1, 6, 30),
        last_step=NEVER,
        drift=-2,
        seed=EncryptedSeed("kw-aes256", b"c" * 32, b"m" * 32),
        line=0,
        validity=Validity(begin, end),
        device=Device("KagiTech", "K1"),
    )


@pytest.mark.parametrize(("counter", "last_step"), [(0, -1), (7, 6), (1 << 48, (1 << 48) - 1)])
def test_what_comes_before_the_next_counter_is_spent(counter: int, last_step: int) -> None:
    [read] = batch_of(batch(token(factor=EVENT, period=0, counter=counter)))
    assert (read.last_step, read.profile.factor) == (last_step, MovingFactor.EVENT)


def test_a_batch_keeps_its_order() -> None:
    serials = [f"A{number:03}" for number in range(MOST_TOKENS)]
    read = batch_of(batch(*[token(serial=serial) for serial in serials]))
    assert [one.serial for one in read] == serials


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_id", "2016003"),
        ("service_id", "2016000\N{FULLWIDTH DIGIT THREE}"),
        ("vendor", ""),
        ("vendor", "v" * 65),
        ("vendor", "a\nb"),
        ("digest", b""),
        ("digest", bytes(31)),
    ],
)
def test_a_wrong_field_of_the_delivery_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidField) as refused:
        announced_of(delivery(**{field: value}))
    assert refused.value.field == f"delivery.{field}"


@pytest.mark.parametrize("field", ["algorithm", "key_algorithm", "key_ciphertext"])
def test_a_wrong_field_of_the_mac_is_named(field: str) -> None:
    whole = {"algorithm": "hmac-sha1", "key_algorithm": "kw-aes128", "key_ciphertext": b"k"}
    wrong: Any = {**whole, field: b"" if field == "key_ciphertext" else "HMAC!"}
    with pytest.raises(InvalidField) as refused:
        announced_of(delivery(mac=admin_pb2.MacMethod(**wrong)))
    assert refused.value.field == f"delivery.mac.{field}"


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("serial", {"serial": ""}),
        ("serial", {"serial": "2v07"}),
        ("serial", {"serial": "A" * 33}),
        ("factor", {"factor": 0}),
        ("factor", {"factor": 9}),
        ("hash", {"hash": 0}),
        ("digits", {"digits": 5}),
        ("digits", {"digits": 11}),
        ("period", {"period": 0}),
        ("period", {"period": 121}),
        ("period", {"factor": EVENT, "period": 30}),
        ("counter", {"counter": 1}),
        ("counter", {"factor": EVENT, "period": 0, "counter": (1 << 48) + 1}),
        ("drift_steps", {"factor": EVENT, "period": 0, "drift_steps": 1}),
        ("drift_steps", {"drift_steps": -(1 << 31)}),
        ("algorithm", {"algorithm": ""}),
        ("algorithm", {"algorithm": "http://www.w3.org/2001/04/xmlenc#kw-aes256"}),
        ("ciphertext", {"ciphertext": b""}),
        ("ciphertext", {"ciphertext": bytes(4097)}),
        ("manufacturer", {"manufacturer": "m" * 65}),
        ("model", {"model": "\x07"}),
        ("not_before", {"not_before": Timestamp(seconds=1 << 60)}),
        ("not_after", {"not_after": Timestamp(seconds=5, nanos=-1)}),
        ("not_after", {"not_before": Timestamp(seconds=9), "not_after": Timestamp(seconds=9)}),
    ],
)
def test_a_wrong_field_of_a_token_is_named_with_its_place(
    field: str, changed: dict[str, Any]
) -> None:
    with pytest.raises(InvalidField) as refused:
        batch_of(batch(token(serial="A"), token(**changed)))
    assert refused.value.field == f"batch.tokens[1].{field}"


@pytest.mark.parametrize("count", [0, MOST_TOKENS + 1])
def test_a_batch_has_its_bounds(count: int) -> None:
    with pytest.raises(InvalidField) as refused:
        batch_of(batch(*[token()] * count))
    assert refused.value.field == "batch.tokens"


def test_each_message_has_its_place() -> None:
    for request in (batch(token()), admin_pb2.ImportTokensRequest()):
        with pytest.raises(InvalidField) as refused:
            announced_of(request)
        assert refused.value.field == "delivery"
    for request in (delivery(), admin_pb2.ImportTokensRequest()):
        with pytest.raises(InvalidField) as refused:
            batch_of(request)
        assert refused.value.field == "batch"


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (Result.IMPORTED, admin_pb2.IMPORT_RESULT_IMPORTED),
        (Result.IMPORTABLE, admin_pb2.IMPORT_RESULT_IMPORTED),
        (Result.DUPLICATE, admin_pb2.IMPORT_RESULT_DUPLICATE),
        (Result.REFUSED, admin_pb2.IMPORT_RESULT_REFUSED),
    ],
)
def test_a_result_is_told_in_the_words_of_the_api(result: Result, word: int) -> None:
    answer = response_of([Line("A", result, 7, "CUSTODY", "REASON", "a sentence")])
    assert answer.results == [
        admin_pb2.ImportedToken(
            serial="A",
            result=word,  # type: ignore[arg-type]
            custody="CUSTODY",
            reason="REASON",
            detail="a sentence",
        )
    ]
