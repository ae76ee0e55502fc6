# SPDX-License-Identifier: Apache-2.0
"""取引確認 in the app: the code covers what was shown, under a seed of its own."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from development import oathtool, openssl_ocra
from development.vendor import Device
from kagimori_client.token import (
    AnotherBanksTransaction,
    ClockTooEarly,
    InvalidField,
    NotATransaction,
    SigningNotOffered,
    SoftwareToken,
    TransactionToSign,
)
from kagimori_client.token.record import Seeds
from support.pages.transfers import CHALLENGE_ID, PAYEE, TEXT, text_of, transfer
from support.phones import software_tokens

AT = 1_700_000_040


@pytest.fixture
def token(tmp_path: Path) -> SoftwareToken:
    """A token of a bank that offers 取引確認."""
    return software_tokens.token(tmp_path, transaction_signing=True)


def drawn(directory: Path, seeds: Seeds) -> SoftwareToken:
    return software_tokens.token(directory, seeds=seeds, transaction_signing=True)


def test_what_is_shown_is_what_the_text_says(token: SoftwareToken) -> None:
    to_sign = token.read_transaction(TEXT)
    assert to_sign.transfers == (transfer(),)
    assert (to_sign.total, to_sign.currency) == (1_234_567, "JPY")
    assert (to_sign.challenge_id, to_sign.service_id) == (CHALLENGE_ID, token.service_id)


def test_the_code_is_openssls_over_the_very_text(token: SoftwareToken) -> None:
    code = token.sign(token.read_transaction(TEXT))
    assert code == openssl_ocra.code_of_text(software_tokens.SIGNING_SEED, TEXT)
    assert len(code) == 8


def test_the_code_of_a_batch_covers_all_of_it(token: SoftwareToken) -> None:
    transfers = [transfer(amount=amount, reference="") for amount in (1, 20, 300)]
    text = text_of(*transfers)
    to_sign = token.read_transaction(text)
    assert (len(to_sign.transfers), to_sign.total) == (3, 321)
    assert token.sign(to_sign) == openssl_ocra.code_of_text(software_tokens.SIGNING_SEED, text)


@pytest.mark.parametrize("typed", [("0000042", "1"), ("1234567", "9999999999")])
def test_the_typed_code_is_openssls_over_what_was_typed(
    typed: tuple[str, str], token: SoftwareToken
) -> None:
    for at in (AT, AT + 29, AT + 30):
        wanted = openssl_ocra.code_of_typed(software_tokens.SIGNING_SEED, "".join(typed), at)
        assert token.sign_typed(*typed, at) == wanted
        assert token.sign_typed(*typed, at + 0.9) == wanted


def test_without_a_time_it_is_now(token: SoftwareToken) -> None:
    before = token.sign_typed("0000042", "1", time.time())
    shown = token.sign_typed("0000042", "1")
    assert shown in (before, token.sign_typed("0000042", "1"))


def test_the_countdown_ends_at_0_and_begins_anew(token: SoftwareToken) -> None:
    counts = [token.typed_seconds_left(AT + second + 0.5) for second in range(31)]
    assert counts == [*range(29, -1, -1), 29]


def test_login_and_signature_have_different_keys_and_neither_gives_the_others_codes(
    tmp_path: Path,
) -> None:
    while True:
        seeds = Seeds(secrets.token_bytes(64), secrets.token_bytes(64))
        logins = {seed: _login(seed) for seed in (seeds.login, seeds.signing)}
        scanned = {seed: openssl_ocra.code_of_text(seed, TEXT) for seed in logins}
        typed = {seed: openssl_ocra.code_of_typed(seed, "00000421", AT) for seed in logins}
        # Codes of 8 digits repeat by chance; these shall tell all of them apart.
        if len({*logins.values(), *scanned.values(), *typed.values()}) == 6:
            break
    token = drawn(tmp_path, seeds)
    assert token.code(AT) == logins[seeds.login]
    assert token.sign(token.read_transaction(TEXT)) == scanned[seeds.signing]
    assert token.sign_typed("0000042", "1", AT) == typed[seeds.signing]
    kept = token._record.seeds
    assert kept.login != kept.signing


def _login(seed: bytes) -> str:
    return oathtool.time_code(Device("X", seed, digits=8, period=60), AT, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://bank.example/",
        TEXT + "\n",
        TEXT[:-1] + "Ａ",  # noqa: RUF001 - full-width
        TEXT.replace("1234567", "1234568", 1),
        TEXT.replace("KAGIMORI-T1", "KAGIMORI-T2"),
        TEXT.replace("\n", "\r\n"),
    ],
    ids=["nothing", "an address", "more", "full-width", "another total", "version 2", "CR LF"],
)
def test_what_is_no_transaction_is_not_read(text: str, token: SoftwareToken) -> None:
    with pytest.raises(NotATransaction) as refused:
        token.read_transaction(text)
    assert refused.value.__cause__ is None
    assert PAYEE not in str(refused.value)


def test_a_transaction_of_another_bank_is_not_read(token: SoftwareToken) -> None:
    with pytest.raises(AnotherBanksTransaction):
        token.read_transaction(text_of(service_id="20160003"))


def test_a_transaction_of_another_bank_is_not_signed(token: SoftwareToken) -> None:
    with pytest.raises(AnotherBanksTransaction):
        token.sign(TransactionToSign(text_of(service_id="20160003")))


@pytest.mark.parametrize(
    "ask",
    [
        lambda token: token.read_transaction(TEXT),
        lambda token: token.read_transaction("whatever"),
        lambda token: token.sign(TransactionToSign(TEXT)),
        lambda token: token.sign_typed("0000042", "1"),
    ],
    ids=["read", "read nonsense", "sign", "sign typed"],
)
def test_where_the_bank_does_not_offer_it_there_is_no_code(
    ask: Callable[[SoftwareToken], object], tmp_path: Path
) -> None:
    with pytest.raises(SigningNotOffered):
        ask(software_tokens.token(tmp_path, transaction_signing=False))


@pytest.mark.parametrize("shown", [TEXT, TEXT.encode(), None, transfer(), (transfer(),)])
def test_only_what_was_read_is_signed(shown: object, token: SoftwareToken) -> None:
    with pytest.raises(TypeError):
        token.sign(shown)  # type: ignore[arg-type] # that is the point


def test_what_was_read_does_not_change(token: SoftwareToken) -> None:
    to_sign = token.read_transaction(TEXT)
    other = token.read_transaction(text_of(transfer(amount=1)))
    for name in ("transfers", "total", "_read", "_digest", "anything"):
        with pytest.raises(AttributeError):
            setattr(to_sign, name, getattr(other, name, 1))
        with pytest.raises(AttributeError):
            delattr(to_sign, name)
    assert to_sign.transfers == (transfer(),)
    assert token.sign(to_sign) == openssl_ocra.code_of_text(software_tokens.SIGNING_SEED, TEXT)


@pytest.mark.parametrize(
    ("account_number", "amount", "field"),
    [
        ("000042", "1", "account_number"),
        ("00000042", "1", "account_number"),
        ("000004２", "1", "account_number"),  # noqa: RUF001 - full-width
        (" 000042", "1", "account_number"),
        ("0000042\n", "1", "account_number"),
        (42, "1", "account_number"),
        ("0000042", "", "amount"),
        ("0000042", "0", "amount"),
        ("0000042", "01", "amount"),
        ("0000042", "+1", "amount"),
        ("0000042", "1,000", "amount"),
        ("0000042", "10000000000", "amount"),
        ("0000042", "１", "amount"),  # noqa: RUF001 - full-width
        ("0000042", "1\n", "amount"),
        ("0000042", 1, "amount"),
    ],
)
def test_what_cannot_have_been_typed_is_refused_unquoted(
    account_number: str, amount: str, field: str, token: SoftwareToken
) -> None:
    with pytest.raises(InvalidField) as refused:
        token.sign_typed(account_number, amount)
    assert refused.value.field == field
    assert "42" not in str(refused.value)


def test_before_1970_there_is_no_typed_code(token: SoftwareToken) -> None:
    with pytest.raises(ClockTooEarly):
        token.sign_typed("0000042", "1", -1)


def test_signing_leaves_nothing_behind(token: SoftwareToken, tmp_path: Path) -> None:
    (file,) = tmp_path.iterdir()
    before, touched = file.read_bytes(), file.stat().st_mtime_ns
    token.sign(token.read_transaction(TEXT))
    token.sign_typed("0000042", "1")
    assert list(tmp_path.iterdir()) == [file]
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (before, touched)


def test_no_repr_shows_what_is_signed(token: SoftwareToken) -> None:
    to_sign = token.read_transaction(TEXT)
    shown = repr(to_sign) + str(to_sign) + repr([to_sign])
    assert CHALLENGE_ID in shown
    for private in (PAYEE, "0000042", "1234567", "ｾｲｷﾕｳ", to_sign._digest):
        assert private not in shown
