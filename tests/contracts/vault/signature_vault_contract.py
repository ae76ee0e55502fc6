# SPDX-License-Identifier: Apache-2.0
"""How every `SeedVault` checks signatures over transactions.

A test module makes it its own by a subclass and a fixture ``bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import pytest

from contracts.vault.vault_contract import COUNTERS, HOTP_SEED, Bench, is_tampered, token_of
from development.openssl_ocra import code_of, hmac_of
from kagimori.application.ports import (
    Match,
    NoMatch,
    Search,
    SearchAnswer,
    SearchFailed,
    SeedVault,
    SignatureCheck,
)
from kagimori.application.provisioning.ports import EnvelopeVault
from kagimori.domain.code import Otp
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Hash, Profile, Purpose, Token
from kagimori.domain.transaction import SCANNED_SUITE, TYPED_PERIOD, TYPED_SUITE, Question
from kagimori.domain.window import Window
from support.ocra import KEYS, OcraVector, rfc6287
from support.phones.signing import SEED_OCTETS, SigningToken, signing_token
from support.tokens import OTHER_TENANT, TENANT, identity
from support.waiting import waited

KEY = KEYS["32"]

SCANNED = Question(SCANNED_SUITE, "5f" * 32)
TYPED = Question(TYPED_SUITE, "1234567100000", TYPED_PERIOD)
STEP = 56_000_000
STEPS = Window(STEP - 2, STEP, STEP + 2)

# What the port can ask: a question, and the time.
ASKED = [vector for vector in rfc6287() if vector.inputs.keys() <= {"time_step"}]


class SignatureVault(SeedVault, EnvelopeVault, Protocol):
    """A vault that opens an app's envelopes and checks its signatures."""


class SignatureBench(Bench, Protocol):
    """A vault, what an importing process would do for it, and what phones seal to."""

    @property
    def vault(self) -> SignatureVault: ...

    def provisioning_pem(self, tenant: str) -> str: ...


def signer_of(bench: Bench, key: bytes = KEY, use: Hash = Hash.SHA256) -> Token:
    """Return the row of a signing seed; its profile is what the seed was sealed for."""
    profile = Profile(COUNTERS[0].profile.factor, use, digits=6, period=0)
    sealed = bench.seal(TENANT, key, profile)
    row = identity(profile, purpose=Purpose.SIGNING, seed=sealed)
    return Token(row, bench.row_mac(row), State.ACTIVE)


def check_all(bench: Bench, asked: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
    return waited(bench.vault.search(asked))


def check(
    bench: Bench, token: Token, question: Question, code: str, steps: Window | None = None
) -> SearchAnswer:
    (answer,) = check_all(bench, [SignatureCheck(token, question, Otp(code), steps)])
    return answer


def code_over(question: Question, step: int | None = None) -> str:
    """Return what the key signs, by openssl over octets that are put together here."""
    octets = question.text.encode() if step is not None else bytes.fromhex(question.text)
    time = b"" if step is None else step.to_bytes(8, "big")
    message = question.suite.encode() + b"\0" + octets.ljust(128, b"\0") + time
    return code_of(hmac_of("SHA256", KEY, message), 8)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08d}"


def pair_of(bench: SignatureBench) -> SigningToken:
    """Return an app's token, with seeds of the test's own: no code of one is the other's."""
    seeds = bytes(range(SEED_OCTETS)), bytes(range(SEED_OCTETS, 2 * SEED_OCTETS))
    pem = bench.provisioning_pem(TENANT)
    return signing_token(bench.vault, pem, login_seed=seeds[0], signing_seed=seeds[1])


