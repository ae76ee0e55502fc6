# SPDX-License-Identifier: Apache-2.0
"""A tenant's provisioning key on trial: what phones seal their seeds to.

The envelope is made here on the host, with the public half alone, as a phone
makes it (RSA-OAEP, RFC 8017 section 7.1).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pkcs11 import Mechanism

from kagimori.custody.checks.attacker import unmannered
from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.openings import Sealed, answers, try_lax_templates
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey, Policy
    from kagimori.custody.checks.trial import Trial

_NOT_PERMITTED = ("CKR_KEY_FUNCTION_NOT_PERMITTED",)
_MECHANISM_INVALID = "CKR_MECHANISM_INVALID"
_HASHES: dict[Mechanism, type[hashes.HashAlgorithm]] = {
    Mechanism.SHA_1: hashes.SHA1,
    Mechanism.SHA256: hashes.SHA256,
}


@dataclass(frozen=True, slots=True)
class ProvisioningTrial:
    """The private half under trial, with its exported public half."""

    trial: Trial
    session: Session
    policy: Policy
    key: AnyKey
    public_key_pem: str

    def run(self, wrapping_key: AnyKey) -> None:
        """Try everything on the key but to destroy it."""
        seed = secrets.token_bytes(32)
        envelope = self._seal(seed, self._oaep())
        self._try_as_intended(envelope, seed, wrapping_key)
        try_lax_templates(self.trial, envelope, self.policy)
        self._try_other_uses(envelope)
        self._try_old_padding(seed)
        try_to_move(self.trial, self.session, self.key, {"UNWRAP"}, PRIVATE=True)

    def _try_as_intended(self, envelope: Sealed, seed: bytes, wrapping_key: AnyKey) -> None:
        template = self.policy.seed("reseal")
        challenge = secrets.token_bytes(32)
        response = hmac.digest(seed, challenge, "sha256")
        self.trial.works(
            "open a phone's envelope: HMAC agrees",
            lambda: answers(envelope, template, challenge, response),
        )
        with passing(envelope.open(template)) as opened:
            self.trial.works(
                "seal its seed under the wrapping key",
                lambda: wrapping_key.wrap_key(opened, mechanism=self.policy.kwp),
            )

    def _try_other_uses(self, envelope: Sealed) -> None:
        bold = unmannered(self.key)
        ways: dict[str, tuple[Mechanism, Any]] = {
            "OAEP": (Mechanism.RSA_PKCS_OAEP, self.policy.oaep),
            "PKCS#1 v1.5": (Mechanism.RSA_PKCS, None),
            "raw RSA": (Mechanism.RSA_X_509, None),
        }
        for name, (mechanism, parameter) in ways.items():
            self.trial.refused(
                f"decrypt an envelope ({name})",
                partial(
                    bold.decrypt, envelope.blob, mechanism=mechanism, mechanism_param=parameter
                ),
                *_NOT_PERMITTED,
            )
        self.trial.refused(
            "sign with the key",
            lambda: bold.sign(b"x", mechanism=Mechanism.RSA_PKCS),
            *_NOT_PERMITTED,
        )

    def _try_old_padding(self, seed: bytes) -> None:
        envelope = Sealed(
            self.key, self._public().encrypt(seed, padding.PKCS1v15()), Mechanism.RSA_PKCS
        )
        self.trial.refused(
            "open an envelope of PKCS#1 v1.5",
            lambda: envelope.open(self.policy.seed("reseal")),
            _MECHANISM_INVALID,
        )

    def _seal(self, seed: bytes, scheme: padding.AsymmetricPadding) -> Sealed:
        return Sealed(
            self.key,
            self._public().encrypt(seed, scheme),
            Mechanism.RSA_PKCS_OAEP,
            self.policy.oaep,
        )

    def _oaep(self) -> padding.OAEP:
        algorithm = _HASHES[self.policy.oaep[0]]
        return padding.OAEP(padding.MGF1(algorithm()), algorithm(), None)

    def _public(self) -> RSAPublicKey:
        public = load_pem_public_key(self.public_key_pem.encode("ascii"))
        if not isinstance(public, RSAPublicKey):
            msg = "the provisioning key's public half is no RSA key"
            raise TypeError(msg)
        return public
