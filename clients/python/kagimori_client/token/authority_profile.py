# SPDX-License-Identifier: Apache-2.0
"""What an app ships with: where the authority is, and which keys it may seal to."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509

from kagimori_client.token.errors import ProfileRefused
from kagimori_client.token.fields import SERVICE_ID, is_line

_PIN: Final = re.compile(r"[0-9a-f]{64}")
_TARGET: Final = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_FIELDS: Final = {"target", "authority_ca", "pins"}
_MORE: Final = {"banks"}
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class AuthorityProfile:
    """The authority as the app's maker knows it.

    ``target`` is host:port of its ProvisioningService, ``authority_ca`` the PEM
    certificates that its server's is checked against, and ``pins`` maps each
    サービスID to the provisioning keys that seeds may be sealed to: SHA-256 of
    the SubjectPublicKeyInfo (RFC 5280 §4.1), 64 hexadecimal digits. Pin the next
    key beside the current one, and a rotation needs no new app on its day.
    ``banks`` has the names of banks as customers know them, by サービスID: of those
    that an app lets a customer choose by name.

    Raise `ProfileRefused` for what cannot be used.
    """

    target: str
    authority_ca: bytes = field(repr=False)
    pins: Mapping[str, tuple[str, ...]]
    banks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.target, str) or not _TARGET.fullmatch(self.target):
            raise ProfileRefused("target must be host:port")
        try:
            x509.load_pem_x509_certificates(self.authority_ca)
        except (TypeError, ValueError) as error:
            raise ProfileRefused("authority_ca must hold a certificate in PEM") from error
        pins = {name: _pins(name, listed) for name, listed in self.pins.items()}
        object.__setattr__(self, "pins", pins)
        for service_id, name in self.banks.items():
            _check_bank(service_id, name, pins)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a TOML file: ``target``, ``authority_ca`` and the table ``[pins]``.

        There may be a table ``[banks]``. ``authority_ca`` is PEM text, or the path of a
        PEM file, relative to the TOML file. Raise `OSError` for a file that cannot be read.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:  # what is no UTF-8 is one as well
            raise ProfileRefused("the authority profile is not TOML") from error
        _check_fields(table)
        return cls(
            target=table["target"],
            authority_ca=_pem(table["authority_ca"], path.parent),
            pins=table["pins"],
            banks=table.get("banks", {}),
        )

    def service_id_of(self, bank: str) -> str | None:
        """Return the サービスID of a bank that is named by it, or as customers know it."""
        if bank in self.pins:
            return bank
        named = [service_id for service_id, name in self.banks.items() if name == bank]
        return named[0] if len(named) == 1 else None


def pin_of(public_key: bytes) -> str:
    """Return the pin of ``public_key`` (SubjectPublicKeyInfo in DER), 64 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()


def _check_fields(table: Mapping[str, Any]) -> None:
    if missing := sorted(_FIELDS - table.keys()):
        raise ProfileRefused(f"the authority profile lacks {', '.join(missing)}")
    # A misspelt name is found here rather than at a customer's set-up.
    if unknown := sorted(table.keys() - _FIELDS - _MORE):
        raise ProfileRefused(f"the authority profile has an unknown {', '.join(unknown)}")
    if not isinstance(table["pins"], dict):
        raise ProfileRefused("pins must be a table: a list of pins for each service ID")
    if not isinstance(table.get("banks", {}), dict):
        raise ProfileRefused("banks must be a table: a name for each service ID")


def _pem(text: object, beside: Path) -> bytes:
    if not isinstance(text, str):
        raise ProfileRefused("authority_ca must be PEM or the path of a PEM file")
    return text.encode() if "-----BEGIN" in text else (beside / text).read_bytes()


def _pins(service_id: str, listed: object) -> tuple[str, ...]:
    if not SERVICE_ID.fullmatch(service_id):
        raise ProfileRefused("pins: a service ID must be 8 digits")
    pins = tuple(listed) if isinstance(listed, list | tuple) else ()
    pins = tuple(pin.lower() if isinstance(pin, str) else "" for pin in pins)
    if not pins or not all(map(_PIN.fullmatch, pins)):
        raise ProfileRefused(f"pins of {service_id}: a list of 64 hexadecimal digits each")
    return pins


def _check_bank(service_id: str, name: object, pins: Mapping[str, object]) -> None:
    if service_id not in pins:
        raise ProfileRefused("banks: a bank without pins is of no use")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not is_line(name):
        raise ProfileRefused(f"banks: the name of {service_id} must be a line of text")
