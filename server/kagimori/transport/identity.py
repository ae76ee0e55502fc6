# SPDX-License-Identifier: Apache-2.0
"""Who is calling: read from the client certificate, never from the message.

A certificate names its holder by exactly one SAN URI, a SPIFFE ID::

    spiffe://<trust domain>/tenant/<service ID>/role/<role>/id/<name>
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from kagimori.application.verification.verify import Caller
from kagimori.domain.errors import NotIdentified

AUTHORITY: Final = "_authority"
"""The tenant of the token authority's own staff."""


class Role(StrEnum):
    """What a caller is to the authority."""

    CHANNEL = "channel"
    REGISTRAR = "registrar"
    OPERATOR = "operator"
    HSM_ADMIN = "hsm-admin"
    AUDITOR = "auditor"


_REMEMBERED: Final = 4096
"""Names of callers whose reading is kept; a bank has a handful."""

BANK_ROLES: Final = frozenset({Role.CHANNEL, Role.REGISTRAR, Role.OPERATOR})
"""A bank's operators are its staff; its channels and registrars are machines."""
AUTHORITY_ROLES: Final = frozenset({Role.OPERATOR, Role.HSM_ADMIN, Role.AUDITOR})


class Realm(StrEnum):
    """Whose people and machines a caller belongs to."""

    BANK = "a bank"
    AUTHORITY = "the authority"


def post_of(realm: Realm, role: Role) -> str:
    """Return the name of a role of one realm: the same role of the other is another post."""
    return f"{role} of {realm}"


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller. ``tenant`` is a service ID, or `AUTHORITY`.

    ``caller`` is the same in the words of the use cases, ``facts`` in those of the
    log and ``post`` in those of the access table: made once, and not for each call.
    """

    tenant: str
    role: Role
    name: str
    caller: Caller = field(init=False, repr=False, compare=False)
    facts: Mapping[str, str] = field(init=False, repr=False, compare=False)
    post: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        facts = {"tenant": self.tenant, "role": self.role.value, "caller": self.name}
        object.__setattr__(self, "caller", Caller(self.tenant, self.name))
        object.__setattr__(self, "facts", facts)
        realm = Realm.AUTHORITY if self.tenant == AUTHORITY else Realm.BANK
        object.__setattr__(self, "post", post_of(realm, self.role))


class Identifier:
    """Reads identities of one trust domain, for the tenants served here."""

    def __init__(self, trust_domain: str, tenants: Container[str]) -> None:
        """``tenants`` are service IDs, 8 digits each, and looked at for each call."""
        self._tenants = tenants
        self._spiffe_id = re.compile(
            rf"spiffe://{re.escape(trust_domain)}"
            rf"/tenant/(?P<tenant>[0-9]{{8}}|{AUTHORITY})"
            rf"/role/(?P<role>{'|'.join(Role)})"
            r"/id/(?P<name>[A-Za-z0-9._-]{1,64})"
        )
        # The same octets name the same caller whatever connection they come by.
        # A connection's address would not do: the next caller may come from it.
        self._named = lru_cache(_REMEMBERED)(self._read)

    def __call__(self, auth_context: Mapping[str, Sequence[bytes]]) -> Identity:
        """Return the caller of a TLS connection, or raise `NotIdentified`.

        A tenant that is not served here and a role that its tenant cannot have
        are no callers either: to each of them this authority says one and the
        same, so that nobody learns from it which banks it serves.
        """
        # Not x509_subject_alternative_name: that mixes in names of other kinds.
        uris = auth_context.get("peer_uri", ())
        if len(uris) != 1:
            raise NotIdentified
        identity = self._named(uris[0])
        if identity.tenant != AUTHORITY and identity.tenant not in self._tenants:
            raise NotIdentified
        return identity

    def _read(self, uri: bytes) -> Identity:
        match = self._spiffe_id.fullmatch(uri.decode("ascii", "replace"))
        if match is None:
            raise NotIdentified
        identity = Identity(match["tenant"], Role(match["role"]), match["name"])
        if identity.role not in _roles_of(identity.tenant):
            raise NotIdentified
        return identity


def _roles_of(tenant: str) -> frozenset[Role]:
    return AUTHORITY_ROLES if tenant == AUTHORITY else BANK_ROLES
