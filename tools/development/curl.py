# SPDX-License-Identifier: Apache-2.0
"""Lines for a shell: what a bank asks of ``make dev``'s authority."""

from __future__ import annotations

from typing import Final

from development.environment import SHIPPED

SERIAL = "KGTD00000001"
SUBSCRIBER = "customer-001"
TENANT = "20160003"
KUMAMOTO = "10112231"
LISTEN = "127.0.0.1:7443"
SEED_FILE = f"{SHIPPED}/customer/{SERIAL}.hex"


def curl_line() -> str:
    """Return what verifies a code of the token in ``make dev``, for the project's root."""
    body = (
        rf"{_REQUEST_ID},"
        rf"\"serial\":\"{SERIAL}\",\"operation\":\"OPERATION_LOGIN\","
        rf"\"code\":\"$(oathtool --totp @{SEED_FILE})\"}}"
    )
    return _line(TENANT, "channel", body, "kagimori.verification.v1.VerificationService/VerifyOtp")


def issue_line() -> str:
    """Return what issues a software token to a customer of Kumamoto's."""
    body = (
        rf"{_REQUEST_ID},"
        r"\"subscriber_ref\":\"4711\",\"mail_address\":\"taro@phone.example\","
        r"\"activation_password\":\"480613\"}"
    )
    method = "kagimori.enrollment.v1.EnrollmentService/IssueSoftwareToken"
    return _line(KUMAMOTO, "registrar", body, method)


def _line(tenant: str, role: str, body: str, method: str) -> str:
    certificates = f"{SHIPPED}/certificates"
    return (
        f".venv/bin/buf curl --schema proto --protocol grpc --cacert {certificates}/ca.pem"
        f" --cert {certificates}/{tenant}-{role}.pem --key {certificates}/{tenant}-{role}.key"
        f' -d "{body}" https://{LISTEN}/{method}'
    )


_REQUEST_ID: Final = r"{\"request_id\":\"$(cat /proc/sys/kernel/random/uuid)\""
