# SPDX-License-Identifier: Apache-2.0
"""What python-pskc writes is what the reader reads: it knows the format on its own."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pskc import PSKC
from pskc.key import EncryptedValue

from kagimori.application.inventory.vendor_file import EncryptedSeed, VendorToken
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from support.pskc_files import VENDOR, parsed

HASH_WORDS = {Hash.SHA1: "HMAC-SHA1", Hash.SHA256: "HMAC-SHA256", Hash.SHA512: "HMAC-SHA512"}
PROFILE = "urn:ietf:params:xml:ns:keyprov:pskc:"

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


@st.composite
def keys(draw: st.DrawFn) -> dict[str, Any]:
    """Return what `PSKC.add_key` takes for a token of a profile that we support."""
    moving = draw(
        st.fixed_dictionaries({"counter": st.integers(0, 2**48)})
        | st.fixed_dictionaries(
            {"time_interval": st.integers(1, 86400)},
            optional={"time_drift": st.integers(1, 1000), "time_offset": st.just(0)},
        )
    )
    return {
        "algorithm": PROFILE + ("hotp" if "counter" in moving else "totp"),
        "algorithm_suite": draw(st.sampled_from(list(HASH_WORDS.values()))),
        "response_length": draw(st.integers(6, 8)),
        "response_encoding": "DECIMAL",
        "secret": draw(seeds),
        "manufacturer": draw(st.text("<&>'\"漢ab ", min_size=1)),
        **moving,
    }


@given(fleet=st.dictionaries(serials, keys(), min_size=1, max_size=4), under=algorithms, mac=macs)
def test_everything_written_is_read(
    fleet: dict[str, dict[str, Any]], under: tuple[str, int], mac: str
) -> None:
    algorithm, octets = under
    container = PSKC()
    for serial, key in fleet.items():
        container.add_key(serial=serial, **key)
    container.mac.setup(algorithm=mac)
    container.encryption.setup_preshared_key(key=bytes(octets), algorithm=algorithm)
    document = BytesIO()
    container.write(document)

    file = parsed(document.getvalue())

    oracle = PSKC(BytesIO(document.getvalue()))
    assert file.mac is not None
    assert file.mac.algorithm == mac
    assert (file.mac.key_algorithm, file.mac.key_ciphertext) == _stored(vars(oracle.mac)["_key"])
    assert [_without_line(token) for token in file.tokens] == [
        _expected(serial, key, vars(written)["_secret"])
        for (serial, key), written in zip(fleet.items(), oracle.keys, strict=True)
    ]


def _without_line(token: VendorToken) -> tuple[object, ...]:
    return (token.serial, token.profile, token.last_step, token.drift, token.seed)


def _expected(serial: str, key: dict[str, Any], secret: EncryptedValue) -> tuple[object, ...]:
    event = "counter" in key
    profile = Profile(
        factor=MovingFactor.EVENT if event else MovingFactor.TIME,
        hash=next(hash_ for hash_, word in HASH_WORDS.items() if word == key["algorithm_suite"]),
        digits=key["response_length"],
        period=0 if event else key["time_interval"],
    )
    last_step = key["counter"] - 1 if event else NEVER
    seed = EncryptedSeed(VENDOR, *_stored(secret), secret.mac_value)
    return (serial, profile, last_step, key.get("time_drift", 0), seed)


def _stored(value: EncryptedValue) -> tuple[str, bytes]:
    return (value.algorithm or "").rpartition("#")[2], value.cipher_value
