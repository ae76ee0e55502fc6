# SPDX-License-Identifier: Apache-2.0
"""What an import refuses: a token, that keeps no other out, or the whole file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kagimori.application.deliveries.import_tokens import (
    DeliveryRefused,
)
from kagimori.application.deliveries.report import Ending, Result
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Fault,
    Head,
    InClear,
    PasswordKey,
    PreSharedKey,
    TokenFault,
    VendorToken,
)
from kagimori.domain.device import Validity
from kagimori.domain.token import CustodyLabel, Hash
from support.vendors.deliveries import (
    HEAD_WITH_MAC,
    KEY,
    MemoryFile,
    seed_under,
    spoiled,
    token,
)
from support.vendors.import_authority import FLEET, ORDER, SERIALS, Authority, all_are

SHORT = EncryptedSeed("kw-aes256", seed_under(KEY, bytes(16)).ciphertext[:16])
BAD: dict[str, tuple[VendorToken | TokenFault, str]] = {
    "a seed that was changed": (spoiled(3), "UNWRAP_FAILED"),
    "a short seed": (token(3, seed=SHORT), "SEED_TOO_SHORT"),
    "an unknown algorithm": (token(3, seed=EncryptedSeed("rot13", bytes(32))), "UNSUPPORTED_"),
    "CBC": (token(3, seed=EncryptedSeed("aes256-cbc", bytes(48))), "HOST_TRANSIENT_NOT_ALLOWED"),
    "a stray MAC": (token(3, seed=seed_under(KEY, bytes(24))), "MAC_MISSING"),
    "a clock that runs away": (token(3, drift=-11), "DRIFT_TOO_LARGE"),
    "five digits": (token(3, profile=replace(FLEET[0].profile, digits=5)), "BAD_VALUE"),
    "eleven digits": (token(3, profile=replace(FLEET[0].profile, digits=11)), "BAD_VALUE"),
    "a step of 121 s": (token(3, profile=replace(FLEET[0].profile, period=121)), "BAD_VALUE"),
    "no step": (token(3, profile=replace(FLEET[0].profile, period=0)), "BAD_VALUE"),
    "a serial in lower case": (token(3, serial="2v07"), "BAD_SERIAL"),
    "a validity that is over": (
        token(3, validity=Validity(None, datetime(2020, 1, 1, tzinfo=UTC))),
        "EXPIRED",
    ),
    "what the reader refused": (
        TokenFault(SERIALS[3], 77, Fault.UNSUPPORTED, "a policy"),
        "UNSUPPORTED",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_bad_token_keeps_no_other_out(authority: Authority, name: str, batch: int) -> None:
    bad, reason = BAD[name]
    authority.batch = batch
    summary = authority.import_([*FLEET[:3], bad, FLEET[4]])
    good = [serial for serial in SERIALS if serial != SERIALS[3]]
    assert authority.serials == good
    line = authority.told.lines[3]
    assert (line.result, line.serial, line.line) == (Result.REFUSED, bad.serial, bad.line)
    assert line.reason.startswith(reason)
    assert (summary.ending, summary.taken, summary.left_out) == (Ending.COMPLETE, 4, 1)


@pytest.mark.parametrize("name", BAD)
def test_with_all_or_nothing_a_bad_token_keeps_all_out(authority: Authority, name: str) -> None:
    bad, reason = BAD[name]
    order = replace(ORDER, all_or_nothing=True)
    summary = authority.import_([*FLEET[:3], bad, FLEET[4]], order)
    assert summary.is_held_back
    assert (authority.serials, authority.stock.deliveries) == ([], {})
    assert authority.told.lines[3].reason.startswith(reason)
    assert authority.results[0] == (SERIALS[0], Result.IMPORTABLE)


def test_a_wrong_mac_is_seen_before_anything_is_opened(authority: Authority) -> None:
    good, other = seed_under(KEY, bytes(24)), seed_under(KEY, bytes([1] * 24))
    swapped = EncryptedSeed("kw-aes256", other.ciphertext, good.mac)
    file = MemoryFile([token(0, seed=good), token(1, seed=swapped)], HEAD_WITH_MAC)
    authority.import_(file)
    assert [line.reason for line in authority.told.lines] == ["", "MAC_MISMATCH"]


def test_a_custody_label_that_the_tenant_does_not_accept_is_refused(authority: Authority) -> None:
    order = replace(ORDER, custody=frozenset({CustodyLabel.GENERATED_IN_HSM}))
    summary = authority.import_(FLEET, order)
    assert authority.results == all_are(Result.REFUSED)
    assert {line.reason for line in authority.told.lines} == {"CUSTODY_NOT_ACCEPTED"}
    assert {line.custody for line in authority.told.lines} == {CustodyLabel.UNWRAPPED_IN_HSM}
    assert (summary.taken, authority.serials) == (0, [])


# --- what is refused as a whole ----------------------------------------------------------


def clear_file() -> MemoryFile:
    clear = EncryptedSeed("clear", bytes(20))
    return MemoryFile([token(0, seed=clear)], Head(InClear()))


def password_file(password: str) -> MemoryFile:
    key = PasswordKey(password, b"salt" * 4, 1000, 32, Hash.SHA1)
    return MemoryFile(FLEET, Head(key))


WHOLE = {
    "another vendor's key": (MemoryFile([spoiled(n) for n in range(9)]), "WRONG_KEY"),
    "a wrong password": (password_file("qwertz"), "WRONG_KEY"),
    "an unknown vendor": (MemoryFile(FLEET, Head(PreSharedKey("nobody"))), "UNKNOWN_VENDOR"),
    "clear text": (clear_file(), "CLEAR_TEXT_NOT_ALLOWED"),
    "a MAC key that does not open": (
        MemoryFile(
            FLEET,
            replace(HEAD_WITH_MAC, encryption=PreSharedKey("other")),
        ),
        "WRONG_KEY",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_a_file_that_no_key_opens_is_refused_in_one_sentence(
    authority: Authority, name: str, *, all_or_nothing: bool
) -> None:
    file, reason = WHOLE[name]
    authority.vault.vendors["other"] = bytes(32)
    authority.vault.allow_host_transient = isinstance(file.head.encryption, PasswordKey)
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(file, replace(ORDER, all_or_nothing=all_or_nothing))
    assert refused.value.reason == reason
    assert (authority.serials, authority.told.lines) == ([], [])
    assert "qwertz" not in str(refused.value)


def test_a_password_must_be_asked_for(authority: Authority) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(password_file("qwerty"))
    assert refused.value.reason == "HOST_TRANSIENT_NOT_ALLOWED"


def test_a_key_that_has_opened_a_seed_is_doubted_no_more(authority: Authority) -> None:
    authority.batch = 1
    authority.import_([FLEET[0], *[spoiled(number) for number in range(1, 5)]])
    assert [result for _, result in authority.results] == [Result.IMPORTED] + [Result.REFUSED] * 4


def test_duplicates_say_nothing_of_a_key(authority: Authority) -> None:
    authority.batch = 1
    authority.import_(MemoryFile(FLEET[:1], digest=b"another" * 4))
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_([FLEET[0], *[spoiled(number) for number in range(1, 5)]])
    assert refused.value.reason == "WRONG_KEY"


def test_what_an_earlier_run_opened_speaks_for_the_key(authority: Authority) -> None:
    file = MemoryFile([FLEET[0], spoiled(1)])
    for _ in range(2):
        authority.import_(file)
        assert [result for _, result in authority.results] == [Result.IMPORTED, Result.REFUSED]
