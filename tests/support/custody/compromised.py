# SPDX-License-Identifier: Apache-2.0
"""A server that is wholly somebody else's, with the PIN, and after a phone's seed.

``python -m support.custody.compromised DIRECTORY`` tells a public key, reads an envelope
to it, and tries everything on the serving partition that could give the seed
away. Then it tells what each attempt came to and whatever octets it was given.
With ``--lax`` the envelope is to a key that has no policy: the attacks work on that.

It drives the HSM through python-pkcs11, so it runs in a process of its own.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import (
    Attribute,
    KeyType,
    Mechanism,
    MechanismFlag,
    Object,
    ObjectClass,
    PKCS11Error,
    Session,
    _pkcs11,
    lib,
)
from pkcs11.constants import DEFAULT

from kagimori import key_policy
from kagimori.custody.attributes import AnyKey, Policy, Template, mapper
from kagimori.custody.checks.attacker import own_aes_key, own_rsa_key, unmannered
from kagimori.custody.checks.openings import Sealed
from kagimori.custody.cryptoki_names import name_of
from support.custody.hsm import MODULE, SERVING, HsmFiles
from support.phones.envelopes import provisioning_pem

DONE = "done"

TENANT = "10112001"
OTHER_TENANT = "20160003"
"""The phone is the first one's; the attacker has both banks' keys at hand."""

Attempt = tuple[str, Callable[[], object]]


@dataclass(slots=True)
class Raid:
    """What the attacker has, and what he got by it."""

    session: Session
    policy: Policy
    key: AnyKey
    envelope: bytes = field(repr=False)
    told: list[dict[str, str]] = field(default_factory=list)

    def run(self) -> None:
        """Try everything; `told` says what came of it."""
        # Other uses come last: an operation that begins cannot be taken back.
        for family in (self._lax(), self._open_and_take(), self._elsewhere(), self._other_uses()):
            for attempt, call in family:
                self._try(attempt, call)

    def _try(self, attempt: str, call: Callable[[], object]) -> None:
        try:
            got = call()
        except PKCS11Error as error:
            self._tell(attempt, name_of(error))
            return
        self._tell(attempt, DONE, got if isinstance(got, bytes) else b"")
        if isinstance(got, Object):
            self._take(attempt, got)

    def _take(self, attempt: str, opened: AnyKey) -> None:
        """Try to have the value of what an attempt opened."""
        for then, call in self._ways_out(opened):
            self._try(f"{attempt}: {then}", call)
        with suppress(PKCS11Error):
            opened.destroy()

    def _tell(self, attempt: str, answer: str, learned: bytes = b"") -> None:
        self.told.append({"attempt": attempt, "answer": answer, "learned": learned.hex()})

    # --- the ways ---------------------------------------------------------

    def _lax(self) -> Iterator[Attempt]:
        """Open the envelope with every attribute loosened, left out, or added."""
        right, phone = self.policy.seed("reseal"), self._phone()
        for name, value in key_policy.policy()["unwrap_template"].items():
            attribute = Attribute[name]
            loose = KeyType.AES if attribute is Attribute.KEY_TYPE else not value
            yield f"open with {name} loosened", partial(phone.open, right | {attribute: loose})
            yield f"open with no {name}", partial(phone.open, right | {attribute: DEFAULT})
        for name, template in _COMBINED.items():
            yield f"open {name}", partial(phone.open, right | template)

    def _open_and_take(self) -> Iterator[Attempt]:
        """Open it as the policy says, twice, and try to have the value out."""
        for purpose in ("reseal", "verify", "reseal"):
            yield f"open as the policy says ({purpose})", self._opening(purpose)

    def _other_uses(self) -> Iterator[Attempt]:
        key, envelope = unmannered(self.key), self.envelope
        oaep, raw = Mechanism.RSA_PKCS_OAEP, Mechanism.RSA_X_509
        for name, mechanism, parameter in (
            ("OAEP", oaep, self.policy.oaep),
            ("PKCS#1 v1.5", Mechanism.RSA_PKCS, None),
            ("raw RSA", raw, None),
        ):
            how = {"mechanism": mechanism, "mechanism_param": parameter}
            yield f"decrypt ({name})", partial(key.decrypt, envelope, **how)
        yield "sign with raw RSA", partial(key.sign, envelope, mechanism=raw)
        for name, mechanism in (("PKCS#1 v1.5", Mechanism.RSA_PKCS), ("raw RSA", raw)):
            sealed = Sealed(self.key, envelope, mechanism)
            yield f"open ({name})", partial(sealed.open, self.policy.seed("reseal"))
        yield "read the private exponent", partial(key.__getitem__, Attribute.PRIVATE_EXPONENT)
        for name in _LOOSENED:
            loose = {Attribute.TOKEN: False, Attribute[name]: name != "SENSITIVE"}
            yield f"copy the key with {name} changed", partial(key.copy, loose)
            change = partial(key.__setitem__, Attribute[name], name != "SENSITIVE")
            yield f"change {name} of the key", change

    def _elsewhere(self) -> Iterator[Attempt]:
        """Substitute keys: another tenant's, or one of his own."""
        theirs = replace(self._phone(), key=_provisioning_key(self.session, OTHER_TENANT))
        yield "open by another bank's key", partial(theirs.open, self.policy.seed("reseal"))
        yield "seal and open again under another bank's wrapping key", self._through_another_bank

    def _through_another_bank(self) -> Object:
        label, kwp = f"{OTHER_TENANT}/wrapping/1", self.policy.kwp
        other = _found(self.session, ObjectClass.SECRET_KEY, label)
        blob = other.wrap_key(self._opening("reseal")(), mechanism=kwp)
        self._tell("seal under another bank's wrapping key", DONE, blob)
        again: Object = Sealed(other, blob, kwp).open(self.policy.seed("reseal"))
        return again

    def _ways_out(self, seed: AnyKey) -> Iterator[Attempt]:
        kwp = self.policy.kwp
        oaep = {"mechanism": Mechanism.RSA_PKCS_OAEP, "mechanism_param": self.policy.oaep}
        yield "read it", partial(_value_of, seed)
        own_aes = own_aes_key(self.session)
        yield "wrap it by one's own AES key", partial(own_aes.wrap_key, seed, mechanism=kwp)
        own_rsa = own_rsa_key(self.session)
        yield "wrap it by one's own RSA key", partial(own_rsa.wrap_key, seed, **oaep)
        for name in ("SENSITIVE", "WRAP_WITH_TRUSTED", "DERIVE", "ENCRYPT"):
            flag = name in ("DERIVE", "ENCRYPT")
            copy = partial(_copied, seed, {Attribute.TOKEN: False, Attribute[name]: flag})
            yield f"copy it with {name} changed", copy
            yield f"change its {name}", partial(seed.__setitem__, Attribute[name], flag)
        bold = unmannered(seed)
        ecb = Mechanism.AES_ECB
        yield "encrypt with it", partial(bold.encrypt, bytes(16), mechanism=ecb)
        yield "decrypt with it", partial(bold.decrypt, bytes(16), mechanism=ecb)
        yield "wrap with it", partial(bold.wrap_key, own_aes, mechanism=kwp)
        hmac = partial(bold.sign, b"12345678", mechanism=Mechanism.SHA_1_HMAC)
        yield "compute an HMAC with it", hmac
        yield "digest it", partial(self.session.digest, seed, mechanism=Mechanism.SHA256)
        for mechanism, parameter in _DERIVATIONS.items():
            derive = partial(_derived, seed, own_aes, kwp, mechanism, parameter)
            yield f"derive a looser key from it ({mechanism.name})", derive

    # --- what he has ------------------------------------------------------

    def _phone(self) -> Sealed:
        oaep = (Mechanism.RSA_PKCS_OAEP, self.policy.oaep)
        return Sealed(self.key, self.envelope, *oaep)

    def _opening(self, purpose: str) -> Callable[[], AnyKey]:
        return partial(self._phone().open, self.policy.seed(purpose))


