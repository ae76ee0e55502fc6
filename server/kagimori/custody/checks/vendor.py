# SPDX-License-Identifier: Apache-2.0
"""A vendor's key on trial: the one that opens inside the HSM, and the other.

What a vendor would send is made here on the host: the key is at hand only in
the ceremony that enters it.
"""

from __future__ import annotations

import hmac
import secrets
from functools import partial
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding
from pkcs11 import Mechanism

from kagimori.custody.checks.attacker import own_aes_key, unmannered
from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.openings import Sealed, answers, try_lax_templates
from kagimori.custody.checks.trial import WrongAnswerError
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey, Policy
    from kagimori.custody.checks.trial import Trial
    from kagimori.custody.components import VendorKey

_NO_SUCH_USE = ("CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_MECHANISM_INVALID")
_BLOCK = bytes(16)


def try_transport(
    trial: Trial, session: Session, policy: Policy, key: AnyKey, entered: VendorKey
) -> None:
    """Try everything on a transport key but to destroy it."""
    seed = secrets.token_bytes(32)
    wrapped = Sealed(key, aes_key_wrap(entered.value, seed), Mechanism.AES_KEY_WRAP)
    padded = Sealed(key, aes_key_wrap_with_padding(entered.value, seed), policy.kwp)
    challenge = secrets.token_bytes(32)
    response = hmac.digest(seed, challenge, "sha256")
    template = policy.seed("reseal")
    for name, sealed in (("RFC 3394", wrapped), ("RFC 5649", padded)):
        trial.works(
            f"open an {name} seed: HMAC agrees",
            partial(answers, sealed, template, challenge, response),
        )
    try_lax_templates(trial, wrapped, policy)
    _try_other_uses(trial, session, key, ("encrypt", "decrypt", "wrap"))
    try_to_move(trial, session, key, {"UNWRAP"}, PRIVATE=True)


def try_transient(trial: Trial, session: Session, key: AnyKey, entered: VendorKey) -> None:
    """Try everything on a transient key but to destroy it."""
    trial.works("decrypt a vendor's file (AES-CBC)", lambda: _decrypts(key, entered))
    _try_other_uses(trial, session, key, ("encrypt", "wrap"))
    trial.refused(
        "decrypt by another mechanism (ECB)",
        lambda: unmannered(key).decrypt(_BLOCK, mechanism=Mechanism.AES_ECB),
        "CKR_MECHANISM_INVALID",
    )
    try_to_move(trial, session, key, {"DECRYPT"}, PRIVATE=True)


def _decrypts(key: AnyKey, entered: VendorKey) -> None:
    plain, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    encryptor = Cipher(AES(entered.value), CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    if key.decrypt(ciphertext, mechanism=Mechanism.AES_CBC, mechanism_param=iv) != plain:
        msg = "wrong plaintext"
        raise WrongAnswerError(msg)


def _try_other_uses(trial: Trial, session: Session, key: AnyKey, uses: tuple[str, ...]) -> None:
    bold = unmannered(key)
    with passing(own_aes_key(session)) as other:
        attempts = {
            "encrypt": lambda: bold.encrypt(_BLOCK, mechanism=Mechanism.AES_ECB),
            "decrypt": lambda: bold.decrypt(_BLOCK, mechanism=Mechanism.AES_ECB),
            "wrap": lambda: bold.wrap_key(other, mechanism=Mechanism.AES_KEY_WRAP),
        }
        for use in uses:
            trial.refused(f"{use} with the key", attempts[use], *_NO_SUCH_USE)
