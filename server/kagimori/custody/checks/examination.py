# SPDX-License-Identifier: Apache-2.0
"""Every key of a ceremony on trial, in the sessions that the attempts need.

Sessions without login come first, while nobody is logged in; destroying a key
is tried last of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kagimori.custody.checks import deliveries, signing, vendor, wrapping
from kagimori.custody.checks.fixity import try_to_destroy
from kagimori.custody.checks.provisioning import ProvisioningTrial
from kagimori.custody.checks.rsa import Recipient
from kagimori.custody.checks.trial import Finding, trial
from kagimori.custody.checks.wrapping import WrappingTrial
from kagimori.custody.cryptoki_names import NOT_FOUND
from kagimori.custody.keys import find

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from pkcs11 import Session

    from kagimori.custody.attributes import Policy
    from kagimori.custody.canary import Canary
    from kagimori.custody.checks.trial import Trial
    from kagimori.custody.components import VendorKey
    from kagimori.custody.keys import MadeKey
    from kagimori.custody.partitions import Partition

_KINDS = {
    "wrapping": "Wrapping keys: they seal the seeds",
    "row": "Row keys: they vouch for the rows of the database",
    "provisioning": "Provisioning keys: phones seal their seeds to them",
    "transport": "Transport keys: they open vendors' files inside the HSM",
    "transient": "Transient keys: they open vendors' files for the importing process",
    "transient_des3": "Transient 3DES keys: they open vendors' old files for the same",
    "delivery": "Delivery keys: vendors encrypt seeds to them",
    "onetime": "One-time keys' openers: rewrapped files are encrypted to them",
    "audit": "The audit key: it signs the audit chain",
}

_RECIPIENTS = {"delivery": deliveries.try_delivery, "onetime": deliveries.try_onetime}


@dataclass
class Examination:
    """All the keys just made, and what is found out about them."""

    policy: Policy
    keys: Sequence[MadeKey]
    names: dict[str, str]
    entered: Sequence[VendorKey]
    findings: list[Finding] = field(default_factory=list)
    canaries: dict[str, Canary] = field(default_factory=dict)

    def hold(self, partitions: Mapping[str, Partition]) -> None:
        """Try everything; `findings` and `canaries` hold what came of it."""
        with partitions["serving"].as_user() as session:
            self._seal_canaries(session)
        for role, partition in partitions.items():
            with partition.without_login() as session:
                self._try_without_login(session, role)
        with partitions["serving"].as_user() as session:
            self._try_serving(session)
        with partitions["import"].as_user() as session:
            self._try_importing(session)
        for role, partition in partitions.items():
            with partition.as_user() as session:
                self._try_to_destroy(session, role)

    def _seal_canaries(self, session: Session) -> None:
        for made in self._made("wrapping"):
            with self._trial(made) as on:
                key = find(session, made)
                tenant = str(made.tenant)
                self.canaries[tenant] = wrapping.seal_canary(on, session, self.policy, key, tenant)

    def _try_without_login(self, session: Session, role: str) -> None:
        for made in self.keys:
            if made.partition == role:
                with self._trial(made) as on:
                    self._try_one_without_login(on, session, made)

    def _try_one_without_login(self, on: Trial, session: Session, made: MadeKey) -> None:
        # Only a wrapping key may be seen: the security officer cannot make it private.
        if made.use != "wrapping":
            on.refused("find the key without login", lambda: find(session, made), NOT_FOUND)
        elif canary := self.canaries.get(str(made.tenant)):
            wrapping.try_without_login(on, session, self.policy, made, canary)

    def _try_serving(self, session: Session) -> None:
        for made in self._made("wrapping"):
            if canary := self.canaries.get(str(made.tenant)):
                with self._trial(made) as on:
                    WrappingTrial(on, session, self.policy, find(session, made)).run(canary)
        for made in self._made("row"):
            with self._trial(made) as on:
                signing.try_row(on, session, find(session, made))
        for made in self._made("provisioning"):
            with self._trial(made) as on:
                self._try_provisioning(on, session, made)
        for made in self._made("transport"):
            with self._trial(made) as on:
                key = find(session, made)
                vendor.try_transport(on, session, self.policy, key, self._value_of(made))
        for use, attempts in _RECIPIENTS.items():
            for made in self._made(use):
                with self._trial(made) as on:
                    attempts(on, session, self._recipient(session, made))
        for made in self._made("audit"):
            with self._trial(made) as on:
                signing.try_audit(on, session, find(session, made), str(made.public_key_pem))

    def _try_provisioning(self, on: Trial, session: Session, made: MadeKey) -> None:
        pem = str(made.public_key_pem)
        sealer = next(k for k in self._made("wrapping") if k.tenant == made.tenant)
        key = find(session, made)
        ProvisioningTrial(on, session, self.policy, key, pem).run(find(session, sealer))

    def _recipient(self, session: Session, made: MadeKey) -> Recipient:
        return Recipient.of(find(session, made), str(made.public_key_pem), self.policy)

    def _try_importing(self, session: Session) -> None:
        for made in (*self._made("transient"), *self._made("transient_des3")):
            with self._trial(made) as on:
                vendor.try_transient(on, session, find(session, made), self._value_of(made))

    def _try_to_destroy(self, session: Session, role: str) -> None:
        for made in self.keys:
            if made.partition == role:
                with self._trial(made) as on:
                    try_to_destroy(on, find(session, made))

    def _made(self, use: str) -> list[MadeKey]:
        return [made for made in self.keys if made.use == use]

    def _value_of(self, made: MadeKey) -> VendorKey:
        return next(k for k in self.entered if (k.vendor, k.use) == (made.vendor, made.use))

    def _trial(self, made: MadeKey) -> AbstractContextManager[Trial]:
        owner = self.names.get(str(made.tenant)) or made.vendor or "authority"
        return trial(self.findings, _KINDS[made.use], owner)