_DERIVATIONS: dict[Mechanism, bytes | None] = {
    Mechanism.CONCATENATE_BASE_AND_DATA: b"x",
    Mechanism.CONCATENATE_DATA_AND_BASE: b"x",
    Mechanism.XOR_BASE_AND_DATA: bytes(64),
    Mechanism.EXTRACT_KEY_FROM_KEY: bytes(8),
    Mechanism.SHA256_KEY_DERIVATION: None,
    Mechanism.AES_ECB_ENCRYPT_DATA: bytes(16),
}
_LOOSENED = ("DECRYPT", "SIGN", "EXTRACTABLE", "SENSITIVE", "MODIFIABLE")
_COMBINED: dict[str, Template] = {
    "to be read": {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    "to be wrapped by any key": {Attribute.EXTRACTABLE: True, Attribute.WRAP_WITH_TRUSTED: False},
    "as an AES key to encrypt": {Attribute.KEY_TYPE: KeyType.AES, Attribute.ENCRYPT: True},
    "as a public object that stays": {Attribute.TOKEN: True, Attribute.PRIVATE: False},
    # An HMAC under so short a key could be guessed, octet by octet.
    "cut to one octet": {Attribute.VALUE_LEN: 1},
    "cut to twenty octets": {Attribute.VALUE_LEN: 20},
    "as a TRUSTED key": {Attribute.TRUSTED: True},
    "with a value of one's own": {Attribute.VALUE: secrets.token_bytes(64)},
    "with nothing said": dict.fromkeys(
        (Attribute[name] for name in key_policy.policy()["unwrap_template"]), DEFAULT
    ),
}


def _value_of(opened: AnyKey) -> bytes:
    value: bytes = opened[Attribute.VALUE]
    return value


def _copied(seed: AnyKey, template: Template) -> bytes:
    """Copy it, and read what the copy then gives away."""
    copy = seed.copy(template)
    try:
        return _value_of(copy)
    finally:
        copy.destroy()


def _derived(
    seed: AnyKey, own: AnyKey, kwp: Mechanism, mechanism: Mechanism, parameter: bytes | None
) -> bytes:
    """Derive a key of the seed's octets that may leave, and take it out."""
    deriving = type("Deriving", (type(seed), vars(_pkcs11)["DeriveMixin"]), {})(seed.wrapper)
    loose = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    derived = deriving.derive_key(
        KeyType.GENERIC_SECRET,
        512,
        mechanism=mechanism,
        mechanism_param=parameter,
        capabilities=MechanismFlag(0),
        template=loose | {Attribute.WRAP_WITH_TRUSTED: False},
    )
    with suppress(PKCS11Error):
        return _value_of(derived)
    wrapped: bytes = own.wrap_key(derived, mechanism=kwp)
    return wrapped


def _provisioning_key(session: Session, tenant: str) -> AnyKey:
    return _found(session, ObjectClass.PRIVATE_KEY, f"{tenant}/provisioning/1")


def _found(session: Session, kind: ObjectClass, label: str) -> AnyKey:
    (key,) = list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: label}))
    return key


