# SPDX-License-Identifier: Apache-2.0
"""A certificate names one caller of this trust domain, or nobody."""

from __future__ import annotations

import pytest

from kagimori.domain.errors import NotAllowed, NotIdentified
from kagimori.transport.access import ALLOWED, authorize
from kagimori.transport.identity import AUTHORITY, Identifier, Identity, Role

identify = Identifier("kagimori.example", {"10112001", "20160003"})

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
HSM_STATUS = "/kagimori.admin.v1.AdminService/GetHsmStatus"
GOOD = "spiffe://kagimori.example/tenant/10112001/role/channel/id/core-1"


@pytest.mark.parametrize(
    ("uri", "identity"),
    [
        (GOOD, Identity("10112001", Role.CHANNEL, "core-1")),
        (
            "spiffe://kagimori.example/tenant/20160003/role/registrar/id/x.y_z",
            Identity("20160003", Role.REGISTRAR, "x.y_z"),
        ),
        (
            "spiffe://kagimori.example/tenant/_authority/role/hsm-admin/id/sato",
            Identity(AUTHORITY, Role.HSM_ADMIN, "sato"),
        ),
    ],
)
def test_reads_tenant_role_and_name(uri: str, identity: Identity) -> None:
    assert identify({"peer_uri": [uri.encode()]}) == identity


@pytest.mark.parametrize(
    "uri",
    [
        GOOD.replace("kagimori.example", "kagimori.example.evil"),
        GOOD.replace("kagimori.example", "kagimoriXexample"),
        GOOD.replace("spiffe", "https"),
        GOOD.replace("10112001", "10112002"),  # a tenant that is not served here
        GOOD.replace("10112001", "１０１１２００１"),  # noqa: RUF001 - full-width digits
        GOOD.replace("10112001", "_authority"),  # the authority has no channels
        GOOD.replace("channel", "hsm-admin"),  # a bank has no HSM administrators
        GOOD.replace("channel", "root"),
        GOOD.replace("core-1", ""),
        GOOD.replace("core-1", "a" * 65),
        GOOD.replace("core-1", "a/id/b"),
        GOOD + "\n",
        GOOD + "?x",
        "x" + GOOD,
        "",
    ],
)
def test_refuses_every_other_name(uri: str) -> None:
    with pytest.raises(NotIdentified):
        identify({"peer_uri": [uri.encode()]})


def test_needs_exactly_one_uri() -> None:
    for uris in ([], [GOOD.encode()] * 2, [GOOD.encode(), b"https://kagimori.example/"]):
        with pytest.raises(NotIdentified):
            identify({"peer_uri": uris})
    with pytest.raises(NotIdentified):
        identify({"x509_subject_alternative_name": [GOOD.encode()]})


def test_octets_that_are_no_ascii_name_nobody() -> None:
    with pytest.raises(NotIdentified):
        identify({"peer_uri": [GOOD.encode().replace(b"core", b"c\xff\x00")]})


@pytest.mark.parametrize("role", Role)
def test_only_a_channel_verifies_codes(role: Role) -> None:
    identity = Identity("10112001", role, "x")
    if role is Role.CHANNEL:
        authorize(identity, VERIFY)
        return
    with pytest.raises(NotAllowed, match="channel"):
        authorize(identity, VERIFY)


def test_no_bank_looks_at_the_hsm() -> None:
    assert {Role.HSM_ADMIN, Role.OPERATOR, Role.AUDITOR} == ALLOWED[HSM_STATUS]
