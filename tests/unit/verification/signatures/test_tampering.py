# SPDX-License-Identifier: Apache-2.0
"""Signatures over a database that somebody has written to."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from kagimori.application.ports import BySubscriber
from kagimori.domain.code import Otp
from kagimori.domain.errors import RecordTampered
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.transaction import SigningProfile, Transaction
from support.banks.bank import CALLER, Bank
from support.databases.challenges import TRANSFER
from support.phones.signer import Signer, enrol

SCANNED, TYPED = SigningProfile.SCANNED, SigningProfile.TYPED


# The login seed's row shows codes to whoever looks over a shoulder.
_ANOTHERS = """
UPDATE signing_seeds SET blob = o.blob, row_mac = o.row_mac FROM {another} o
WHERE signing_seeds.token_id = 'token-1' AND o.token_id = '{token_id}'
"""

TAMPERINGS = {
    "gone": "DELETE FROM signing_seeds WHERE token_id = 'token-1'",
    "login row": _ANOTHERS.format(another="tokens", token_id="token-1"),
    "login blob": _ANOTHERS.format(another="tokens", token_id="token-1").replace(
        "o.row_mac", "signing_seeds.row_mac"
    ),
    "another's": _ANOTHERS.format(another="signing_seeds", token_id="token-2"),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_seed_row_that_is_not_as_it_was_written_is_not_used(
    bank: Bank, signer: Signer, tampering: str
) -> None:
    other = enrol(bank, 2)
    signed, theirs = signer.challenge(), other.challenge()
    bank.database.run(TAMPERINGS[tampering])

    async def both() -> list[Verdict | BaseException]:
        calls = [
            bank.verify.sign(
                caller=CALLER,
                request_id=str(uuid4()),
                subscriber=BySubscriber(each.subscriber),
                signed=about,
                code=Otp(each.code(about)),
                seconds_left=10.0,
            )
            for each, about in ((signer, signed), (other, theirs))
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    told = bank.run(both())
    assert isinstance(told[0], RecordTampered)
    assert isinstance(told[1], Verdict)
    assert told[1].outcome is Outcome.ACCEPTED
    rows = bank.database.run("SELECT failures, day_failures, unlock_failures FROM tokens")
    assert {tuple(row.values()) for row in rows} == {(0, 0, 0)}


def test_a_batch_that_was_made_typed_behind_the_authoritys_back_is_not_asked_about(
    bank: Bank, signer: Signer
) -> None:
    signed = signer.challenge(SCANNED, Transaction((TRANSFER, TRANSFER)))
    bank.database.run("UPDATE challenges SET profile = 'TYPED'")
    with pytest.raises(RecordTampered):
        signer.sign(signed, signer.code(signed))
    assert (bank.vault.searches, bank.attempts()) == (0, (0, 0, 0))


def test_a_profile_that_was_changed_in_the_database_makes_the_code_wrong(
    bank: Bank, signer: Signer
) -> None:
    signed = signer.challenge(SCANNED)
    bank.database.run("UPDATE challenges SET profile = 'TYPED'")
    shown = {signer.code(signed, TYPED, signer.step + off) for off in (-1, 0, 1)}
    expected = Outcome.ACCEPTED if signer.code(signed) in shown else Outcome.REJECTED
    assert signer.sign(signed, signer.code(signed)).outcome is expected
