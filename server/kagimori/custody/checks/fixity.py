# SPDX-License-Identifier: Apache-2.0
"""That a key stays where and what it is: read, taken out, loosened, destroyed.

The flags below are a floor under the policy file: whatever it may say, a key
with others fails the ceremony.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from kagimori.custody.checks.attacker import own_aes_key
from kagimori.custody.checks.trial import WrongAnswerError
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey
    from kagimori.custody.checks.trial import Trial

_USES = ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "DERIVE", "WRAP", "UNWRAP")
_PRIVATE_KEY_USES = ("DECRYPT", "SIGN", "DERIVE", "UNWRAP")
_FIXED = {
    "TOKEN": True,
    "SENSITIVE": True,
    "EXTRACTABLE": False,
    "MODIFIABLE": False,
    "COPYABLE": False,
    "DESTROYABLE": False,
}
_LOOSE_COPY = {Attribute.TOKEN: False, Attribute.DECRYPT: True}
_PROHIBITED = ("CKR_ACTION_PROHIBITED", "CKR_ATTRIBUTE_READ_ONLY")


def try_to_move(trial: Trial, session: Session, key: AnyKey, uses: set[str], **flags: bool) -> None:
    """Try all that would let ``key`` leave or change; it may have ``uses`` only."""
    trial.holds(
        "read the key's flags: none is loose", lambda: _compare(key, _flags(key, uses) | flags)
    )
    trial.refused("read the key's value", lambda: key[_secret_of(key)], "CKR_ATTRIBUTE_SENSITIVE")
    trial.refused("copy the key with DECRYPT=T", lambda: key.copy(_LOOSE_COPY), *_PROHIBITED)
    trial.refused("set DECRYPT=T on the key", lambda: _loosen(key), *_PROHIBITED)
    with passing(own_aes_key(session)) as own:
        trial.refused(
            "wrap the key by one's own AES key",
            lambda: own.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP),
            "CKR_KEY_UNEXTRACTABLE",
        )


def try_to_destroy(trial: Trial, key: AnyKey) -> None:
    """Try to destroy the key, if it says that it cannot be: the very last attempt."""
    if key[Attribute.DESTROYABLE] is False:
        trial.refused("destroy the key", key.destroy, *_PROHIBITED)


def _secret_of(key: AnyKey) -> Attribute:
    rsa = key[Attribute.KEY_TYPE] == KeyType.RSA
    return Attribute.PRIVATE_EXPONENT if rsa else Attribute.VALUE


def _loosen(key: AnyKey) -> None:
    key[Attribute.DECRYPT] = True


def _flags(key: AnyKey, uses: set[str]) -> dict[str, bool]:
    private = key[Attribute.CLASS] == ObjectClass.PRIVATE_KEY
    every = _PRIVATE_KEY_USES if private else _USES
    return _FIXED | {use: use in uses for use in every}


def _compare(key: AnyKey, wanted: dict[str, bool]) -> None:
    wrong = [name for name, value in wanted.items() if key[Attribute[name]] is not value]
    if wrong:
        raise WrongAnswerError(", ".join(f"{name}={not wanted[name]!s:.1}" for name in wrong))
