# SPDX-License-Identifier: Apache-2.0
"""利用中止: one code of the token ends its use."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from kagimori.application.consequences import Terminated
from kagimori.application.enrollment.standing import has_enrolled_token
from kagimori.application.policies import policy_of, registration_of
from kagimori.application.ports import BySubscriber
from kagimori.application.registration.means import Means
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.verify import Caller
from kagimori.domain.code import Otp
from kagimori.domain.errors import NotOffered, NoToken
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.domain.policy import Operation


@dataclass(frozen=True, slots=True)
class _Customer:
    caller: Caller
    name: str = field(repr=False)


class TerminateToken:
    """The use case behind ``TerminateToken``."""

    def __init__(self, means: Means) -> None:
        """Work with ``means``."""
        self._means = means

    async def __call__(
        self,
        caller: Caller,
        request_id: str,
        subscriber_ref: str,
        code: Otp,
        seconds_left: float,
    ) -> Verdict:
        """Judge a code of the customer's token within ``seconds_left`` seconds.

        ACCEPTED: he has none any more. An app's is RETIRED and its seeds are destroyed, a
        hardware token is RETURNED and keeps its last step. The same request_id has the
        same answer for ten minutes. Raises `NoToken`, `NotOffered` (also for a token that
        was issued by mail), `RecordTampered`, and whatever `VerifyOtp` raises.
        """
        until = time.monotonic() + seconds_left
        policy = policy_of(self._means.policies, caller.tenant)
        registration_of(policy)
        customer = _Customer(caller, kept_name(self._means.digests, policy, subscriber_ref))
        consequence = await self._consequence(customer)
        verdict = await self._means.verify(
            caller=caller,
            request_id=request_id,
            subject=BySubscriber(subscriber_ref),
            operation=Operation.TERMINATION,
            code=code,
            consequence=consequence,
            words="",
            seconds_left=until - time.monotonic(),
        )
        if verdict.outcome is Outcome.UNKNOWN_TOKEN:
            raise NoToken
        return verdict

    async def _consequence(self, who: _Customer) -> Terminated | None:
        """Return what an acceptance brings about; None where there is no token.

        There is none where this very request has ended it: the engine knows.
        """
        tenant = who.caller.tenant
        customer = await self._means.store.customer(tenant, BySubscriber(who.name))
        if customer.token is None:
            return None
        if has_enrolled_token(customer):
            # The tenant's rule on the day of the next issue would not be asked.
            raise NotOffered("ending an issued token by a code; DeregisterToken ends it")
        token = await self._means.rows.held(tenant, customer.token.serial, who.name)
        return None if token is None else Terminated(await self._means.rows.given_up(token))
