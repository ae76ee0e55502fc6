# SPDX-License-Identifier: Apache-2.0
"""Who is let in, and what the others hear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from structlog.testing import capture_logs

from development.certificates import A_DAY, AUTHORITY_TENANT, Identity, new_authority
from kagimori.api.types.v1 import types_pb2
from support.processes.calls import (
    PATIENCE,
    check,
    hsm_status,
    verify_otp,
)
from support.served.transport import (
    BANK,
    Failure,
    ScriptedVerify,
    Served,
    failure_of,
)

Rpc = Callable[[grpc.Channel], object]
Who = Callable[[Served], Identity | None]


def no_certificate(_: Served) -> Identity | None:
    return None


def other_ca(served: Served) -> Identity:
    return new_authority(served.authority.directory / "other").client(BANK, "channel")


def expired(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/channel/id/old", valid_for=timedelta(hours=-1))


def other_trust_domain(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/channel/id/x", domain="elsewhere.example")


def tenant_not_served(served: Served) -> Identity:
    return client_named(served, "tenant/99999999/role/channel/id/x")


def bank_as_hsm_admin(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/hsm-admin/id/x")


def no_spiffe_id(served: Served) -> Identity:
    return served.authority.issue(
        "plain", [x509.DNSName("bank.example")], ExtendedKeyUsageOID.CLIENT_AUTH
    )


def two_spiffe_ids(served: Served) -> Identity:
    names = [
        x509.UniformResourceIdentifier(
            f"spiffe://{served.authority.trust_domain}/tenant/{tenant}/role/channel/id/x"
        )
        for tenant in (BANK, "20160003")
    ]
    return served.authority.issue("double", names, ExtendedKeyUsageOID.CLIENT_AUTH)


def client_named(
    served: Served, path: str, domain: str = "", valid_for: timedelta = A_DAY
) -> Identity:
    uri = f"spiffe://{domain or served.authority.trust_domain}/{path}"
    name = path.replace("/", "-")
    return served.authority.issue(
        name,
        [x509.UniformResourceIdentifier(uri)],
        ExtendedKeyUsageOID.CLIENT_AUTH,
        valid_for=valid_for,
    )


EVERY_RPC = [verify_otp, hsm_status, check]
STRANGERS = [no_certificate, other_ca, expired]
NOBODIES = [
    other_trust_domain,
    tenant_not_served,
    bank_as_hsm_admin,
    no_spiffe_id,
    two_spiffe_ids,
]


@pytest.mark.parametrize("call", EVERY_RPC)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_tls_keeps_strangers_out(
    served: Served, verify: ScriptedVerify, stranger: Who, call: Rpc
) -> None:
    with served.channel(stranger(served)) as channel:
        failure = failure_of(lambda: call(channel))
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason is None, "an RPC was answered"
    assert not verify.asked


@pytest.mark.parametrize("call", EVERY_RPC)
def test_nobodies_get_one_and_the_same_answer(
    served: Served, verify: ScriptedVerify, call: Rpc
) -> None:
    answers = {failed(served, nobody(served), call).raw for nobody in NOBODIES}
    assert len(answers) == 1
    ((code, _, _),) = answers
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert not verify.asked


@pytest.mark.parametrize(
    ("tenant", "role", "call"),
    [
        (BANK, "registrar", verify_otp),
        (BANK, "channel", hsm_status),
        (BANK, "registrar", hsm_status),
        (AUTHORITY_TENANT, "hsm-admin", verify_otp),
        (AUTHORITY_TENANT, "operator", verify_otp),
        (AUTHORITY_TENANT, "auditor", verify_otp),
    ],
)
def test_a_role_without_the_right_is_refused(
    served: Served, verify: ScriptedVerify, tenant: str, role: str, call: Rpc
) -> None:
    failure = failed(served, served.authority.client(tenant, role), call)
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.reason == "ROLE_NOT_ALLOWED"
    assert not verify.asked


@pytest.mark.parametrize("role", ["hsm-admin", "operator", "auditor"])
def test_staff_see_the_hsm(served: Served, role: str) -> None:
    with served.channel(served.authority.client(AUTHORITY_TENANT, role)) as channel:
        status = hsm_status(channel)
    assert (status.partition, status.answering) == ("kagimori-serving", True)
    assert [keys.wrapping_key_version for keys in status.tenants] == [2]
    assert (status.cache.hits, status.cache.misses, status.cache.entries) == (8, 3, 2)


def test_the_tenant_is_the_certificates(line: grpc.Channel, verify: ScriptedVerify) -> None:
    answer = verify_otp(line)
    assert answer.outcome == types_pb2.OUTCOME_ACCEPTED
    assert answer.receipt.number == "1234567"
    (asked,) = verify.asked
    assert (asked["caller"].tenant, asked["caller"].name) == (BANK, "core-1")
    assert 0 < asked["seconds_left"] <= PATIENCE


def test_a_refused_certificate_is_named_in_the_log(served: Served) -> None:
    with capture_logs() as logs:
        failed(served, tenant_not_served(served), check)
    (entry,) = logs
    assert "tenant/99999999" in entry["certificate_names"]
    assert (entry["status"], entry["reason"]) == ("UNAUTHENTICATED", "NOT_IDENTIFIED")


def failed(served: Served, identity: Identity, call: Rpc) -> Failure:
    with served.channel(identity) as channel:
        return failure_of(lambda: call(channel))
