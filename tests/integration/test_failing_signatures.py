# SPDX-License-Identifier: Apache-2.0
"""What a signature costs when the HSM fails: SoftHSM behind the shim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kagimori.adapters.vault import HsmVault, Sessions
from kagimori.application.ports import Match, NoMatch, SearchAnswer, SearchFailed, SignatureCheck
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable, RecordTampered
from kagimori.domain.transaction import SCANNED_SUITE, TYPED_PERIOD, TYPED_SUITE, Question
from kagimori.domain.window import Window
from support.custody.hsm import HsmFiles, fresh_hsm
from support.custody.shim import SOFTHSM, Shim, ensure_built
from support.custody.vault import hsm_of
from support.phones.signing import SEED_OCTETS, SigningToken, hsm_signing_token
from support.tokens import TENANT
from support.waiting import waited

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM"),
]

SCANNED = Question(SCANNED_SUITE, "0a" * 32)
TYPED = Question(TYPED_SUITE, "12345671000", TYPED_PERIOD)
STEPS = Window(99, 100, 101)
FOR_EVER = 600_000
"""Milliseconds: longer than any test."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), {"abukuma": TENANT})


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory, files: HsmFiles) -> Iterator[Shim]:
    """The module-wide shim: a process loads it once."""
    ensure_built()
    shim = Shim(tmp_path_factory.mktemp("shim"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shim.environment.items():
            patch.setenv(name, value)
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        yield shim


@pytest.fixture
def vault(files: HsmFiles, shim: Shim) -> Iterator[HsmVault]:
    how = Sessions(1, wait=0.5, cache_entries=8, cache_seconds=600)
    vault = HsmVault.open(hsm_of(files, shim.path), how)
    try:
        yield vault
    finally:
        shim.clear()
        vault.close()


@pytest.fixture
def token(vault: HsmVault, files: HsmFiles, shim: Shim) -> SigningToken:
    """A token whose signing seed is open: what fails then is no row's MAC."""
    seeds = bytes(range(SEED_OCTETS)), bytes(range(SEED_OCTETS, 2 * SEED_OCTETS))
    token = hsm_signing_token(vault, files, login_seed=seeds[0], signing_seed=seeds[1])
    assert check(vault, token, SCANNED, token.code(SCANNED)) == Match(0)
    shim.reset()
    return token


def check(
    vault: HsmVault, token: SigningToken, question: Question, code: str, steps: Window | None = None
) -> SearchAnswer:
    asked = SignatureCheck(token.signing, question, Otp(code), steps)
    return waited(vault.search([asked]))[0]


def evaluated(answer: SearchAnswer) -> int:
    assert isinstance(answer, SearchFailed)
    assert isinstance(answer.error, HsmUnavailable)
    return answer.evaluated


def test_one_mac_says_whether_a_scanned_transaction_was_signed(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    assert check(vault, token, SCANNED, token.code(SCANNED)) == Match(0)
    assert shim.counts()["C_Sign"] == 1
    assert check(vault, token, SCANNED, token.wrong_code(SCANNED)) == NoMatch()
    assert (shim.counts()["C_Sign"], shim.counts()["C_UnwrapKey"]) == (2, 0)


def test_a_wrong_code_costs_the_whole_window(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    assert check(vault, token, TYPED, token.code(TYPED, 100), STEPS) == Match(100)
    assert shim.counts()["C_Sign"] == 1
    wrong = token.wrong_code(TYPED, 99, 100, 101)
    assert check(vault, token, TYPED, wrong, STEPS) == NoMatch()
    assert shim.counts()["C_Sign"] == 4


def test_a_failure_before_any_result_has_evaluated_nothing(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    for function in ("C_SignInit", "C_Sign"):
        shim.fail(function, "CKR_DEVICE_ERROR")
        assert evaluated(check(vault, token, SCANNED, token.code(SCANNED))) == 0
        shim.clear()
    assert check(vault, token, SCANNED, token.code(SCANNED)) == Match(0)


def test_a_call_that_hangs_may_have_evaluated_one(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    shim.hang("C_Sign", FOR_EVER, times=1)
    assert evaluated(check(vault, token, SCANNED, token.code(SCANNED))) == 1


def test_a_session_that_died_is_opened_anew_and_costs_nobody_anything(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    shim.fail("C_SignInit", "CKR_SESSION_HANDLE_INVALID", times=1)
    assert check(vault, token, SCANNED, token.code(SCANNED)) == Match(0)


def test_a_login_seed_is_not_even_opened_for_a_signature(
    vault: HsmVault, token: SigningToken, shim: Shim
) -> None:
    swapped = replace(token, signing=token.login, signing_seed=token.login_seed)
    answer = check(vault, swapped, SCANNED, swapped.code(SCANNED))
    assert isinstance(answer, SearchFailed)
    assert isinstance(answer.error, RecordTampered)
    assert answer.evaluated == 0
    counts = shim.counts()
    assert (counts["C_SignInit"], counts["C_UnwrapKey"]) == (0, 0)