def _lax_pair(session: Session) -> tuple[str, AnyKey]:
    """Make a key pair with every use and no unwrap template."""
    public, private = session.generate_keypair(
        KeyType.RSA,
        2048,
        capabilities=MechanismFlag.UNWRAP | MechanismFlag.DECRYPT | MechanismFlag.SIGN,
        private_template={Attribute.TOKEN: False},
    )
    exponent, modulus = (
        int.from_bytes(public[name], "big")
        for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)
    )
    key = RSAPublicNumbers(exponent, modulus).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode("ascii"), private


def main() -> None:
    """Do as the module says."""
    files = HsmFiles(Path(sys.argv[1]))
    policy = Policy(key_policy.policy(), key_policy.provider("softhsm"))
    partition = lib(str(MODULE)).get_token(token_label=SERVING)
    with partition.open(rw=True, user_pin=files.serving_pin, attribute_mapper=mapper()) as session:
        if "--lax" in sys.argv:
            pem, key = _lax_pair(session)
        else:
            pem, key = provisioning_pem(files, TENANT), _provisioning_key(session, TENANT)
        _say(pem)
        raid = Raid(session, policy, key, bytes.fromhex(sys.stdin.readline()))
        raid.run()
        _say(raid.told)


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - it is how the process answers


if __name__ == "__main__":
    main()
