# SPDX-License-Identifier: Apache-2.0
"""A program: puts a tenant's keys into NSS's softoken, and writes their record.

A program, because python-pkcs11 and the server's extension must not share a
process. Arguments: module, record, partition, tenant; the PIN is read from
standard input.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pkcs11
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from pkcs11 import Attribute, ObjectClass

from kagimori import key_policy
from kagimori.custody import keys
from kagimori.custody.attributes import KeySpec, Policy, mapper

if TYPE_CHECKING:
    from pkcs11 import Session

# Attributes that its database has no column for.
_CANNOT_STORE = (
    Attribute.COPYABLE,
    Attribute.DESTROYABLE,
    Attribute.UNWRAP_TEMPLATE,
    Attribute.WRAP_TEMPLATE,
    Attribute.ALLOWED_MECHANISMS,
)


def main(module: str, record: str, partition: str, tenant: str) -> None:
    """Make the keys and write the record as if a ceremony had been content."""
    pin = sys.stdin.read()
    token = pkcs11.lib(module).get_token(token_label=partition)
    with token.open(rw=True, so_pin="") as session:
        session.init_pin(pin)
    policy = Policy(key_policy.policy(), key_policy.provider("nss"))
    with token.open(rw=True, user_pin=pin, attribute_mapper=mapper()) as session:
        canary = _make_wrapping_key(session, policy, tenant)
        made = [_make(session, policy, use, tenant) for use in ("row", "provisioning")]
    written = {
        "schema": 1,
        "made_at": "2026-01-01T00:00:00+00:00",
        "provider": "nss",
        "partitions": {"serving": partition, "import": partition},
        "keys": [asdict(key) for key in made],
        "canaries": [canary],
        "checks": {"passed": 0},
    }
    Path(record).write_text(json.dumps(written, indent=2), encoding="utf-8")


def _make(session: Session, policy: Policy, use: str, tenant: str) -> keys.MadeKey:
    return keys.make(session, keys.Order(_storable(policy, use, tenant), tenant))


def _make_wrapping_key(session: Session, policy: Policy, tenant: str) -> dict[str, Any]:
    # Known to us: asked how long a wrapped key will be, softoken gives too little.
    value, seed, challenge = (secrets.token_bytes(n) for n in (32, 64, 32))
    spec = _storable(policy, "wrapping", tenant)
    described = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: spec.kind,
        Attribute.VALUE: value,
    }
    session.create_object(spec.template | described)
    return {
        "tenant": tenant,
        "key_version": 1,
        "blob": aes_key_wrap_with_padding(value, seed).hex(),
        "challenge": challenge.hex(),
        "response": hmac.digest(seed, challenge, "sha256").hex(),
    }


def _storable(policy: Policy, use: str, tenant: str) -> KeySpec:
    spec = policy.key(use, tenant=tenant)
    kept = {name: value for name, value in spec.template.items() if name not in _CANNOT_STORE}
    return replace(spec, template=kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
