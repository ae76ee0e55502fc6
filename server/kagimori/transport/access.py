# SPDX-License-Identifier: Apache-2.0
"""Who may call which RPC. What is not in the table is not served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from kagimori.domain.errors import NotAllowed
from kagimori.transport.identity import (
    AUTHORITY_ROLES,
    BANK_ROLES,
    Identity,
    Realm,
    Role,
    post_of,
)

Row = frozenset[str]
"""Posts, as `post_of` names them: a bank's operator is not the authority's."""


def of_bank(*roles: Role) -> Row:
    """Return the posts of a bank that ``roles`` are."""
    return frozenset(post_of(Realm.BANK, role) for role in roles)


def of_authority(*roles: Role) -> Row:
    """Return the posts of the authority's own staff that ``roles`` are."""
    return frozenset(post_of(Realm.AUTHORITY, role) for role in roles)


EVERY_CALLER: Final = of_bank(*BANK_ROLES) | of_authority(*AUTHORITY_ROLES)
"""Whoever has a certificate of this trust domain."""

ANYBODY: Final = EVERY_CALLER | {"anybody"}
"""Those without a certificate, too. Such an RPC has a listener of its own."""

_VERIFICATION: Final = "/kagimori.verification.v1.VerificationService"
_ENROLLMENT: Final = "/kagimori.enrollment.v1.EnrollmentService"
_ADMIN: Final = "/kagimori.admin.v1.AdminService"
_PROVISIONING: Final = "/kagimori.provisioning.v1.ProvisioningService"

ALLOWED: Final = {
    f"{_VERIFICATION}/VerifyOtp": of_bank(Role.CHANNEL),
    f"{_VERIFICATION}/BatchVerifyOtp": of_bank(Role.CHANNEL),
    f"{_VERIFICATION}/GetOtpRequirement": of_bank(Role.CHANNEL),
    f"{_VERIFICATION}/ResynchronizeToken": of_bank(Role.CHANNEL, Role.OPERATOR),
    f"{_VERIFICATION}/CreateTransactionChallenge": of_bank(Role.CHANNEL),
    f"{_VERIFICATION}/VerifyTransaction": of_bank(Role.CHANNEL),
    f"{_ENROLLMENT}/IssueSoftwareToken": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/ActivateToken": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/DeregisterToken": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/GetEnrollment": of_bank(Role.REGISTRAR, Role.OPERATOR),
    f"{_ENROLLMENT}/UnlockToken": of_bank(Role.OPERATOR),
    f"{_ENROLLMENT}/AssignToken": of_bank(Role.OPERATOR),
    f"{_ENROLLMENT}/GetToken": of_bank(Role.OPERATOR),
    f"{_ENROLLMENT}/ReturnToken": of_bank(Role.OPERATOR),
    f"{_ENROLLMENT}/RegisterToken": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/SetLoginOtp": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/TerminateToken": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/BeginReplacement": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/CompleteReplacement": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/CreateGridChallenge": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/VerifyGridAnswer": of_bank(Role.REGISTRAR),
    f"{_ENROLLMENT}/UnlockGridCard": of_bank(Role.OPERATOR),
    f"{_PROVISIONING}/ProvisionIssuedToken": ANYBODY,
    f"{_PROVISIONING}/ProvisionNewToken": ANYBODY,
    f"{_PROVISIONING}/GetProvisioningKeys": ANYBODY,
    f"{_PROVISIONING}/GetTime": ANYBODY,
    f"{_ADMIN}/GetHsmStatus": of_authority(Role.HSM_ADMIN, Role.OPERATOR, Role.AUDITOR),
    f"{_ADMIN}/ImportTokens": of_authority(Role.HSM_ADMIN),
    # Two persons of the bank; the authority's own staff have no say in it.
    f"{_ADMIN}/ProposeReplacement": of_bank(Role.OPERATOR),
    f"{_ADMIN}/ApproveReplacement": of_bank(Role.OPERATOR),
    f"{_ADMIN}/RejectReplacement": of_bank(Role.OPERATOR),
    f"{_ADMIN}/ListReplacements": of_bank(Role.OPERATOR),
    # Health and reflection tell nothing of any bank; mTLS keeps strangers out.
    "/grpc.health.v1.Health/Check": EVERY_CALLER,
    "/grpc.health.v1.Health/List": EVERY_CALLER,
    "/grpc.health.v1.Health/Watch": EVERY_CALLER,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EVERY_CALLER,
}


class UnlistedRpc(Exception):
    """An RPC has no row in `ALLOWED`: the server does not start."""


def authorize(identity: Identity, method: str) -> None:
    """Return if ``identity`` may call ``method`` (its full name); else `NotAllowed`."""
    allowed = ALLOWED[method]
    if identity.post not in allowed:
        raise NotAllowed(", ".join(sorted(allowed)))


def require_rows(services: Iterable[ServiceDescriptor]) -> None:
    """Raise `UnlistedRpc` if a service has an RPC without a row."""
    unlisted = [name for service in services for name in methods(service) if name not in ALLOWED]
    if unlisted:
        msg = f"no row in the access table: {', '.join(unlisted)}"
        raise UnlistedRpc(msg)


def methods(service: ServiceDescriptor) -> list[str]:
    """Return the full names of the RPCs of ``service``, as they are on the wire."""
    return [f"/{service.full_name}/{method.name}" for method in service.methods]
