# SPDX-License-Identifier: Apache-2.0
"""The codes of a software token, by RFC 6238 and by oathtool, and their countdown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from development import oathtool
from development.vendor import Device
from kagimori_client.token import ClockTooEarly, HashAlgorithm, OtpProfile
from support.phones import software_tokens
from support.tokens import Vector, rfc6238

SEED = bytes(range(64))
STEPS = 100


@pytest.mark.parametrize("vector", rfc6238(), ids=lambda v: f"{v.profile.hash} T={v.step}")
def test_codes_of_rfc_6238_appendix_b(vector: Vector, tmp_path: Path) -> None:
    profile = OtpProfile(HashAlgorithm(vector.profile.hash.value), 8, 30)
    # The app's seeds have 64 octets; HMAC fills a shorter key up with zeros (RFC 2104 §2).
    token = software_tokens.token(tmp_path, vector.seed.ljust(64, b"\0"), profile=profile)
    first, last = vector.step * 30, vector.step * 30 + 29.9
    assert (token.code(first), token.code(last)) == (vector.code, vector.code)
    assert token.step(last) == vector.step


@pytest.mark.parametrize("digits", [6, 7, 8])
@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
def test_oathtool_agrees_over_many_steps(
    algorithm: HashAlgorithm, digits: int, tmp_path: Path
) -> None:
    token = software_tokens.token(tmp_path, profile=OtpProfile(algorithm, digits, 60))
    device = Device("X", SEED, hash=algorithm.value, digits=digits, period=60)
    began = 1_700_000_040
    for step in range(0, STEPS, 7):
        at = began + step * 60
        assert token.code(at) == oathtool.time_code(device, began, step), step


def test_without_a_time_it_is_now(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path)
    before = token.code(time.time())
    shown = token.code()
    assert shown in (before, token.code(time.time()))


def test_the_countdown_ends_at_0_and_the_next_code_follows(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path)
    at = 1_700_000_040  # a step begins
    counts = [token.seconds_left(at + second + 0.5) for second in range(61)]
    assert counts == [*range(59, -1, -1), 59]
    codes = [token.code(at + second + 0.999) for second in range(61)]
    assert set(codes[:60]) == {codes[0]}
    assert codes[60] == token.code(at + 60) != codes[0]


def test_step_0_begins_at_t0(tmp_path: Path) -> None:
    profile = OtpProfile(HashAlgorithm.SHA1, 8, 30, t0=1_000)
    token = software_tokens.token(
        tmp_path, b"12345678901234567890".ljust(64, b"\0"), profile=profile
    )
    # RFC 6238 appendix B, T = 59: step 1 of t0 = 0.
    assert token.code(1_059) == "94287082"
    assert token.seconds_left(1_000) == 29
    with pytest.raises(ClockTooEarly):
        token.code(999.9)


@pytest.mark.parametrize(("digits", "period"), [(5, 30), (9, 30), (6, 0), (6, -30), (6, 3601)])
def test_no_token_has_such_a_profile(digits: int, period: int) -> None:
    with pytest.raises(ValueError, match="digits must be"):
        OtpProfile(HashAlgorithm.SHA1, digits, period)


def test_no_repr_shows_a_seed_a_user_or_a_serial(tmp_path: Path) -> None:
    token = software_tokens.token(tmp_path)
    shown = repr(token) + repr(token._record) + repr(token._safe)
    secrets = (SEED, software_tokens.SIGNING_SEED)
    assert "10112231" in shown
    assert software_tokens.USER_ID not in shown
    assert not any(repr(secret)[2:20] in shown or secret.hex() in shown for secret in secrets)
    assert software_tokens.PASSPHRASE not in shown
