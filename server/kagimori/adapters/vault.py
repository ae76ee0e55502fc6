# SPDX-License-Identifier: Apache-2.0
"""The HSM as the application's `SeedVault`: the only importer of the extension.

It moves values between the domain's words and the extension's, and gives the
extension's errors their place in the authority's family. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kagimori import core, key_policy
from kagimori.application.administration.hsm_status import HsmStatus, SeedCache, TenantKeys
from kagimori.application.ports import (
    EncryptedSeed,
    MacMethod,
    Match,
    NoMatch,
    Search,
    SearchAnswer,
    SearchFailed,
    SeedRefused,
)
from kagimori.domain.errors import AuthorityError, HsmUnavailable, RecordTampered
from kagimori.domain.lifecycle import State
from kagimori.domain.token import (
    CustodyLabel,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    Token,
    TokenIdentity,
)

RETRY_AFTER: Final = 0.5
"""Seconds after which an HSM that failed is worth asking again."""

_DECOY_PROFILE: Final = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)


def harden_process() -> None:
    """Switch core dumps off and forbid this process's memory to be read."""
    core.harden()


@dataclass(frozen=True, slots=True)
class CanarySeed:
    """A seed of nobody's that the ceremony sealed under a tenant's wrapping key.

    ``response`` is its HMAC-SHA256 over ``challenge``: an HSM that gives it has
    opened the seed.
    """

    tenant: str
    sealed: SealedSeed
    challenge: bytes
    response: bytes


@dataclass(frozen=True, slots=True)
class PartitionLogin:
    """A partition by its label, with its user PIN."""

    label: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hsm:
    """Which HSM, as whom, and what the ceremony left there."""

    module: str
    provider: key_policy.Provider
    serving: PartitionLogin
    canaries: Sequence[CanarySeed]


@dataclass(frozen=True, slots=True)
class Sessions:
    """How the serving process uses it.

    ``wait`` bounds the wait for a free session and ``cache_seconds`` the life of
    an open seed, both in seconds.
    """

    count: int
    wait: float
    cache_entries: int
    cache_seconds: float


class VaultRefused(Exception):
    """The HSM cannot be used as it is: the process must not start."""


class HsmVault:
    """A `SeedVault` and `HsmInspector` over the Rust extension."""

    def __init__(self, vault: core.Vault, hsm: Hsm, wait: float) -> None:
        """Take an open vault; see `open`."""
        self._vault = vault
        self._partition = hsm.serving.label
        self._wait = wait
        self._decoys = {canary.tenant: self._decoy_of(canary) for canary in hsm.canaries}

    @classmethod
    def open(cls, hsm: Hsm, sessions: Sessions) -> HsmVault:
        """Log in once, find every key, and try to break the policy.

        Raises `VaultRefused` if anything is missing or the HSM allows what the
        key policy forbids. A wrong PIN is tried exactly once.
        """
        try:
            vault = core.Vault.open(
                module=hsm.module,
                partition=_partition_of(hsm.serving),
                policy=key_policy.policy_text(),
                provider=_provider_of(hsm.provider),
                canaries=[_canary_of(canary) for canary in hsm.canaries],
                sessions=sessions.count,
                cache_entries=sessions.cache_entries,
                cache_seconds=sessions.cache_seconds,
            )
            _insist_on_policy(vault.self_test())
        except (core.HsmError, core.PolicyError) as error:
            raise VaultRefused(str(error.args[0])) from None
        return cls(vault, hsm, sessions.wait)

    def search(self, searches: Sequence[Search]) -> list[SearchAnswer]:
        """See `SeedVault.search`."""
        jobs = [_job_of(search) for search in searches]
        return [_answer_of(result) for result in self._vault.search(jobs, self._wait)]

    def decoy(self, tenant: str) -> Token:
        """See `SeedVault.decoy`."""
        return self._decoys[tenant]

    def fingerprint(self, tenant: str, message: bytes) -> bytes:
        """See `SeedVault.fingerprint`."""
        return self._vault.fingerprint(tenant, message)

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """Return the MAC that binds a token's row together."""
        return self._vault.row_mac(_row_of(identity, b""))

    def ping(self) -> None:
        """See `SeedVault.ping`."""
        try:
            self._vault.ping()
        except core.HsmError as error:
            raise _translated(error) from None

    def status(self) -> HsmStatus:
        """See `HsmInspector.status`."""
        manufacturer, version, tenants = self._vault.status()
        return HsmStatus(
            partition=self._partition,
            manufacturer=manufacturer,
            library_version=version,
            answering=self._answers(),
            tenants=tuple(TenantKeys(*versions) for versions in tenants),
            cache=SeedCache(*self._vault.cache_counts()),
        )

    def close(self) -> None:
        """Wait for calls under way and leave the HSM."""
        self._vault.close()

    def _answers(self) -> bool:
        try:
            self.ping()
        except HsmUnavailable:
            return False
        return True

    def _decoy_of(self, canary: CanarySeed) -> Token:
        identity = TokenIdentity(
            tenant=canary.tenant,
            token_id="decoy",
            serial="DECOY",
            subscriber=None,
            kind=Kind.SOFTWARE,
            purpose=Purpose.AUTHENTICATION,
            profile=_DECOY_PROFILE,
            seed=canary.sealed,
        )
        return Token(identity, self.row_mac(identity), State.IN_STOCK)


