# SPDX-License-Identifier: Apache-2.0
"""The RSA keys that vendors' files are encrypted to, on trial.

A delivery key opens seeds, one by one, under the template that every seed is
under. A one-time key's opener opens an AES key, which may then open seeds.
"""

from __future__ import annotations

import hmac
import secrets
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from pkcs11 import Attribute, Mechanism

from kagimori.custody.checks.attacker import own_aes_key, unmannered
from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.openings import (
    Sealed,
    answers,
    try_lax_one_time_keys,
    try_lax_templates,
)
from kagimori.custody.checks.rsa import Recipient, try_old_padding, try_other_uses
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey
    from kagimori.custody.checks.trial import Trial

_KEY_OCTETS = 32
_BLOCK = bytes(16)
_NO_SUCH_USE = ("CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_MECHANISM_INVALID")
_FIXED = ("CKR_ACTION_PROHIBITED", "CKR_ATTRIBUTE_READ_ONLY")


def try_delivery(trial: Trial, session: Session, recipient: Recipient) -> None:
    """Try everything on a delivery key but to destroy it."""
    policy, seed = recipient.policy, secrets.token_bytes(_KEY_OCTETS)
    challenge = secrets.token_bytes(32)
    response = hmac.digest(seed, challenge, "sha256")
    template = policy.seed("reseal")
    envelopes = {
        "an OAEP": recipient.sealed(seed),
        "a PKCS#1 v1.5": recipient.sealed_by_old_padding(seed),
    }
    for name, envelope in envelopes.items():
        trial.works(
            f"open {name} seed: HMAC agrees",
            partial(answers, envelope, template, challenge, response),
        )
    try_lax_templates(trial, envelopes["an OAEP"], policy)
    _try_readable_by_old_padding(trial, envelopes["a PKCS#1 v1.5"], recipient)
    try_other_uses(trial, envelopes["an OAEP"], policy)
    try_to_move(trial, session, recipient.key, {"UNWRAP"}, PRIVATE=True)


def try_onetime(trial: Trial, session: Session, recipient: Recipient) -> None:
    """Try everything on the opener of one-time keys but to destroy it."""
    policy, value = recipient.policy, secrets.token_bytes(_KEY_OCTETS)
    envelope, template = recipient.sealed(value), policy.seed("unwrapping")
    key = trial.works("open a one-time key", lambda: envelope.open(template))
    with passing(key):
        _try_on_one_time_key(trial, session, key, value, recipient)
    try_lax_one_time_keys(trial, envelope, policy)
    _try_as_a_seed(trial, envelope, recipient)
    try_old_padding(trial, recipient.sealed_by_old_padding(value), template)
    try_other_uses(trial, envelope, policy)
    try_to_move(trial, session, recipient.key, {"UNWRAP"}, PRIVATE=True)


def _try_readable_by_old_padding(trial: Trial, envelope: Sealed, recipient: Recipient) -> None:
    readable = recipient.policy.seed("reseal") | {Attribute.SENSITIVE: False}
    trial.refused(
        "open a readable seed (PKCS#1 v1.5)",
        lambda: envelope.open(readable),
        "CKR_TEMPLATE_INCONSISTENT",
    )


def _try_as_a_seed(trial: Trial, envelope: Sealed, recipient: Recipient) -> None:
    # As a seed it could leave under the wrapping key.
    trial.refused(
        "open it as a seed",
        lambda: envelope.open(recipient.policy.seed("reseal")),
        "CKR_TEMPLATE_INCONSISTENT",
    )


def _try_on_one_time_key(
    trial: Trial, session: Session, key: AnyKey, value: bytes, recipient: Recipient
) -> None:
    seed, challenge = secrets.token_bytes(32), secrets.token_bytes(32)
    wrapped = Sealed(key, aes_key_wrap(value, seed), Mechanism.AES_KEY_WRAP)
    response = hmac.digest(seed, challenge, "sha256")
    trial.works(
        "open a seed with it: HMAC agrees",
        lambda: answers(wrapped, recipient.policy.seed("reseal"), challenge, response),
    )
    bold = unmannered(key)
    trial.refused("read the one-time key", lambda: key[Attribute.VALUE], "CKR_ATTRIBUTE_SENSITIVE")
    trial.refused(
        "copy it with DECRYPT=T",
        lambda: key.copy({Attribute.TOKEN: False, Attribute.DECRYPT: True}),
        *_FIXED,
    )
    trial.refused("set DECRYPT=T on it", lambda: _loosen(key), *_FIXED)
    with passing(own_aes_key(session)) as own:
        trial.refused(
            "take it out by one's own AES key",
            lambda: own.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP),
            "CKR_KEY_UNEXTRACTABLE",
        )
        trial.refused(
            "wrap with it",
            lambda: bold.wrap_key(own, mechanism=Mechanism.AES_KEY_WRAP),
            *_NO_SUCH_USE,
        )
    for use, attempt in (("encrypt", bold.encrypt), ("decrypt", bold.decrypt)):
        trial.refused(
            f"{use} with it", partial(attempt, _BLOCK, mechanism=Mechanism.AES_ECB), *_NO_SUCH_USE
        )


def _loosen(key: AnyKey) -> None:
    key[Attribute.DECRYPT] = True
