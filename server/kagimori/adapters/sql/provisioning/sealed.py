# SPDX-License-Identifier: Apache-2.0
"""What is kept of an app's envelopes: the second seed, and that each was opened."""

from __future__ import annotations

from typing import Final

from kagimori.adapters.sql.database import Asked, Value
from kagimori.adapters.sql.dialect import statement
from kagimori.adapters.sql.rows import values_of
from kagimori.application.provisioning.store import NewToken

_SEED: Final = (
    "tenant",
    "token_id",
    "custody",
    "seed_length",
    "key_version",
    "wrap_format",
    "blob",
    "row_mac",
)
_ADD_SIGNING_SEED: Final = statement(
    "INSERT INTO signing_seeds ({columns}) VALUES ({values})",
    parts={"columns": ", ".join(_SEED), "values": ", ".join(f":{column}" for column in _SEED)},
)

_ADD_ENVELOPE: Final = statement(
    """
INSERT INTO envelopes (tenant, digest, token_id) VALUES (:tenant, :digest, :token_id)
ON CONFLICT DO NOTHING RETURNING 1
"""
)


_DESTROY: Final = statement(
    "DELETE FROM signing_seeds WHERE tenant = :tenant AND token_id = :token_id"
)


def destruction(tenant: str, token_id: str) -> Asked:
    """Return what destroys a token's second seed; the first is emptied in the token's row."""
    return Asked(_DESTROY, {"tenant": tenant, "token_id": token_id})


def signing_seed(new: NewToken) -> Asked:
    """Return what writes the token's second seed down."""
    values = values_of(new.signing)
    return Asked(_ADD_SIGNING_SEED, {name: values[name] for name in _SEED})


def digests(new: NewToken) -> list[str]:
    """Return the digests of both envelopes, in the order of `envelopes`."""
    # In one order, so that two apps with the same envelopes do not wait in a circle.
    return sorted((new.login_digest, new.signing_digest))


def envelopes(new: NewToken) -> list[Asked]:
    """Return what writes each envelope down; it gives a row if the envelope is new."""
    identity = new.login.identity
    named: dict[str, Value] = {"tenant": identity.tenant, "token_id": identity.token_id}
    return [Asked(_ADD_ENVELOPE, {**named, "digest": digest}) for digest in digests(new)]
