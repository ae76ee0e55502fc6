# SPDX-License-Identifier: Apache-2.0
"""A customer of `support.banks.bank` whose app signs transactions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from kagimori.application.ports import BySubscriber
from kagimori.domain.code import Otp
from kagimori.domain.outcome import Verdict
from kagimori.domain.transaction import (
    TYPED_PERIOD,
    Challenge,
    SigningProfile,
    Transaction,
    question_of,
)
from support.banks.bank import CALLER, Bank
from support.databases.challenges import TRANSACTION, write_challenge
from support.phones.signing import SigningToken, fake_signing_token, write_signing_seed


@dataclass
class Signer:
    """A customer of the bank's whose app signs."""

    bank: Bank
    app: SigningToken
    token_id: str
    subscriber: str

    def challenge(
        self,
        profile: SigningProfile = SigningProfile.SCANNED,
        transaction: Transaction = TRANSACTION,
    ) -> Challenge:
        return write_challenge(
            self.bank.database,
            subscriber=self.subscriber,
            token_id=self.token_id,
            profile=profile,
            transaction=transaction,
        )

    @property
    def step(self) -> int:
        """The present time step of the typed suite."""
        return int(self.bank.now) // TYPED_PERIOD

    def code(
        self, signed: Challenge, profile: SigningProfile = SigningProfile.SCANNED, step: int = 0
    ) -> str:
        return self.app.code(question_of(profile, signed), step)

    def wrong(self, signed: Challenge, profile: SigningProfile = SigningProfile.SCANNED) -> str:
        question = question_of(profile, signed)
        return self.app.wrong_code(question, *range(self.step - 2, self.step + 3))

    @property
    def watermark(self) -> int:
        """The last time step that a typed code has spent; -1 before the first."""
        rows = self.bank.database.run("SELECT token_id, last_step FROM signing_seeds")
        steps: dict[str, int] = {row["token_id"]: row["last_step"] for row in rows}
        return steps[self.token_id]

    @property
    def login(self) -> str:
        """The present login code."""
        return self.app.login_code(int(self.bank.now) // 60)

    @property
    def no_login(self) -> str:
        """A code of eight digits that logs nobody in."""
        shown = {self.app.login_code(int(self.bank.now) // 60 + off) for off in range(-2, 3)}
        return next(code for n in range(10) if (code := f"{n:08d}") not in shown)

    def sign(self, signed: Challenge, code: str, **options: Any) -> Verdict:  # noqa: ANN401 - those of `sign`
        """Offer a code, and wait for the verdict."""
        (verdict,) = self.sign_all([(signed, code)], **options)
        if isinstance(verdict, BaseException):
            raise verdict
        return verdict

    def sign_all(
        self,
        offered: Sequence[tuple[Challenge, str]],
        **options: Any,  # noqa: ANN401 - those of `sign`
    ) -> list[Verdict | BaseException]:
        """Offer all at once; return what each came to."""

        async def offer() -> list[Verdict | BaseException]:
            calls = [
                self.bank.verify.sign(
                    **{
                        "caller": CALLER,
                        "request_id": str(uuid4()),
                        "subscriber": BySubscriber(self.subscriber),
                        "signed": signed,
                        "code": Otp(code),
                        "seconds_left": 10.0,
                        **options,
                    }
                )
                for signed, code in offered
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        return self.bank.run(offer())


def enrol(bank: Bank, number: int = 1, subscriber: str | None = None) -> Signer:
    """Give a customer an app with both of its seeds."""
    token_id, name = f"token-{number}", subscriber or f"subscriber-{number}"
    app = fake_signing_token(
        bank.vault, token_id=token_id, subscriber=name, serial=f"KG{number:010d}"
    )
    bank.inventory.add([app.login], "importer")
    write_signing_seed(bank.database, app.signing)
    return Signer(bank, app, token_id, name)


def outcomes(verdicts: Sequence[Verdict | BaseException]) -> Counter[object]:
    """Count what calls came to: an outcome, or the kind of an error."""
    return Counter(each.outcome if isinstance(each, Verdict) else type(each) for each in verdicts)
