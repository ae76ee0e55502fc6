# SPDX-License-Identifier: Apache-2.0
"""The keys that vouch, on trial: row keys (HMAC) and the audit key (ECDSA)."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pkcs11 import Mechanism
from pkcs11.util.ec import encode_ecdsa_signature

from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.trial import WrongAnswerError

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey
    from kagimori.custody.checks.trial import Trial

_MAC_BYTES = 32


def try_row(trial: Trial, session: Session, key: AnyKey) -> None:
    """Try everything on a row key but to destroy it."""
    trial.works("make and check the MAC of a row", lambda: _mac_verifies(key))
    trial.refused(
        "MAC by another mechanism (SHA-1)",
        lambda: key.sign(b"row", mechanism=Mechanism.SHA_1_HMAC),
        "CKR_MECHANISM_INVALID",
    )
    try_to_move(trial, session, key, {"SIGN", "VERIFY"}, PRIVATE=True)


def try_audit(trial: Trial, session: Session, key: AnyKey, public_key_pem: str) -> None:
    """Try everything on the audit key but to destroy it."""
    trial.works(
        "sign: the public half verifies it", lambda: _signature_verifies(key, public_key_pem)
    )
    try_to_move(trial, session, key, {"SIGN"}, PRIVATE=True)


def _mac_verifies(key: AnyKey) -> None:
    row = secrets.token_bytes(256)
    mac = key.sign(row, mechanism=Mechanism.SHA256_HMAC)
    verified = key.verify(row, mac, mechanism=Mechanism.SHA256_HMAC)
    if len(mac) != _MAC_BYTES or not verified:
        msg = "wrong MAC"
        raise WrongAnswerError(msg)


def _signature_verifies(key: AnyKey, public_key_pem: str) -> None:
    head = hashlib.sha256(secrets.token_bytes(32)).digest()
    signature = encode_ecdsa_signature(key.sign(head, mechanism=Mechanism.ECDSA))
    public = load_pem_public_key(public_key_pem.encode("ascii"))
    try:
        if isinstance(public, EllipticCurvePublicKey):
            public.verify(signature, head, ECDSA(Prehashed(hashes.SHA256())))
            return
    except InvalidSignature:
        pass
    msg = "wrong signature"
    raise WrongAnswerError(msg)
