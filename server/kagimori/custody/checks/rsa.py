# SPDX-License-Identifier: Apache-2.0
"""An RSA key that opens envelopes, on trial: it may open, and do nothing else.

Envelopes are made here on the host, with the public half alone, as phones,
vendors and the offline tool make them (RSAES-OAEP and RSAES-PKCS1-v1_5,
RFC 8017 sections 7.1 and 7.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pkcs11 import Mechanism

from kagimori.custody.checks.attacker import unmannered
from kagimori.custody.checks.openings import Sealed

if TYPE_CHECKING:
    from kagimori.custody.attributes import AnyKey, Policy, Template
    from kagimori.custody.checks.trial import Trial

_NOT_PERMITTED = "CKR_KEY_FUNCTION_NOT_PERMITTED"
_MECHANISM_INVALID = "CKR_MECHANISM_INVALID"
_HASHES: dict[Mechanism, type[hashes.HashAlgorithm]] = {
    Mechanism.SHA_1: hashes.SHA1,
    Mechanism.SHA256: hashes.SHA256,
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """The private half in the HSM, and the public half that it was told with."""

    key: AnyKey
    public: RSAPublicKey = field(repr=False)
    policy: Policy

    @classmethod
    def of(cls, key: AnyKey, public_key_pem: str, policy: Policy) -> Recipient:
        """Take the exported public half; raise `TypeError` if it is no RSA key."""
        public = load_pem_public_key(public_key_pem.encode("ascii"))
        if not isinstance(public, RSAPublicKey):
            msg = "the public half is no RSA key"
            raise TypeError(msg)
        return cls(key, public, policy)

    def sealed(self, secret: bytes) -> Sealed:
        """Return ``secret`` in an envelope as the HSM's profile has it (OAEP)."""
        algorithm = _HASHES[self.policy.oaep[0]]
        oaep = padding.OAEP(padding.MGF1(algorithm()), algorithm(), None)
        blob = self.public.encrypt(secret, oaep)
        return Sealed(self.key, blob, Mechanism.RSA_PKCS_OAEP, self.policy.oaep)

    def sealed_by_old_padding(self, secret: bytes) -> Sealed:
        """Return ``secret`` in an envelope of PKCS#1 v1.5."""
        blob = self.public.encrypt(secret, padding.PKCS1v15())
        return Sealed(self.key, blob, Mechanism.RSA_PKCS)


def try_other_uses(trial: Trial, envelope: Sealed, policy: Policy) -> None:
    """Try to decrypt ``envelope`` with its key by every padding, and to sign with it."""
    bold = unmannered(envelope.key)
    ways: dict[str, tuple[Mechanism, Any]] = {
        "OAEP": (Mechanism.RSA_PKCS_OAEP, policy.oaep),
        "PKCS#1 v1.5": (Mechanism.RSA_PKCS, None),
        "raw RSA": (Mechanism.RSA_X_509, None),
    }
    for name, (mechanism, parameter) in ways.items():
        trial.refused(
            f"decrypt an envelope ({name})",
            partial(bold.decrypt, envelope.blob, mechanism=mechanism, mechanism_param=parameter),
            _NOT_PERMITTED,
        )
    trial.refused(
        "sign with the key", lambda: bold.sign(b"x", mechanism=Mechanism.RSA_PKCS), _NOT_PERMITTED
    )


def try_old_padding(trial: Trial, envelope: Sealed, template: Template) -> None:
    """Try to open an ``envelope`` of PKCS#1 v1.5 with a key that takes OAEP only."""
    trial.refused(
        "open an envelope of PKCS#1 v1.5", lambda: envelope.open(template), _MECHANISM_INVALID
    )
