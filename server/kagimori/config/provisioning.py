# SPDX-License-Identifier: Apache-2.0
"""The token apps' listener."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from kagimori.config.reading import AnchoredPath, Section
from kagimori.config.sections import address


class ProvisioningSection(Section):
    """The listener that token apps reach, a process of its own (``kagimori provision``)."""

    listen: Annotated[str, AfterValidator(address)] = Field(
        description="address and port to listen on, host:port"
    )
    certificate: AnchoredPath = Field(description="its certificate chain, PEM, ECDSA")
    private_key: AnchoredPath = Field(description="its private key, PEM")
    max_concurrent_rpcs: int = Field(
        256, ge=1, description="calls taken in at once; more are refused as RESOURCE_EXHAUSTED"
    )
    per_peer: int = Field(
        20, ge=1, description="set-ups tried in a minute from one address (IPv6: one /64)"
    )
    per_service: int = Field(600, ge=1, description="set-ups tried in a minute for one tenant")
    new_per_peer: int = Field(
        6, ge=1, description="tokens without a customer made in a minute from one address"
    )
    new_per_service: int = Field(
        120, ge=1, description="tokens without a customer made in a minute for one tenant"
    )
    unclaimed_per_service: int = Field(
        100_000, ge=1, description="tokens of one tenant that may wait for their customers at once"
    )
    drain_seconds: float = Field(10.0, ge=0, description="how long a stop waits for calls")
