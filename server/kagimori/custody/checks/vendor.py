# SPDX-License-Identifier: Apache-2.0
"""A vendor's entered key on trial: the one that opens inside the HSM, and the other.

What a vendor would send is made here on the host: the key is at hand only in
the ceremony that enters it.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
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


@dataclass(frozen=True, slots=True)
class _Cipher:
    """A block cipher as the HSM and the host know it; ``block`` is one of zeros.

    ``uses`` are those that a key which decrypts must refuse.
    """

    algorithm: type[AES | TripleDES]
    ecb: Mechanism
    cbc: Mechanism
    block: bytes
    uses: tuple[str, ...]


_BY_CBC: Final = ("encrypt", "encrypt by CBC", "wrap by CBC")
_CIPHERS: Final = {
    "AES": _Cipher(AES, Mechanism.AES_ECB, Mechanism.AES_CBC, bytes(16), (*_BY_CBC, "wrap")),
    "3DES": _Cipher(TripleDES, Mechanism.DES3_ECB, Mechanism.DES3_CBC, bytes(8), _BY_CBC),
}


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
    """Try everything on a transient key, AES or 3DES, but to destroy it."""
    cipher = _CIPHERS[entered.cipher]
    trial.works(
        f"decrypt a vendor's file ({entered.cipher}-CBC)", lambda: _decrypts(cipher, key, entered)
    )
    _try_other_uses(trial, session, key, cipher.uses, cipher)
    trial.refused(
        "decrypt by another mechanism (ECB)",
        lambda: unmannered(key).decrypt(cipher.block, mechanism=cipher.ecb),
        "CKR_MECHANISM_INVALID",
    )
    try_to_move(trial, session, key, {"DECRYPT"}, PRIVATE=True)


def _decrypts(cipher: _Cipher, key: AnyKey, entered: VendorKey) -> None:
    plain, iv = secrets.token_bytes(32), secrets.token_bytes(len(cipher.block))
    # CBC without a MAC, of octets that are nobody's secret: this only asks the HSM.
    encryptor = Cipher(cipher.algorithm(entered.value), CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    if key.decrypt(ciphertext, mechanism=cipher.cbc, mechanism_param=iv) != plain:
        msg = "wrong plaintext"
        raise WrongAnswerError(msg)


def _try_other_uses(
    trial: Trial,
    session: Session,
    key: AnyKey,
    uses: tuple[str, ...],
    cipher: _Cipher = _CIPHERS["AES"],
) -> None:
    bold = unmannered(key)
    ecb, block = cipher.ecb, cipher.block
    cbc = {"mechanism": cipher.cbc, "mechanism_param": block}
    with passing(own_aes_key(session)) as other:
        attempts = {
            "encrypt": lambda: bold.encrypt(block, mechanism=ecb),
            "encrypt by CBC": lambda: bold.encrypt(block, **cbc),
            "decrypt": lambda: bold.decrypt(block, mechanism=ecb),
            "wrap": lambda: bold.wrap_key(other, mechanism=Mechanism.AES_KEY_WRAP),
            "wrap by CBC": lambda: bold.wrap_key(other, **cbc),
        }
        for use in uses:
            trial.refused(f"{use} with the key", attempts[use], *_NO_SUCH_USE)
