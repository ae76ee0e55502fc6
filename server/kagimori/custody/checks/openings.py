# SPDX-License-Identifier: Apache-2.0
"""Opening sealed seeds: as the policy says, and in every way it forbids.

Wrapping, provisioning, transport and delivery keys all open seeds, and all must
insist on the same template. A one-time key is opened by a template of its own.
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

_LAX_ONE_TIME: dict[str, Template] = {
    "open it to be read (SENSITIVE=F)": {Attribute.SENSITIVE: False},
    "open it to leave (EXTRACTABLE=T)": {Attribute.EXTRACTABLE: True},
    "open it for all to use (PRIVATE=F)": {Attribute.PRIVATE: False},
    "open it to stay (TOKEN=T)": {Attribute.TOKEN: True},
    "open it to decrypt (DECRYPT=T)": {Attribute.DECRYPT: True},
    "open it to encrypt (ENCRYPT=T)": {Attribute.ENCRYPT: True},
    "open it to wrap (WRAP=T)": {Attribute.WRAP: True},
    "open it to sign (SIGN=T)": {Attribute.SIGN: True},
    "open it to verify (VERIFY=T)": {Attribute.VERIFY: True},
    "open it to derive from (DERIVE=T)": {Attribute.DERIVE: True},
    "open it to be changed (MODIFIABLE=T)": {Attribute.MODIFIABLE: True},
    "open it as an HMAC key": {Attribute.KEY_TYPE: KeyType.GENERIC_SECRET},
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
    _try_lax(trial, sealed, policy.seed("reseal"), _LAX)


def try_lax_one_time_keys(trial: Trial, sealed: Sealed, policy: Policy) -> None:
    """Try to open a ``sealed`` one-time key in each way that its template must forbid."""
    _try_lax(trial, sealed, policy.seed("unwrapping"), _LAX_ONE_TIME)


def _try_lax(trial: Trial, sealed: Sealed, base: Template, lax: dict[str, Template]) -> None:
    for attempt, change in lax.items():
        trial.refused(attempt, partial(sealed.open, base | change), _INCONSISTENT)
