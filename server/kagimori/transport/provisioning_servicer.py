# SPDX-License-Identifier: Apache-2.0
"""ProvisioningService: what a token app asks when it is set up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, Protocol, cast

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.api.provisioning.v1.provisioning_pb2 import (
    GetProvisioningKeysRequest,
    GetProvisioningKeysResponse,
    GetTimeRequest,
    GetTimeResponse,
    OtpProfile,
    ProvisioningKey,
    ProvisionIssuedTokenRequest,
    ProvisionIssuedTokenResponse,
)
from kagimori.application.provisioning import keys
from kagimori.application.provisioning.wish import Done, SetUp
from kagimori.domain import enrollment
from kagimori.domain.enrollment import ActivationPassword
from kagimori.domain.errors import NotOffered
from kagimori.domain.tenant import TenantPolicy
from kagimori.domain.token import Hash, Profile
from kagimori.transport.call import StrangersCall
from kagimori.transport.peer import network_of

_HASHES: Final = {
    word: cast(
        "provisioning_pb2.HashAlgorithm",
        provisioning_pb2.HashAlgorithm.Value(f"HASH_ALGORITHM_{word}"),
    )
    for word in Hash
}

_NANOSECONDS: Final = 1_000_000_000
_OF_A_DIGEST: Final = 16
"""Characters by which the log tells one peer from another."""


class Provision(Protocol):
    """The use case behind `ProvisionIssuedToken`."""

    async def __call__(self, asked: SetUp) -> Done:
        """Make the app's seeds a token; its errors are the domain's."""
        ...


class ProvisioningServicer:
    """Serves kagimori.provisioning.v1.ProvisioningService."""

    def __init__(
        self,
        provision: Provision,
        public_keys: keys.ProvisioningKeys,
        policies: Mapping[str, TenantPolicy],
        digest: Callable[[bytes], bytes],
    ) -> None:
        """``policies`` is by service ID; ``digest`` is a keyed one, for addresses."""
        self._provision = provision
        self._keys = public_keys
        self._policies = policies
        self._digest = digest

    async def ProvisionIssuedToken(  # noqa: N802 - the RPC's name
        self, request: ProvisionIssuedTokenRequest, call: StrangersCall
    ) -> ProvisionIssuedTokenResponse:
        """Take the app's sealed seeds over."""
        peer = self._digest(network_of(call.peer)).hex()
        call.facts["peer"] = peer[:_OF_A_DIGEST]
        self._name_tenant(request.service_id, call)
        done = await self._provision(_set_up_of(request, peer))
        call.facts["serial"] = done.serial
        return ProvisionIssuedTokenResponse(
            serial=done.serial,
            profile=_profile_of(done.profile),
            issuer=done.issuer,
            transaction_signing=done.transaction_signing,
        )

    async def ProvisionNewToken(self, _request: Message, _call: StrangersCall) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("ProvisionNewToken")

    async def GetProvisioningKeys(  # noqa: N802 - the RPC's name
        self, request: GetProvisioningKeysRequest, call: StrangersCall
    ) -> GetProvisioningKeysResponse:
        """Return the public keys of a bank's, the newest first."""
        self._name_tenant(request.service_id, call)
        found = self._keys.of(request.service_id)
        return GetProvisioningKeysResponse(keys=[_key_of(key) for key in found])

    async def GetTime(  # noqa: N802 - the RPC's name
        self, _request: GetTimeRequest, _call: StrangersCall
    ) -> GetTimeResponse:
        """Tell the time."""
        seconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS)
        return GetTimeResponse(time=Timestamp(seconds=seconds, nanos=nanoseconds))

    def _name_tenant(self, service_id: str, call: StrangersCall) -> None:
        """Let the log know the bank, if there is one; else raise `InvalidField`."""
        keys.policy_of(self._policies, enrollment.service_id(service_id))
        call.facts["tenant"] = service_id


def _set_up_of(request: ProvisionIssuedTokenRequest, peer: str) -> SetUp:
    return SetUp(
        service_id=request.service_id,
        user_id=enrollment.user_id(request.user_id),
        password=ActivationPassword(request.activation_password),
        key_pin=request.key_pin,
        login_envelope=request.login_envelope,
        signing_envelope=request.signing_envelope,
        peer=peer,
    )


def _profile_of(profile: Profile) -> OtpProfile:
    return OtpProfile(
        hash_algorithm=_HASHES[profile.hash],
        digits=profile.digits,
        period=profile.period,
        t0=profile.t0,
    )


def _key_of(key: keys.ProvisioningKey) -> ProvisioningKey:
    return ProvisioningKey(public_key=key.public_key, oaep_hash=_HASHES[key.oaep_hash])
