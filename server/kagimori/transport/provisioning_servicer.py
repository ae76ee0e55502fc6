# SPDX-License-Identifier: Apache-2.0
"""ProvisioningService: what a token app asks when it is set up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, cast

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
    ProvisionNewTokenRequest,
    ProvisionNewTokenResponse,
)
from kagimori.application.provisioning import keys
from kagimori.application.provisioning.wish import Done, DoneNew, NewSetUp, SetUp
from kagimori.domain import enrollment
from kagimori.domain.enrollment import ActivationPassword
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


class ProvisionNew(Protocol):
    """The use case behind `ProvisionNewToken`."""

    async def __call__(self, asked: NewSetUp) -> DoneNew:
        """Make the app's seeds a token that waits; its errors are the domain's."""
        ...


@dataclass(frozen=True, slots=True)
class SetUps:
    """How apps are set up: for a customer who is known, and before he is."""

    issued: Provision
    new: ProvisionNew


class ProvisioningServicer:
    """Serves kagimori.provisioning.v1.ProvisioningService."""

    def __init__(
        self,
        set_ups: SetUps,
        public_keys: keys.ProvisioningKeys,
        policies: Mapping[str, TenantPolicy],
        digest: Callable[[bytes], bytes],
    ) -> None:
        """``policies`` is by service ID; ``digest`` is a keyed one, for addresses."""
        self._set_ups = set_ups
        self._keys = public_keys
        self._policies = policies
        self._digest = digest

    async def ProvisionIssuedToken(  # noqa: N802 - the RPC's name
        self, request: ProvisionIssuedTokenRequest, call: StrangersCall
    ) -> ProvisionIssuedTokenResponse:
        """Take the app's sealed seeds over."""
        peer = self._name_peer(call)
        self._name_tenant(request.service_id, call)
        done = await self._set_ups.issued(_set_up_of(request, peer))
        call.facts["serial"] = done.serial
        return ProvisionIssuedTokenResponse(
            serial=done.serial,
            profile=_profile_of(done.profile),
            issuer=done.issuer,
            transaction_signing=done.transaction_signing,
        )

    async def ProvisionNewToken(  # noqa: N802 - the RPC's name
        self, request: ProvisionNewTokenRequest, call: StrangersCall
    ) -> ProvisionNewTokenResponse:
        """Take the sealed seeds of an app over whose customer is not known yet."""
        peer = self._name_peer(call)
        self._name_tenant(request.service_id, call)
        made = await self._set_ups.new(_new_set_up_of(request, peer))
        done, register_by = made.done, Timestamp()
        call.facts["serial"] = done.serial
        register_by.FromDatetime(made.register_by)
        return ProvisionNewTokenResponse(
            serial=done.serial,
            profile=_profile_of(done.profile),
            issuer=done.issuer,
            transaction_signing=done.transaction_signing,
            register_by=register_by,
        )

    async def GetProvisioningKeys(  # noqa: N802 - the RPC's name
        self, request: GetProvisioningKeysRequest, call: StrangersCall
    ) -> GetProvisioningKeysResponse:
        """Return the public keys of a bank's, the newest first."""
        self._name_tenant(request.service_id, call)
        found = self._keys.of(request.service_id)
        return GetProvisioningKeysResponse(keys=[_key_of(key) for key in found])

    async def GetTime(  # noqa: N802 - the RPC's name
        self, request: GetTimeRequest, call: StrangersCall
    ) -> GetTimeResponse:
        """Tell the time, and whether the bank that was named offers 取引確認."""
        seconds, nanoseconds = divmod(time.time_ns(), _NANOSECONDS)
        answer = GetTimeResponse(time=Timestamp(seconds=seconds, nanos=nanoseconds))
        policy = self._policies.get(request.service_id)
        if policy is not None:
            call.facts["tenant"] = request.service_id
            answer.transaction_signing = policy.tokens.transaction_signing
        return answer

    def _name_peer(self, call: StrangersCall) -> str:
        """Return a digest of where the call comes from, and let the log tell it from others."""
        peer = self._digest(network_of(call.peer)).hex()
        call.facts["peer"] = peer[:_OF_A_DIGEST]
        return peer

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


def _new_set_up_of(request: ProvisionNewTokenRequest, peer: str) -> NewSetUp:
    return NewSetUp(
        service_id=request.service_id,
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
