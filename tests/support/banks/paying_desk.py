# SPDX-License-Identifier: Apache-2.0
"""A bank's page for customers who sign what it carries out, and exchange their phones.

The real use cases, engine and database, as `RegisterDesk` has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from kagimori.adapters.sql.enrollment.challenges import SqlChallenges
from kagimori.application.signing.create import CreateTransactionChallenge, MadeChallenge
from kagimori.application.signing.verify import VerifyTransaction
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.tenant import Signing, SoftwareTokens
from kagimori.domain.transaction import SigningProfile, Transaction
from support.banks.bank import CALLER
from support.banks.register_desk import LONG_AGO, Device, RegisterDesk
from support.lives.payer import Offer, Phone
from support.phones.app import SEED_OCTETS, App, public_key
from support.tokens import TENANT

PATIENCE: Final = 5.0


@dataclass
class PayingDesk(RegisterDesk):
    """`RegisterDesk` at a bank that offers 取引確認 in both profiles."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.change_policy(
            tokens=SoftwareTokens(transaction_signing=True),
            signing=Signing(profiles=frozenset(SigningProfile)),
        )
        policies = self.bank.policies
        store = SqlChallenges(self.bank.database.open())
        self._challenge = CreateTransactionChallenge(store, self.vault, policies)
        self._sign = VerifyTransaction(self.bank.verify, policies)

    def set_a_phone_up(self, steps: range) -> Phone:
        """Let an app make its token; it waits for a customer."""
        seed, codes = self.drawn(steps)
        # Another number of steps, another seed: nothing is drawn that is not told again.
        other = f"signing seed {len(self._shown)}".encode().ljust(SEED_OCTETS, b".")
        app = App(public_key(TENANT), seed, other)
        done = self.bank.run(self._provision_new(app.asks_anew())).done
        return Phone(Device(done.serial, is_app=True, is_timed=True, codes=codes), other)

    def challenge(
        self, about: Transaction, profile: SigningProfile, subscriber: str
    ) -> MadeChallenge:
        asked = self._challenge(CALLER, str(uuid4()), subscriber, profile, about)
        return self.bank.run(asked)

    def sign(self, made: MadeChallenge, offer: Offer) -> Verdict:
        async def judge() -> Verdict:
            begun = self._sign(
                caller=CALLER,
                request_id=offer.request_id,
                subscriber_ref=offer.name,
                challenge_id=made.challenge.challenge_id,
                transaction=offer.about,
                code=Otp(offer.code),
                seconds_left=PATIENCE,
            )
            return await begun.verdict

        return self.bank.run(judge())

    def let_challenges_get_too_old(self) -> None:
        self.run("UPDATE challenges SET expires_at = ?", LONG_AGO)

    def signed(self) -> dict[str, str]:
        """Return the digests of the challenges that were answered, and by which requests."""
        rows = self.run("SELECT digest, used_by FROM challenges WHERE state = 'USED'")
        return {row["digest"]: row["used_by"] for row in rows}

    def acceptances(self) -> list[tuple[str, str]]:
        """Return what the audit has of accepted signatures: digest and request, the first first."""
        rows = self.run(
            "SELECT transaction_digest, request_id FROM audit WHERE operation = 'SIGNATURE'"
            " AND outcome = 'ACCEPTED' ORDER BY id"
        )
        return [(row["transaction_digest"], row["request_id"]) for row in rows]

    def signing_row(self, serial: str) -> dict[str, Any] | None:
        """Return the row of a token's other seed, if that is there."""
        token_id = self.row(serial)["token_id"]
        rows = self.run("SELECT token_id, last_step FROM signing_seeds")
        return next((row for row in rows if row["token_id"] == token_id), None)
