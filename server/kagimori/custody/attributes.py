# SPDX-License-Identifier: Apache-2.0
"""From the key policy's words to PKCS#11 templates.

``policy.toml`` is the one place that says what a key is; here its names become
python-pkcs11's, with what the provider profile stands in for.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.attributes import AttributeMapper, handle_bool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kagimori.key_policy import Provider

# python-pkcs11 makes a class for each object, with the methods that the object's
# attributes allow: no type can say which.
AnyKey = Any

# What the capabilities parameter must be: every use is in the template.
NO_OTHER_USE = MechanismFlag(0)

Template = dict[Attribute, Any]
OaepParameters = tuple[Mechanism, MGF, None]

_ENUMERATED = {"CLASS": ObjectClass, "KEY_TYPE": KeyType}
_OAEP: dict[str, OaepParameters] = {
    "SHA1": (Mechanism.SHA_1, MGF.SHA1, None),
    "SHA256": (Mechanism.SHA256, MGF.SHA256, None),
}


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One key to make: where, by whom, its kind, and every attribute it gets.

    ``bits`` is None for a key whose value comes from outside or whose size is
    its curve's.
    """

    use: str
    label: str
    version: int
    partition: str
    made_by: str
    kind: KeyType
    bits: int | None
    curve: str | None
    template: Template


class Policy:
    """The key policy, in one provider's terms."""

    def __init__(self, data: Mapping[str, Any], provider: Provider) -> None:
        """Take ``policy.toml`` as plain data."""
        self._data = data
        self.kwp = Mechanism(provider.kwp)
        self.oaep = _OAEP[provider.oaep_hash]

    def seed(self, purpose: str) -> Template:
        """Return the template of a seed in the HSM: "verify" or "reseal"."""
        own = dict(self._data["seed"][purpose])
        inherited = own.pop("inherits", None)
        base = self.seed(inherited) if inherited else {}
        return base | _template(own)

    def key(self, use: str, *, version: int = 1, **names: str) -> KeySpec:
        """Return what to make for ``use``, with its label filled in."""
        key = self._data["key"][use]
        label = key["label"].format(version=version, **names)
        return KeySpec(
            use=use,
            label=label,
            version=version,
            partition=key["partition"],
            made_by=key["made_by"],
            kind=KeyType[key["kind"]],
            bits=key.get("bits"),
            curve=key.get("curve"),
            template=self._key_template(key)
            | {Attribute.LABEL: label, Attribute.ID: label.encode("ascii")},
        )

    def _key_template(self, key: Mapping[str, Any]) -> Template:
        template = _template(key["attributes"])
        template[Attribute.ALLOWED_MECHANISMS] = [self._mechanism(m) for m in key["mechanisms"]]
        if name := key.get("unwrap_template"):
            named = "unwrap_template" if name is True else name
            template[Attribute.UNWRAP_TEMPLATE] = _template(self._data[named])
        if key.get("wrap_template"):
            template[Attribute.WRAP_TEMPLATE] = _template(self._data["wrap_template"])
        return template

    def _mechanism(self, name: str) -> Mechanism:
        match name:
            case "$KWP":
                return self.kwp
            case "$OAEP":
                return Mechanism.RSA_PKCS_OAEP
            case _:
                return Mechanism[name]


def mapper() -> AttributeMapper:
    """Return a mapper that also packs the attributes python-pkcs11 leaves out."""
    result = AttributeMapper()
    templates = _TemplatePacker()
    result.register_handler(Attribute.ALLOWED_MECHANISMS, _pack_mechanisms, bytes)
    result.register_handler(Attribute.UNWRAP_TEMPLATE, templates.pack, bytes)
    result.register_handler(Attribute.WRAP_TEMPLATE, templates.pack, bytes)
    result.register_handler(Attribute.SIGN_RECOVER, *handle_bool)
    return result


def _template(words: Mapping[str, Any]) -> Template:
    return {Attribute[name]: _value(name, value) for name, value in words.items()}


def _value(name: str, value: str | bool) -> object:  # noqa: FBT001 - what TOML holds
    return _ENUMERATED[name][value] if isinstance(value, str) else value


def _pack_mechanisms(mechanisms: list[Mechanism]) -> bytes:
    return b"".join(struct.pack("L", int(mechanism)) for mechanism in mechanisms)


class _CkAttribute(ctypes.Structure):
    """CK_ATTRIBUTE of the PKCS#11 header."""

    _fields_ = (
        ("type", ctypes.c_ulong),
        ("pValue", ctypes.c_void_p),
        ("ulValueLen", ctypes.c_ulong),
    )


class _TemplatePacker:
    """Packs a template within a template: an array of CK_ATTRIBUTE.

    The array holds pointers, and the module follows them after `pack` has
    returned; so what they point to is kept as long as the packer.
    """

    def __init__(self) -> None:
        self._kept: list[ctypes.Array[ctypes.c_char]] = []

    def pack(self, template: Template) -> bytes:
        entries = [self._entry(attribute, value) for attribute, value in template.items()]
        return bytes((_CkAttribute * len(entries))(*entries))

    def _entry(self, attribute: Attribute, value: bool | int) -> _CkAttribute:  # noqa: FBT001 - CK_BBOOL
        packed = struct.pack("?", value) if isinstance(value, bool) else struct.pack("L", value)
        buffer = ctypes.create_string_buffer(packed, len(packed))
        self._kept.append(buffer)
        return _CkAttribute(int(attribute), ctypes.addressof(buffer), len(packed))
