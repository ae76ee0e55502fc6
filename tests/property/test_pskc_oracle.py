# SPDX-License-Identifier: Apache-2.0
"""What python-pskc writes is what the reader reads: it knows the format on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pskc import PSKC
from pskc.key import EncryptedValue

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    InClear,
    PasswordKey,
    PreSharedKey,
    VendorToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from support.vendors.pskc_files import VENDOR, Read, parsed

HASH_WORDS = {Hash.SHA1: "HMAC-SHA1", Hash.SHA256: "HMAC-SHA256", Hash.SHA512: "HMAC-SHA512"}
PROFILE = "urn:ietf:params:xml:ns:keyprov:pskc:"
PAST = datetime(2006, 5, 1, tzinfo=UTC)
FUTURE = datetime(2999, 5, 1, tzinfo=UTC)

algorithms = st.sampled_from(
    [
        (name.format(8 * octets), octets)
        for name in ("aes{}-cbc", "kw-aes{}")
        for octets in (16, 24, 32)
    ]
)
macs = st.sampled_from([f"hmac-sha{bits}" for bits in (1, 224, 256, 384, 512)])
seeds = st.binary(min_size=16, max_size=64)
serials = st.from_regex(r"[0-9A-Z]{1,32}", fullmatch=True)
names = st.text("<&>'\"漢ab ", min_size=1, max_size=80)
starts = st.datetimes(datetime(1990, 1, 1), PAST.replace(tzinfo=None), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn
ends = st.datetimes(FUTURE.replace(tzinfo=None), timezones=st.just(UTC))
moving_factors = st.fixed_dictionaries({"counter": st.integers(0, 2**48)}) | st.fixed_dictionaries(
    {"time_interval": st.integers(1, 120)},
    optional={"time_drift": st.integers(-1000, 1000), "time_offset": st.just(0)},
)
dates = st.fixed_dictionaries(
    {},
    optional={
        "start_date": starts,
        "expiry_date": ends,
        "policy__start_date": starts,
        "policy__expiry_date": ends,
    },
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "policy__key_usage": st.just(["OTP"]) | st.just(["CR", "OTP"]),
        "policy__pin_usage": st.just("Local"),
    },
)


@st.composite
def keys(draw: st.DrawFn) -> dict[str, Any]:
    """Return what `PSKC.add_key` takes for a token of a profile that we support."""
    moving = draw(moving_factors)
    return {
        "algorithm": PROFILE + ("hotp" if "counter" in moving else "totp"),
        "algorithm_suite": draw(st.sampled_from(list(HASH_WORDS.values()))),
        "response_length": draw(st.integers(6, 10)),
        "response_encoding": "DECIMAL",
        "secret": draw(seeds),
        "manufacturer": draw(names),
        "model": draw(names),
        **moving,
        **draw(dates),
        **draw(policies),
    }


fleets = st.dictionaries(serials, keys(), min_size=1, max_size=4)


@given(fleet=fleets, under=algorithms, mac=macs)
def test_everything_written_is_read(
    fleet: dict[str, dict[str, Any]], under: tuple[str, int], mac: str
) -> None:
    algorithm, octets = under
    container = _container(fleet)
    container.mac.setup(algorithm=mac)
    key = bytes(range(octets))
    container.encryption.setup_preshared_key(key=key, algorithm=algorithm)
    read, oracle = _both(container)

    oracle.encryption.key = key
    assert read.head.encryption == PreSharedKey(VENDOR)
    assert read.head.mac is not None
    assert read.head.mac.algorithm == mac
    written = (read.head.mac.key_algorithm, read.head.mac.key_ciphertext)
    assert written == _stored(vars(oracle.mac)["_key"])
    _compare(read, oracle, fleet)


@given(fleet=fleets, iterations=st.integers(1, 50), salt=st.binary(min_size=1, max_size=64))
def test_everything_under_a_password_is_read(
    fleet: dict[str, dict[str, Any]], iterations: int, salt: bytes
) -> None:
    container = _container(fleet)
    container.encryption.setup_pbkdf2(
        "qwerty", salt=salt, iterations=iterations, key_length=32, algorithm="aes256-cbc"
    )
    read, oracle = _both(container)
    oracle.encryption.derive_key("qwerty")
    assert read.head.encryption == PasswordKey("qwerty", salt, iterations, 32, Hash.SHA1)
    _compare(read, oracle, fleet)


@pytest.mark.filterwarnings("ignore:TripleDES has been moved")
@given(fleet=fleets)
def test_everything_under_triple_des_is_read(fleet: dict[str, dict[str, Any]]) -> None:
    container = _container(fleet)
    key = bytes(range(24))
    container.encryption.setup_preshared_key(key=key, algorithm="tripledes-cbc")
    read, oracle = _both(container)
    oracle.encryption.key = key
    assert {token.seed.algorithm for token in read.tokens} == {"tripledes-cbc"}
    _compare(read, oracle, fleet)


@given(fleet=fleets)
def test_everything_in_clear_is_read(fleet: dict[str, dict[str, Any]]) -> None:
    read, _ = _both(_container(fleet))
    assert read.head.encryption == InClear()
    assert [_read(token) for token in read.tokens] == [
        _expected(serial, key, EncryptedSeed("clear", key["secret"]))
        for serial, key in fleet.items()
    ]


def _container(fleet: dict[str, dict[str, Any]]) -> PSKC:
    container = PSKC()
    for serial, key in fleet.items():
        device = container.add_device(
            serial=serial,
            **{
                name: key[name]
                for name in ("manufacturer", "model", "start_date", "expiry_date")
                if name in key
            },
        )
        own = {"manufacturer", "model", "start_date", "expiry_date"}
        device.add_key(**{name: value for name, value in key.items() if name not in own})
    return container


def _both(container: PSKC) -> tuple[Read, PSKC]:
    document = BytesIO()
    container.write(document)
    options = ReadOptions(VENDOR, password="qwerty")
    read = parsed(document.getvalue(), options)
    assert not read.faults
    return read, PSKC(BytesIO(document.getvalue()))


def _compare(read: Read, oracle: PSKC, fleet: dict[str, dict[str, Any]]) -> None:
    stored = []
    for (serial, key), written in zip(fleet.items(), oracle.keys, strict=True):
        assert written.secret == key["secret"]
        secret = vars(written)["_secret"]
        seed = EncryptedSeed(*_stored(secret), secret.mac_value)
        stored.append(_expected(serial, key, seed))
    assert [_read(token) for token in read.tokens] == stored


def _read(token: VendorToken) -> VendorToken:
    assert token.line > 0
    return replace(token, line=0)


def _expected(serial: str, key: dict[str, Any], seed: EncryptedSeed) -> VendorToken:
    event = "counter" in key
    device = Validity(key.get("start_date"), key.get("expiry_date"))
    policy = Validity(key.get("policy__start_date"), key.get("policy__expiry_date"))
    start = key.get("start_date")
    return VendorToken(
        serial=serial,
        profile=Profile(
            factor=MovingFactor.EVENT if event else MovingFactor.TIME,
            hash=next(
                hash_ for hash_, word in HASH_WORDS.items() if word == key["algorithm_suite"]
            ),
            digits=key["response_length"],
            period=0 if event else key["time_interval"],
        ),
        last_step=key["counter"] - 1 if event else NEVER,
        drift=key.get("time_drift", 0),
        seed=seed,
        line=0,
        validity=device.within(policy),
        device=Device(
            key["manufacturer"].strip()[:64].strip(),
            key["model"].strip()[:64].strip(),
            start.date() if start else None,
        ),
    )


def _stored(value: EncryptedValue) -> tuple[str, bytes]:
    return (value.algorithm or "").rpartition("#")[2], value.cipher_value
