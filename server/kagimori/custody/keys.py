# SPDX-License-Identifier: Apache-2.0
"""Making keys, each with its whole policy from the first moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import MultipleObjectsReturned, NoSuchKey
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from kagimori.custody.attributes import NO_OTHER_USE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from pkcs11 import PublicKey, Session

    from kagimori.custody.attributes import AnyKey, KeySpec, Policy, Template
    from kagimori.custody.components import VendorKey

_TENANT_USES = ("wrapping", "row", "provisioning")
_PUBLIC_HALF: Template = {
    Attribute.TOKEN: True,
    Attribute.PRIVATE: False,
    Attribute.MODIFIABLE: False,
}


@dataclass(frozen=True, slots=True)
class Order:
    """A key to make: for a tenant, from a vendor, or the authority's own."""

    spec: KeySpec
    tenant: str | None = None
    vendor: str | None = None
    entered: VendorKey | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """What the record says of a key: where it is, whose, and its public half."""

    label: str
    use: str
    partition: str
    tenant: str | None
    vendor: str | None
    version: int
    public_key_pem: str | None
    check_value: str | None


def orders(
    policy: Policy,
    tenants: Iterable[str],
    entered: Sequence[VendorKey],
    generated: Iterable[tuple[str, str]] = (),
) -> list[Order]:
    """Return every key that a ceremony makes.

    ``tenants`` are service IDs; ``generated`` names vendor and use of each
    vendor's key that comes to be in the HSM.
    """
    of_tenants = [
        Order(policy.key(use, tenant=tenant), tenant=tenant)
        for tenant in tenants
        for use in _TENANT_USES
    ]
    of_vendors = [
        Order(policy.key(key.use, vendor=key.vendor), vendor=key.vendor, entered=key)
        for key in entered
    ]
    for_vendors = [
        Order(policy.key(use, vendor=vendor), vendor=vendor) for vendor, use in generated
    ]
    return [*of_tenants, *of_vendors, *for_vendors, Order(policy.key("audit"))]


def make(session: Session, order: Order) -> MadeKey:
    """Make the key in ``session``, whose login is its maker's; raise `PKCS11Error`."""
    spec, entered = order.spec, order.entered
    pem = None
    if entered is not None:
        _enter(session, spec, entered.value)
    elif spec.kind in (KeyType.RSA, KeyType.EC):
        public = _rsa_pair(session, spec) if spec.kind is KeyType.RSA else _ec_pair(session, spec)
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    else:
        session.generate_key(
            spec.kind, spec.bits, capabilities=NO_OTHER_USE, template=spec.template
        )
    return MadeKey(
        label=spec.label,
        use=spec.use,
        partition=spec.partition,
        tenant=order.tenant,
        vendor=order.vendor,
        version=spec.version,
        public_key_pem=pem,
        check_value=entered.check_value if entered else None,
    )


def find(session: Session, made: MadeKey) -> AnyKey:
    """Return the key, or its private half; raise `NoSuchKey`."""
    kind = ObjectClass.PRIVATE_KEY if made.public_key_pem else ObjectClass.SECRET_KEY
    wanted = {Attribute.CLASS: kind, Attribute.LABEL: made.label, Attribute.TOKEN: True}
    # Read to the end: a search left open would outlive its session.
    match list(session.get_objects(wanted)):
        case [key]:
            return key
        case []:
            raise NoSuchKey(made.label)
        case several:
            msg = f"{len(several)} keys are called {made.label}"
            raise MultipleObjectsReturned(msg)


def _enter(session: Session, spec: KeySpec, value: bytes) -> None:
    described = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: spec.kind,
        Attribute.VALUE: value,
    }
    session.create_object(spec.template | described)


def _rsa_pair(session: Session, spec: KeySpec) -> PublicKeyTypes:
    public, _ = session.generate_keypair(
        spec.kind,
        spec.bits,
        capabilities=NO_OTHER_USE,
        public_template=_public_template(spec),
        private_template=spec.template,
    )
    exponent = _integer(public, Attribute.PUBLIC_EXPONENT)
    return RSAPublicNumbers(exponent, _integer(public, Attribute.MODULUS)).public_key()


def _ec_pair(session: Session, spec: KeySpec) -> PublicKeyTypes:
    parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(str(spec.curve))}
    domain = session.create_domain_parameters(spec.kind, parameters, local=True)
    public, _ = domain.generate_keypair(
        capabilities=NO_OTHER_USE,
        public_template=_public_template(spec),
        private_template=spec.template,
    )
    return load_der_public_key(encode_ec_public_key(public))


def _public_template(spec: KeySpec) -> Template:
    names = (Attribute.LABEL, Attribute.ID)
    return _PUBLIC_HALF | {name: spec.template[name] for name in names}


def _integer(key: PublicKey, attribute: Attribute) -> int:
    return int.from_bytes(key[attribute], "big")
