# SPDX-License-Identifier: Apache-2.0
"""The serving process's vault."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from itertools import cycle
from typing import Final, TypeVar

from kagimori import core, key_policy
from kagimori.adapters.vault.delivery import answers_of, keys_of, refusal_of, seeds_of
from kagimori.adapters.vault.settings import CanarySeed, Hsm, Sessions, VaultRefused
from kagimori.adapters.vault.words import (
    RETRY_FATAL_AFTER,
    answer_of,
    canary_of,
    job_of,
    partition_of,
    provider_of,
    row_of,
    sealed_of,
    sound_row_of,
    translated,
)
from kagimori.application.administration.hsm_status import HsmStatus, SeedCache, TenantKeys
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import Head, PasswordKey
from kagimori.application.ports import Search, SearchAnswer, SearchFailed, SignatureCheck
from kagimori.application.provisioning.ports import EnvelopeUnfit
from kagimori.domain.errors import HsmUnavailable, RecordTampered
from kagimori.domain.grid_card import Cells, Pair
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)

T = TypeVar("T")

_DECOYS: Final = 4
"""A tenant's, each with a row MAC that a start waits for."""

_DECOY_PROFILE: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)


class HsmVault:
    """The serving process's vaults over the Rust extension.

    It is a `SeedVault`, an `EnvelopeVault`, a `CardVault`, an `HsmInspector`, and a
    `DeliveryVault` for what opens inside the HSM.
    """

    def __init__(self, vault: core.Vault, hsm: Hsm, wait: float) -> None:
        """Take an open vault; see `open`."""
        self._vault = vault
        self._partition = hsm.serving.label
        self._wait = wait
        versions = sorted((canary.tenant, canary.sealed.key_version) for canary in hsm.canaries)
        self._newest = dict(versions)
        self._decoys = {canary.tenant: self._decoys_of(canary) for canary in hsm.canaries}

    @classmethod
    def open(cls, hsm: Hsm, sessions: Sessions) -> HsmVault:
        """Log in once, find every key, and try to break the policy.

        Raises `VaultRefused` if anything is missing or the HSM allows what the
        key policy forbids. A wrong PIN is tried exactly once.
        """
        try:
            vault = core.Vault.open(
                module=hsm.module,
                partition=partition_of(hsm.serving),
                policy=key_policy.policy_text(),
                provider=provider_of(hsm.provider),
                canaries=[canary_of(canary) for canary in hsm.canaries],
                sessions=sessions.count,
                cache_entries=sessions.cache_entries,
                cache_seconds=sessions.cache_seconds,
            )
            _insist_on_policy(vault.self_test())
            return cls(vault, hsm, sessions.wait)
        except (core.HsmError, core.PolicyError) as error:
            raise VaultRefused(str(error.args[0])) from None

    async def search(self, searches: Sequence[Search | SignatureCheck]) -> list[SearchAnswer]:
        """See `SeedVault.search`. It returns when the vault's wait is over."""
        jobs = [job_of(search) for search in searches]
        sound = [job for job in jobs if job is not None]
        try:
            found = await core.ended(self._vault.search, sound, self._wait)
        except core.HsmError as error:
            return [SearchFailed(translated(error), 0) for _ in searches]
        results = iter(found)
        return [
            SearchFailed(RecordTampered(), 0) if job is None else answer_of(next(results))
            for job in jobs
        ]

    def decoy(self, tenant: str) -> Token:
        """See `SeedVault.decoy`."""
        return next(self._decoys[tenant])

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `SeedVault.fingerprint`."""
        try:
            return self._vault.fingerprint(tenant, message)
        except core.HsmError as error:
            raise translated(error) from None

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """Return the MAC that binds a token's row together."""
        try:
            return self._vault.row_mac(row_of(identity, b""), self._wait)
        except core.HsmError as error:
            raise translated(error) from None

    async def row_macs(self, identities: Sequence[TokenIdentity]) -> list[bytes]:
        """See `EnvelopeVault.row_macs`."""
        rows = [row_of(identity, b"") for identity in identities]
        return await _answered(core.ended(self._vault.row_macs, rows, self._wait))

    async def cells_match(
        self, identity: TokenIdentity, row_mac: bytes, pair: Pair, cells: Cells
    ) -> bool:
        """See `CardVault.cells_match`."""
        row = sound_row_of(identity, row_mac)
        begin, places = self._vault.cells_match, (pair.first, pair.second)
        return await _answered(core.ended(begin, row, *places, cells.reveal(), self._wait))

    async def password_mac(
        self, tenant: str, message: bytes, key_version: int | None = None
    ) -> tuple[bytes, int]:
        """See `EnvelopeVault.password_mac`."""
        begin = self._vault.password_mac
        return await _answered(core.ended(begin, tenant, message, key_version, self._wait))

    async def seal_envelopes(
        self, tenant: str, key_version: int, envelopes: Sequence[bytes], use: Hash
    ) -> list[SealedSeed]:
        """See `EnvelopeVault.seal_envelopes`."""
        begin = self._vault.seal_envelopes
        try:
            sealed = await _answered(
                core.ended(begin, tenant, key_version, envelopes, use, self._wait)
            )
        except core.EnvelopeError as error:
            index, detail = error.args
            raise EnvelopeUnfit(index, detail) from None
        return [sealed_of(seed) for seed in sealed]

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        """See `DeliveryVault.seal`; what only the host could open is refused."""
        if isinstance(head.encryption, PasswordKey):
            # Nobody who may call has a password's key derived here.
            raise SeedRefused("HOST_TRANSIENT_NOT_ALLOWED", "a password's key is the host's")
        begin, keys = self._vault.seal_delivered, keys_of(head)
        try:
            answers = await _answered(core.ended(begin, keys, tenant, seeds_of(seeds), self._wait))
        except core.SeedError as error:
            raise refusal_of(error) from None
        return answers_of(answers)

    def wrapping_version(self, tenant: str) -> int:
        """Return the newest version of the tenant's keys: seeds are sealed under that.

        Raises `HsmUnavailable` if there are no keys of that tenant.
        """
        newest = self._newest.get(tenant)
        if newest is None:
            raise HsmUnavailable(f"no keys of tenant {tenant} are open", RETRY_FATAL_AFTER)
        return newest

    async def ping(self) -> None:
        """See `SeedVault.ping`. It returns when the vault's wait is over."""
        await _answered(core.ended(self._vault.ping, self._wait))

    def is_hung(self) -> bool:
        """Return whether a call into the HSM was waited for in vain and still runs.

        Nothing ends such a call but the end of the process.
        """
        return self._vault.is_hung()

    def opened(self) -> int:
        """Return how many seeds the HSM was asked to open since the vault was."""
        try:
            return self._vault.opened()
        except core.HsmError as error:
            raise translated(error) from None

    async def status(self) -> HsmStatus:
        """See `HsmInspector.status`."""
        answering = await self._answers()
        manufacturer, version, tenants = self._vault.status()
        return HsmStatus(
            partition=self._partition,
            manufacturer=manufacturer,
            library_version=version,
            answering=answering,
            tenants=tuple(TenantKeys(*versions) for versions in tenants),
            cache=SeedCache(*self._vault.cache_counts()),
        )

    def close(self) -> None:
        """Wait for calls under way, for some seconds, and leave the HSM."""
        self._vault.close()

    async def _answers(self) -> bool:
        try:
            await self.ping()
        except HsmUnavailable:
            return False
        return True

    def _decoys_of(self, canary: CanarySeed) -> Iterator[Token]:
        """Return decoys in turn, so that many unknown names do not meet in one session."""
        return cycle([self._decoy_of(canary, number) for number in range(_DECOYS)])

    def _decoy_of(self, canary: CanarySeed, number: int) -> Token:
        identity = TokenIdentity(
            tenant=canary.tenant,
            token_id=f"decoy-{number}",
            serial="DECOY",
            subscriber=None,
            kind=Kind.SOFTWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=_DECOY_PROFILE,
            seed=canary.sealed,
        )
        mac = self._vault.row_mac(row_of(identity, b""), self._wait)
        return Token(identity, mac, State.IN_STOCK)


async def _answered(future: Awaitable[T]) -> T:
    try:
        return await future
    except (core.HsmError, core.RowTampered) as error:
        raise translated(error) from None


def _insist_on_policy(findings: Sequence[core.Finding]) -> None:
    failed = [
        f"{finding.subject}: {finding.attempt}: wanted {finding.wanted}, got {finding.got}"
        for finding in findings
        if not finding.passed
    ]
    if failed:
        raise VaultRefused("the HSM does not enforce the key policy:\n  " + "\n  ".join(failed))
