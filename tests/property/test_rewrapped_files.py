# SPDX-License-Identifier: Apache-2.0
"""Whatever token is written, the reader reads the same one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.adapters.pskc.writer import PskcWriter
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Head,
    MacMethod,
    OneTimeKey,
    VendorToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import Hash, MovingFactor, Profile
from support.vendors.pskc_files import parsed

HEAD = Head(
    OneTimeKey("acme", "rsa-oaep-mgf1p", bytes(range(256))),
    MacMethod("hmac-sha256", "kw-aes256", bytes(range(40))),
)
MIDDLE = datetime(2030, 1, 1, tzinfo=UTC)

# What the reader lets through of a maker's name: printable, and not at its edges blank.
names = st.text(st.characters(exclude_categories=("C", "Z")), max_size=64)
seconds = st.integers(0, 20 * 365 * 86_400).map(lambda number: timedelta(seconds=number))
befores = st.none() | seconds.map(lambda ago: MIDDLE - timedelta(days=1) - ago)
afters = st.none() | seconds.map(lambda later: MIDDLE + timedelta(days=1) + later)


@st.composite
def tokens(draw: st.DrawFn) -> VendorToken:
    """Draw a token as a reader gives it."""
    timed = draw(st.booleans())
    factor = MovingFactor.TIME if timed else MovingFactor.EVENT
    period = draw(st.integers(1, 120)) if timed else 0
    begins = draw(befores)
    return VendorToken(
        serial=draw(st.from_regex(r"[0-9A-Z]{1,32}", fullmatch=True)),
        profile=Profile(factor, draw(st.sampled_from(Hash)), draw(st.integers(6, 10)), period),
        last_step=-1 if timed else draw(st.integers(-1, 2**40)),
        drift=draw(st.integers(-1000, 1000)) if timed else 0,
        seed=EncryptedSeed(
            "kw-aes256",
            draw(st.binary(min_size=24, max_size=72)),
            draw(st.binary(min_size=32, max_size=32)),
        ),
        line=0,
        validity=Validity(begins, draw(afters)),
        device=Device(
            draw(names), draw(names), draw(st.none() | st.just(begins and begins.date()))
        ),
    )


@given(st.lists(tokens(), min_size=1, max_size=5))
def test_a_written_token_is_read_as_it_was(written: list[VendorToken]) -> None:
    document = BytesIO()
    writer = PskcWriter(document, HEAD)
    for token in written:
        writer.write(token)
    writer.finish()
    read = parsed(document.getvalue(), ReadOptions("acme"))
    assert read.faults == []
    assert read.head == HEAD
    assert [_plain(token) for token in read.tokens] == [_plain(token) for token in written]


def _plain(token: VendorToken) -> tuple[object, ...]:
    return (
        *(token.serial, token.profile, token.last_step, token.drift),
        *(token.validity, token.device),
        *(token.seed.algorithm, token.seed.ciphertext, token.seed.mac),
    )
