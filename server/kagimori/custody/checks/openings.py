# SPDX-License-Identifier: Apache-2.0
"""Opening sealed seeds: as the policy says, and in every way it forbids.

Wrapping, provisioning and transport keys all open seeds, and all must insist on
the same template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from kagimori.custody.attributes import NO_OTHER_USE
from kagimori.custody.checks.trial import WrongAnswerError
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from kagimori.custody.attributes import AnyKey, Policy, Template
    from kagimori.custody.checks.trial import Trial

_INCONSISTENT = "CKR_TEMPLATE_INCONSISTENT"

# A 32-byte seed is also a fine AES key: encrypting with it would be a way to guess it.
_LAX: dict[str, Template] = {
    "open a readable seed (SENSITIVE=F)": {Attribute.SENSITIVE: False},
    "open a seed without WRAP_WITH_TRUSTED": {Attribute.WRAP_WITH_TRUSTED: False},
    "open a public seed (PRIVATE=F)": {Attribute.PRIVATE: False},
    "open a seed that stays (TOKEN=T)": {Attribute.TOKEN: True},
    "open a seed to derive from (DERIVE=T)": {Attribute.DERIVE: True},
    "open a seed to encrypt (ENCRYPT=T)": {Attribute.ENCRYPT: True},
    "open a seed to decrypt (DECRYPT=T)": {Attribute.DECRYPT: True},
    "open a seed to wrap (WRAP=T)": {Attribute.WRAP: True},
    "open a seed that can be changed (MODIFIABLE=T)": {Attribute.MODIFIABLE: True},
    "open a seed to unwrap (UNWRAP=T)": {Attribute.UNWRAP: True},
    "open a seed as an AES key": {Attribute.KEY_TYPE: KeyType.AES, Attribute.ENCRYPT: True},
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed 32-byte seed, the key that opens it and the mechanism for that."""

    key: AnyKey
    blob: bytes = field(repr=False)
    mechanism: Mechanism
    parameter: object = None

    def open(self, template: Template) -> AnyKey:
        """Unwrap with exactly ``template``; raise `PKCS11Error`."""
        return self.key.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.GENERIC_SECRET,
            self.blob,
            mechanism=self.mechanism,
            mechanism_param=self.parameter,
            capabilities=NO_OTHER_USE,
            template=template,
        )


def answers(sealed: Sealed, template: Template, challenge: bytes, response: bytes) -> None:
    """Open the seed and compare its HMAC-SHA256 of ``challenge``."""
    with passing(sealed.open(template)) as seed:
        if seed.sign(challenge, mechanism=Mechanism.SHA256_HMAC) != response:
            msg = "wrong HMAC"
            raise WrongAnswerError(msg)


def try_lax_templates(trial: Trial, sealed: Sealed, policy: Policy) -> None:
    """Try to open ``sealed`` in each way that the unwrap template must forbid."""
    base = policy.seed("reseal")
    for attempt, change in _LAX.items():
        trial.refused(attempt, partial(sealed.open, base | change), _INCONSISTENT)
