# SPDX-License-Identifier: Apache-2.0
"""Which roles may call which RPC. What is not in the table is not served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from kagimori.domain.errors import NotAllowed
from kagimori.transport.identity import Identity, Role

EVERY_ROLE: Final = frozenset(Role)

ALLOWED: Final = {
    "/kagimori.verification.v1.VerificationService/VerifyOtp": frozenset({Role.CHANNEL}),
    "/kagimori.verification.v1.VerificationService/BatchVerifyOtp": frozenset({Role.CHANNEL}),
    "/kagimori.verification.v1.VerificationService/GetOtpRequirement": frozenset({Role.CHANNEL}),
    "/kagimori.admin.v1.AdminService/GetHsmStatus": frozenset(
        {Role.HSM_ADMIN, Role.OPERATOR, Role.AUDITOR}
    ),
    # Health and reflection tell nothing of any bank; mTLS keeps strangers out.
    "/grpc.health.v1.Health/Check": EVERY_ROLE,
    "/grpc.health.v1.Health/List": EVERY_ROLE,
    "/grpc.health.v1.Health/Watch": EVERY_ROLE,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": EVERY_ROLE,
}


class UnlistedRpc(Exception):
    """An RPC has no row in `ALLOWED`: the server does not start."""


def authorize(identity: Identity, method: str) -> None:
    """Return if ``identity`` may call ``method`` (its full name); else `NotAllowed`."""
    allowed = ALLOWED[method]
    if identity.role not in allowed:
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
