# SPDX-License-Identifier: Apache-2.0
"""The one line that verifies a code of ``make dev``'s token from a shell."""

from __future__ import annotations

from development.environment import SHIPPED

SERIAL = "KGTD00000001"
SUBSCRIBER = "customer-001"
TENANT = "20160003"
LISTEN = "127.0.0.1:7443"
SEED_FILE = f"{SHIPPED}/customer/{SERIAL}.hex"


def curl_line() -> str:
    """Return it, to be pasted at the project's root."""
    certificates = f"{SHIPPED}/certificates"
    body = (
        r"{\"request_id\":\"$(cat /proc/sys/kernel/random/uuid)\","
        rf"\"serial\":\"{SERIAL}\",\"operation\":\"OPERATION_LOGIN\","
        rf"\"code\":\"$(oathtool --totp @{SEED_FILE})\"}}"
    )
    return (
        f".venv/bin/buf curl --schema proto --protocol grpc --cacert {certificates}/ca.pem"
        f" --cert {certificates}/{TENANT}-channel.pem --key {certificates}/{TENANT}-channel.key"
        f' -d "{body}"'
        f" https://{LISTEN}/kagimori.verification.v1.VerificationService/VerifyOtp"
    )
