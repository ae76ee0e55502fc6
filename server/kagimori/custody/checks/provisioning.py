# SPDX-License-Identifier: Apache-2.0
"""A tenant's provisioning key on trial: what phones seal their seeds to."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.openings import Sealed, answers, try_lax_templates
from kagimori.custody.checks.rsa import Recipient, try_old_padding, try_other_uses
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey, Policy
    from kagimori.custody.checks.trial import Trial


@dataclass(frozen=True, slots=True)
class ProvisioningTrial:
    """The private half under trial, with its exported public half."""

    trial: Trial
    session: Session
    policy: Policy
    key: AnyKey
    public_key_pem: str

    def run(self, wrapping_key: AnyKey) -> None:
        """Try everything on the key but to destroy it."""
        seed = secrets.token_bytes(32)
        recipient = Recipient.of(self.key, self.public_key_pem, self.policy)
        envelope, old = recipient.sealed(seed), recipient.sealed_by_old_padding(seed)
        self._try_as_intended(envelope, seed, wrapping_key)
        try_lax_templates(self.trial, envelope, self.policy)
        try_other_uses(self.trial, envelope, self.policy)
        try_old_padding(self.trial, old, self.policy.seed("reseal"))
        try_to_move(self.trial, self.session, self.key, {"UNWRAP"}, PRIVATE=True)

    def _try_as_intended(self, envelope: Sealed, seed: bytes, wrapping_key: AnyKey) -> None:
        template = self.policy.seed("reseal")
        challenge = secrets.token_bytes(32)
        response = hmac.digest(seed, challenge, "sha256")
        self.trial.works(
            "open a phone's envelope: HMAC agrees",
            lambda: answers(envelope, template, challenge, response),
        )
        with passing(envelope.open(template)) as opened:
            self.trial.works(
                "seal its seed under the wrapping key",
                lambda: wrapping_key.wrap_key(opened, mechanism=self.policy.kwp),
            )
