# SPDX-License-Identifier: Apache-2.0
"""What somebody who holds the PIN would bring along and try.

python-pkcs11 gives a key only the methods that its attributes allow. An
attacker's program has no such manners: `unmannered` asks the HSM itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, _pkcs11

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey

_USES = ("Encrypt", "Decrypt", "Sign", "Verify", "Wrap", "Unwrap")
_TEMPORARY = {Attribute.TOKEN: False, Attribute.PRIVATE: True}


def unmannered(key: AnyKey) -> AnyKey:
    """Return ``key`` with every method, whatever its attributes say."""
    lacking = (getattr(_pkcs11, f"{use}Mixin") for use in _USES)
    bases = tuple(mixin for mixin in lacking if not isinstance(key, mixin))
    return type("AnyUse", (type(key), *bases), {})(key.wrapper)


def own_aes_key(session: Session) -> AnyKey:
    """Make an AES key that wraps and then decrypts what it wrapped."""
    return session.generate_key(
        KeyType.AES,
        256,
        capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT,
        template=_TEMPORARY,
    )


def trusted_key_of_own(session: Session) -> AnyKey:
    """Try to make a key that is TRUSTED from the start."""
    return session.generate_key(
        KeyType.AES,
        256,
        capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT,
        template=_TEMPORARY | {Attribute.TRUSTED: True},
    )


def own_rsa_key(session: Session) -> AnyKey:
    """Bring an RSA public key whose private half is at home."""
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    return session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.TOKEN: False,
            Attribute.WRAP: True,
            Attribute.MODULUS: numbers.n.to_bytes(256, "big"),
            Attribute.PUBLIC_EXPONENT: numbers.e.to_bytes(3, "big"),
        }
    )


def readable_key(session: Session) -> AnyKey:
    """Bring a key whose value is known and can be read."""
    return session.create_object(
        _TEMPORARY
        | {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
            Attribute.SENSITIVE: False,
            Attribute.EXTRACTABLE: True,
            Attribute.VALUE: secrets.token_bytes(32),
        }
    )
