# SPDX-License-Identifier: Apache-2.0
"""What an app sends and gets, and the means that a set-up takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kagimori.application.enrollment.ports import SealedPassword
from kagimori.application.provisioning.keys import ProvisioningKeys
from kagimori.application.provisioning.ports import EnvelopeVault
from kagimori.application.provisioning.store import ProvisioningStore, TryLimits
from kagimori.application.provisioning.unclaimed import UnclaimedTokens
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Profile
from kagimori.domain.value import value


@value(frozen=True, slots=True)
class SetUp:
    """What an app sends. ``peer`` is a keyed digest of where it is sent from."""

    service_id: str
    user_id: str
    password: ActivationPassword
    key_pin: bytes
    login_envelope: bytes = field(repr=False)
    signing_envelope: bytes = field(repr=False)
    peer: str


@value(frozen=True, slots=True)
class NewSetUp:
    """What an app sends before any bank knows its customer; ``peer`` as in `SetUp`."""

    service_id: str
    key_pin: bytes
    login_envelope: bytes = field(repr=False)
    signing_envelope: bytes = field(repr=False)
    peer: str


@value(frozen=True, slots=True)
class Done:
    """What the app needs besides its seeds. ``issuer`` is the bank's name."""

    serial: str
    profile: Profile
    issuer: str
    transaction_signing: bool


@value(frozen=True, slots=True)
class DoneNew:
    """The same of a token that the customer has to register, until ``register_by`` (UTC)."""

    done: Done
    register_by: datetime


class PasswordJudge(Protocol):
    """Judges activation passwords, at the same cost whether there is one or not."""

    async def is_right(
        self,
        tenant: str,
        user_id: str,
        password: ActivationPassword,
        sealed: SealedPassword | None,
    ) -> bool:
        """Return whether ``password`` is the one that was sealed for this enrolment."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What a set-up is done with. ``policies`` is by service ID, and may change."""

    store: ProvisioningStore
    limits: TryLimits
    passwords: PasswordJudge
    vault: EnvelopeVault
    keys: ProvisioningKeys
    policies: Mapping[str, TenantPolicy]


@dataclass(frozen=True, slots=True)
class NewMeans:
    """What a token is made with before its customer is known. ``policies`` as in `Means`."""

    store: UnclaimedTokens
    limits: TryLimits
    vault: EnvelopeVault
    keys: ProvisioningKeys
    policies: Mapping[str, TenantPolicy]
