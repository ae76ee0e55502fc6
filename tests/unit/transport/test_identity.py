# SPDX-License-Identifier: Apache-2.0
"""A certificate names one caller of this trust domain, or nobody."""

from __future__ import annotations

import pytest

from kagimori.domain.errors import NotAllowed, NotIdentified
from kagimori.transport.access import authorize
from kagimori.transport.identity import AUTHORITY, BANK_ROLES, Identifier, Identity, Role

identify = Identifier("kagimori.example", {"10112001", "20160003"})

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
UNLOCK = "/kagimori.enrollment.v1.EnrollmentService/UnlockToken"
GET_TIME = "/kagimori.provisioning.v1.ProvisioningService/GetTime"
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
        (
            "spiffe://kagimori.example/tenant/10112001/role/operator/id/suzuki",
            Identity("10112001", Role.OPERATOR, "suzuki"),
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
        GOOD.replace("channel", "auditor"),  # and no auditors of the authority
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


@pytest.mark.parametrize("tenant", ["10112001", AUTHORITY])
@pytest.mark.parametrize("method", [UNLOCK, HSM_STATUS])
def test_a_banks_operator_is_not_the_authoritys(tenant: str, method: str) -> None:
    identity = Identity(tenant, Role.OPERATOR, "sato")
    if (method == UNLOCK) is (tenant != AUTHORITY):
        authorize(identity, method)
        return
    with pytest.raises(NotAllowed):
        authorize(identity, method)


def test_no_bank_looks_at_the_hsm() -> None:
    for role in Role:
        with pytest.raises(NotAllowed, match="of the authority"):
            authorize(Identity("10112001", role, "x"), HSM_STATUS)


def test_anybody_may_ask_for_the_time() -> None:
    for role in BANK_ROLES:
        authorize(Identity("10112001", role, "x"), GET_TIME)


def test_tenants_come_and_go_while_their_callers_are_remembered() -> None:
    tenants = {"10112001"}
    identify = Identifier("kagimori.example", tenants)
    assert identify({"peer_uri": [GOOD.encode()]}).tenant == "10112001"
    tenants.clear()
    with pytest.raises(NotIdentified):
        identify({"peer_uri": [GOOD.encode()]})
    tenants.add("10112001")
    assert identify({"peer_uri": [GOOD.encode()]}).tenant == "10112001"