class SignatureVaultContract:
    @pytest.mark.parametrize("vector", ASKED, ids=str)
    def test_finds_the_responses_of_rfc_6287(self, bench: Bench, vector: OcraVector) -> None:
        use = Hash(vector.suite.split("-")[2])
        signer = signer_of(bench, vector.key, use)
        step = vector.inputs.get("time_step")
        steps = None if step is None else Window(step - 1, step, step + 1)
        question = Question(vector.suite, vector.question)
        assert check(bench, signer, question, vector.response, steps) == Match(step or 0)

    def test_a_code_over_a_scanned_transaction_is_that_of_its_question_only(
        self, bench: Bench
    ) -> None:
        signer, code = signer_of(bench), code_over(SCANNED)
        assert check(bench, signer, SCANNED, code) == Match(0)
        assert check(bench, signer, SCANNED, other_than(code)) == NoMatch()
        for text in ("5e" + "5f" * 31, "5f" * 31 + "5e", "5f" * 31):
            assert check(bench, signer, replace(SCANNED, text=text), code) == NoMatch()

    def test_hexadecimal_digits_mean_the_same_in_either_case(self, bench: Bench) -> None:
        upper = replace(SCANNED, text=SCANNED.text.upper())
        assert check(bench, signer_of(bench), upper, code_over(SCANNED)) == Match(0)

    def test_a_code_of_another_suite_is_no_match(self, bench: Bench) -> None:
        signer, code = signer_of(bench), code_over(SCANNED)
        for suite in ("OCRA-1:HOTP-SHA256-8:QA64", "OCRA-1:HOTP-SHA256-7:QH64"):
            assert check(bench, signer, replace(SCANNED, suite=suite), code) == NoMatch()

    def test_a_code_of_another_length_is_no_match(self, bench: Bench) -> None:
        signer, code = signer_of(bench), code_over(SCANNED)
        for text in (code[1:], code[:-1], f"0{code}", f"{code}0"):
            assert check(bench, signer, SCANNED, text) == NoMatch()

    @pytest.mark.parametrize("off", [-3, -2, -1, 0, 1, 2, 3])
    def test_the_window_of_a_typed_transaction_is_exact(self, bench: Bench, off: int) -> None:
        step = STEP + off
        wanted = Match(step) if -2 <= off <= 2 else NoMatch()
        assert check(bench, signer_of(bench), TYPED, code_over(TYPED, step), STEPS) == wanted

    def test_what_was_typed_otherwise_has_another_code(self, bench: Bench) -> None:
        signer, code = signer_of(bench), code_over(TYPED, STEP)
        for text in ("1234568100000", "1234567100001", "12345671000000", "123456710000"):
            assert check(bench, signer, replace(TYPED, text=text), code, STEPS) == NoMatch()

    def test_signatures_and_logins_are_answered_item_for_item(self, bench: Bench) -> None:
        signer, login = signer_of(bench), token_of(bench, HOTP_SEED, COUNTERS[0].profile)
        bad = replace(signer, row_mac=bytes(len(signer.row_mac)))
        code, window = Otp(code_over(SCANNED)), Window(0, 0, 9)
        typed = Otp(code_over(TYPED, STEP + 1))
        answers = check_all(
            bench,
            [
                SignatureCheck(signer, SCANNED, code),
                Search(login, window, Otp(COUNTERS[2].code)),
                SignatureCheck(bad, SCANNED, code),
                SignatureCheck(signer, TYPED, typed, STEPS),
                Search(login, window, Otp("000000")),
                SignatureCheck(signer, SCANNED, typed),
            ],
        )
        assert is_tampered(answers.pop(2))
        assert answers == [Match(0), Match(2), Match(STEP + 1), NoMatch(), NoMatch()]

    def test_a_token_signs_with_another_key_than_it_logs_in_with(
        self, bench: SignatureBench
    ) -> None:
        token = pair_of(bench)
        assert token.login_seed != token.signing_seed
        assert token.login.identity.seed.blob != token.signing.identity.seed.blob
        assert check(bench, token.signing, SCANNED, token.code(SCANNED)) == Match(0)
        swapped = replace(token, signing_seed=token.login_seed)
        assert check(bench, token.signing, SCANNED, swapped.code(SCANNED)) == NoMatch()
        login = Search(token.login, Window(7, 7, 7), Otp(token.login_code(7)))
        swapped = replace(token, login_seed=token.signing_seed)
        signed = Search(token.login, Window(7, 7, 7), Otp(swapped.login_code(7)))
        assert check_all(bench, [login, signed]) == [Match(7), NoMatch()]

    def test_each_seed_is_asked_for_its_own_purpose_only(self, bench: SignatureBench) -> None:
        token = pair_of(bench)
        login = replace(token, signing_seed=token.login_seed)
        assert is_tampered(check(bench, token.login, SCANNED, login.code(SCANNED)))
        steps, code = Window(STEP, STEP, STEP), login.code(TYPED, STEP)
        assert is_tampered(check(bench, token.login, TYPED, code, steps))
        signing = replace(token, login_seed=token.signing_seed)
        first, second = (Otp(signing.login_code(step)) for step in (7, 8))
        window = Window(7, 7, 8)
        answers = check_all(
            bench,
            [Search(token.signing, window, first), Search(token.signing, window, first, second)],
        )
        assert [is_tampered(answer) for answer in answers] == [True, True]

    def test_a_row_that_is_called_another_purposes_is_tampered(self, bench: SignatureBench) -> None:
        token = pair_of(bench)
        signing, login = (
            replace(row, identity=replace(row.identity, purpose=purpose))
            for row, purpose in (
                (token.signing, Purpose.AUTHENTICATION),
                (token.login, Purpose.SIGNING),
            )
        )
        swapped = replace(token, login_seed=token.signing_seed, signing_seed=token.login_seed)
        assert is_tampered(check(bench, login, SCANNED, swapped.code(SCANNED)))
        code = Otp(swapped.login_code(7))
        assert is_tampered(check_all(bench, [Search(signing, Window(7, 7, 7), code)])[0])

    @pytest.mark.parametrize(
        "change",
        [
            {"tenant": OTHER_TENANT},
            {"token_id": "token-2"},
            {"serial": "2V0716016FK3"},
            {"subscriber": "subscriber-2"},
            {"subscriber": None},
        ],
        ids=str,
    )
    def test_a_row_that_names_another_signs_nothing(
        self, bench: Bench, change: dict[str, Any]
    ) -> None:
        signer = signer_of(bench)
        swapped = replace(signer, identity=replace(signer.identity, **change))
        assert is_tampered(check(bench, swapped, SCANNED, code_over(SCANNED)))

    @pytest.mark.parametrize(
        ("change", "vouched_for"),
        [
            ({"blob": bytes(40)}, False),
            ({"wrap_format": "other"}, False),
            ({"key_version": 2}, False),
            ({"blob": bytes(40)}, True),
            ({"wrap_format": "other"}, True),
        ],
        ids=["blob", "wrap_format", "key_version", "blob-vouched", "wrap_format-vouched"],
    )
    def test_a_seed_that_is_not_ours_signs_nothing(
        self, bench: Bench, change: dict[str, Any], *, vouched_for: bool
    ) -> None:
        signer = signer_of(bench)
        row = replace(signer.identity, seed=replace(signer.identity.seed, **change))
        mac = bench.row_mac(row) if vouched_for else signer.row_mac
        swapped = Token(row, mac, State.ACTIVE)
        assert is_tampered(check(bench, swapped, SCANNED, code_over(SCANNED)))

    def test_steps_that_no_token_has_are_tampered_alone(self, bench: Bench) -> None:
        signer, code = signer_of(bench), Otp(code_over(TYPED, STEP))
        first, second = check_all(
            bench,
            [
                SignatureCheck(signer, TYPED, code, Window(-1, 0, 1)),
                SignatureCheck(signer, TYPED, code, STEPS),
            ],
        )
        assert is_tampered(first)
        assert second == Match(STEP)

    @pytest.mark.parametrize(
        ("question", "steps"),
        [
            (SCANNED, STEPS),
            (TYPED, None),
            (replace(SCANNED, text="5f" * 33), None),
            (replace(SCANNED, text="5g" * 32), None),
            (replace(TYPED, text="1234567-1000"), STEPS),
            (replace(SCANNED, suite="OCRA-1:HOTP-SHA256-8:QH65"), None),
            (replace(SCANNED, suite=f"{SCANNED_SUITE}-PSHA1"), None),
        ],
        ids=["steps", "no-steps", "longer", "no-digits", "no-letters", "no-suite", "password"],
    )
    def test_what_the_suite_does_not_ask_costs_nobody_else_his_answer(
        self, bench: Bench, question: Question, steps: Window | None
    ) -> None:
        signer, code = signer_of(bench), Otp(code_over(SCANNED))
        first, second = check_all(
            bench,
            [
                SignatureCheck(signer, question, code, steps),
                SignatureCheck(signer, SCANNED, code),
            ],
        )
        assert isinstance(first, SearchFailed)
        assert first.evaluated == 0
        assert second == Match(0)
