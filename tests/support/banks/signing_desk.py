# SPDX-License-Identifier: Apache-2.0
"""A bank's transfer page: the use cases over a real database, and a customer's app."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from kagimori.adapters.sql.enrollment.challenges import SqlChallenges
from kagimori.application.signing.create import CreateTransactionChallenge, MadeChallenge
from kagimori.application.signing.verify import VerifyTransaction
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.tenant import Signing, SoftwareTokens
from kagimori.domain.transaction import (
    TYPED_PERIOD,
    SigningProfile,
    Transaction,
    question_of,
)
from support.banks.bank import CALLER, Bank
from support.phones.signing import SigningToken, fake_signing_token, write_signing_seed
from support.tokens import SUBSCRIBER, TENANT
from support.transactions import transaction

BOTH: Final = Signing(profiles=frozenset(SigningProfile))
OFFERED: Final = SoftwareTokens(digits=8, period=60, transaction_signing=True)


@dataclass
class SigningDesk:
    """Customers of ``bank``, who sign what it carries out."""

    bank: Bank

    def __post_init__(self) -> None:
        for tenant, policy in self.bank.policies.items():
            self.bank.policies[tenant] = replace(policy, tokens=OFFERED, signing=BOTH)
        store = SqlChallenges(self.bank.database.open())
        self._create = CreateTransactionChallenge(store, self.bank.vault, self.bank.policies)
        self._verify = VerifyTransaction(self.bank.verify, self.bank.policies)

    def change_policy(self, **changes: Any) -> None:  # noqa: ANN401 - any rule
        self.bank.policies[TENANT] = replace(self.bank.policies[TENANT], **changes)

    def enrol(self, number: int = 1, subscriber: str = SUBSCRIBER) -> SigningToken:
        """Give the customer an app."""
        token = fake_signing_token(
            self.bank.vault,
            token_id=f"token-{number}",
            serial=f"KG{number:010}",
            subscriber=kept_name(self.bank.vault, self.bank.policies[TENANT], subscriber),
        )
        self.bank.inventory.add([token.login], "app")
        write_signing_seed(self.bank.database, token.signing)
        return token

    def challenge(
        self,
        about: Transaction | None = None,
        profile: SigningProfile = SigningProfile.SCANNED,
        subscriber: str = SUBSCRIBER,
    ) -> MadeChallenge:
        asked = self._create(CALLER, str(uuid4()), subscriber, profile, about or transaction())
        return self.bank.run(asked)

    def shown(self, app: SigningToken, made: MadeChallenge) -> str:
        """Return what the customer's app shows now, over what it was told."""
        question = question_of(made.profile, made.challenge)
        return app.code(question, int(self.bank.now) // TYPED_PERIOD)

    def verify(  # noqa: PLR0913 - as many as the use case has
        self,
        made: MadeChallenge,
        code: str,
        about: Transaction | None = None,
        *,
        request_id: str | None = None,
        subscriber: str = SUBSCRIBER,
        caller: Caller = CALLER,
    ) -> tuple[Verdict, str]:
        """Offer ``code`` for what the bank carries out, which is ``about`` or what was asked.

        Returns the verdict, and the transaction's digest.
        """

        async def judge() -> tuple[Verdict, str]:
            begun = self._verify(
                caller=caller,
                request_id=request_id or str(uuid4()),
                subscriber_ref=subscriber,
                challenge_id=made.challenge.challenge_id,
                transaction=about or made.challenge.transaction,
                code=Otp(code),
                seconds_left=5.0,
            )
            return await begun.verdict, begun.digest

        return self.bank.run(judge())

    def row(self, made: MadeChallenge) -> tuple[object, ...]:
        """Return the challenge's state, and by which request it was ended."""
        rows = self.bank.database.run("SELECT challenge_id, state, used_by FROM challenges")
        (row,) = [row for row in rows if row["challenge_id"] == made.challenge.challenge_id]
        return row["state"], row["used_by"]