class HsmImportVault:
    """An `ImportVault` over the Rust extension."""

    def __init__(self, vault: core.ImportVault) -> None:
        """Take an open vault; see `open`."""
        self._vault = vault

    @classmethod
    def open(
        cls, hsm: Hsm, importing: PartitionLogin | None, *, allow_host_transient: bool
    ) -> HsmImportVault:
        """Log in to the partitions and find every key, or raise `VaultRefused`."""
        try:
            vault = core.ImportVault.open(
                module=hsm.module,
                serving=_partition_of(hsm.serving),
                importing=_partition_of(importing) if importing else None,
                policy=key_policy.policy_text(),
                provider=_provider_of(hsm.provider),
                canaries=[_canary_of(canary) for canary in hsm.canaries],
                allow_host_transient=allow_host_transient,
            )
        except (core.HsmError, core.PolicyError) as error:
            raise VaultRefused(str(error.args[0])) from None
        return cls(vault)

    def seal(
        self, seed: EncryptedSeed, mac: MacMethod | None, tenant: str, use: Hash
    ) -> SealedSeed:
        """See `ImportVault.seal`."""
        try:
            sealed = self._vault.seal(
                vendor=seed.vendor,
                algorithm=seed.algorithm,
                ciphertext=seed.ciphertext,
                mac=seed.mac,
                mac_algorithm=mac.algorithm if mac else None,
                mac_key_algorithm=mac.key_algorithm if mac else None,
                mac_key_ciphertext=mac.key_ciphertext if mac else None,
                tenant=tenant,
                use=use,
            )
        except core.SeedError as error:
            reason, detail = error.args
            raise SeedRefused(reason, detail) from None
        except core.HsmError as error:
            raise _translated(error) from None
        return SealedSeed(
            blob=sealed.blob,
            wrap_format=sealed.wrap_format,
            key_version=sealed.key_version,
            length=sealed.length,
            custody=CustodyLabel(sealed.custody),
        )

    def row_mac(self, identity: TokenIdentity) -> bytes:
        """See `ImportVault.row_mac`."""
        try:
            return self._vault.row_mac(_row_of(identity, b""))
        except core.HsmError as error:
            raise _translated(error) from None

    def close(self) -> None:
        """Leave the HSM."""
        self._vault.close()


def _insist_on_policy(findings: Sequence[core.Finding]) -> None:
    failed = [
        f"{finding.subject}: {finding.attempt}: wanted {finding.wanted}, got {finding.got}"
        for finding in findings
        if not finding.passed
    ]
    if failed:
        raise VaultRefused("the HSM does not enforce the key policy:\n  " + "\n  ".join(failed))


def _partition_of(login: PartitionLogin) -> core.Partition:
    return core.Partition(label=login.label, pin=login.pin)


def _provider_of(provider: key_policy.Provider) -> core.Provider:
    return core.Provider(
        kwp=provider.kwp,
        wrap_format=provider.wrap_format,
        oaep_hash=provider.oaep_hash,
        hmac_min_is_hash_length=provider.hmac_min_is_hash_length,
    )


def _canary_of(canary: CanarySeed) -> core.Canary:
    return core.Canary(
        tenant=canary.tenant,
        key_version=canary.sealed.key_version,
        blob=canary.sealed.blob,
        challenge=canary.challenge,
        response=canary.response,
    )


def _job_of(search: Search) -> core.SearchJob:
    window = search.window
    return core.SearchJob(
        row=_row_of(search.token.identity, search.token.row_mac),
        first=window.first,
        predicted=window.predicted,
        last=window.last,
        spent=window.spent,
        code=search.code.reveal(),
    )


def _row_of(identity: TokenIdentity, mac: bytes) -> core.TokenRow:
    profile, seed = identity.profile, identity.seed
    return core.TokenRow(
        tenant=identity.tenant,
        token_id=identity.token_id,
        serial=identity.serial,
        subscriber=identity.subscriber or "",
        kind=identity.kind,
        purpose=identity.purpose,
        factor=profile.factor,
        hash=profile.hash,
        digits=profile.digits,
        period=profile.period,
        t0=profile.t0,
        custody=seed.custody,
        seed_length=seed.length,
        key_version=seed.key_version,
        wrap_format=seed.wrap_format,
        blob=seed.blob,
        mac=mac,
    )


def _answer_of(result: core.SearchResult) -> SearchAnswer:
    if result.error is not None:
        return SearchFailed(_translated(result.error), result.evaluated)
    return NoMatch() if result.step is None else Match(result.step)


def _translated(error: core.HsmError | core.RowTampered) -> AuthorityError:
    if isinstance(error, core.RowTampered):
        return RecordTampered()
    unavailable = HsmUnavailable("the HSM gave no result", RETRY_AFTER)
    # Which function returned which code is for the log, not for the bank.
    unavailable.add_note(str(error.args[0]))
    return unavailable
