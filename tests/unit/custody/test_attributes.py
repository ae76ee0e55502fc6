# SPDX-License-Identifier: Apache-2.0
"""The policy file's words become PKCS#11's."""

from __future__ import annotations

import ctypes
import struct

import pytest
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass

from kagimori import key_policy
from kagimori.custody.attributes import Policy, mapper

CK_ATTRIBUTE = struct.Struct("LPL")


@pytest.fixture
def softhsm() -> Policy:
    return Policy(key_policy.policy(), key_policy.provider("softhsm"))


def unpacked(packed: bytes) -> dict[int, bytes]:
    """Follow the pointers of a packed template, as a module would."""
    return {
        kind: ctypes.string_at(address, length)
        for kind, address, length in CK_ATTRIBUTE.iter_unpack(packed)
    }


def test_labels_are_filled_in(softhsm: Policy) -> None:
    spec = softhsm.key("wrapping", tenant="10112001", version=3)
    assert (spec.label, spec.version) == ("10112001/wrapping/3", 3)
    assert spec.template[Attribute.LABEL] == "10112001/wrapping/3"
    assert spec.template[Attribute.ID] == b"10112001/wrapping/3"


def test_the_provider_says_what_stands_for_kwp_and_oaep() -> None:
    nss = Policy(key_policy.policy(), key_policy.provider("nss"))
    allowed = nss.key("wrapping", tenant="1").template[Attribute.ALLOWED_MECHANISMS]
    assert allowed == [Mechanism.AES_KEY_WRAP_KWP]
    assert nss.oaep == (Mechanism.SHA_1, MGF.SHA1, None)
    opening = nss.key("provisioning", tenant="1").template[Attribute.ALLOWED_MECHANISMS]
    assert opening == [Mechanism.RSA_PKCS_OAEP]


def test_a_seed_inherits_all_but_what_it_says(softhsm: Policy) -> None:
    verify, reseal = softhsm.seed("verify"), softhsm.seed("reseal")
    assert verify[Attribute.CLASS] is ObjectClass.SECRET_KEY
    assert verify[Attribute.KEY_TYPE] is KeyType.GENERIC_SECRET
    assert reseal == {**verify, Attribute.EXTRACTABLE: True}
    assert verify[Attribute.EXTRACTABLE] is False


def test_one_time_keys_have_an_unwrap_template_of_their_own(softhsm: Policy) -> None:
    onetime = softhsm.key("onetime", vendor="acme").template[Attribute.UNWRAP_TEMPLATE]
    delivery = softhsm.key("delivery", vendor="acme").template[Attribute.UNWRAP_TEMPLATE]
    assert onetime[Attribute.KEY_TYPE] is KeyType.AES
    assert delivery[Attribute.KEY_TYPE] is KeyType.GENERIC_SECRET
    # A match, not a default: what a one-time key is opened with must hold all of it.
    assert onetime.items() <= softhsm.seed("unwrapping").items()


@pytest.mark.parametrize(
    ("use", "names"),
    [
        ("wrapping", {"tenant": "1"}),
        ("row", {"tenant": "1"}),
        ("provisioning", {"tenant": "1"}),
        ("transport", {"vendor": "acme"}),
        ("transient", {"vendor": "acme"}),
        ("transient_des3", {"vendor": "acme"}),
        ("delivery", {"vendor": "acme"}),
        ("onetime", {"vendor": "acme"}),
        ("audit", {}),
    ],
)
def test_every_attribute_of_the_policy_can_be_packed(
    softhsm: Policy, use: str, names: dict[str, str]
) -> None:
    packer = mapper()
    template = softhsm.key(use, version=1, **names).template
    assert all(packer.pack_attribute(name, value) for name, value in template.items())


def test_a_template_within_a_template_is_an_array_of_attributes(softhsm: Policy) -> None:
    packer = mapper()
    template = softhsm.key("wrapping", tenant="1").template[Attribute.UNWRAP_TEMPLATE]
    inner = unpacked(packer.pack_attribute(Attribute.UNWRAP_TEMPLATE, template))
    # Numbers of PKCS#11 v2.40: CKA_SENSITIVE, CKA_DERIVE, CKA_KEY_TYPE, CKK_GENERIC_SECRET.
    assert inner[0x103] == b"\x01"
    assert inner[0x10C] == b"\x00"
    assert inner[0x100] == struct.pack("L", 0x10)
    assert len(inner) == len(template)


def test_allowed_mechanisms_are_an_array_of_numbers(softhsm: Policy) -> None:
    template = softhsm.key("transport", vendor="acme").template
    packed = mapper().pack_attribute(
        Attribute.ALLOWED_MECHANISMS, template[Attribute.ALLOWED_MECHANISMS]
    )
    assert packed == struct.pack("LL", 0x2109, 0x210A)
