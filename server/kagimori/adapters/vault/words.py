# SPDX-License-Identifier: Apache-2.0
"""Between the domain's words and the extension's."""

from __future__ import annotations

from typing import Final

from kagimori import core, key_policy
from kagimori.adapters.vault.settings import CanarySeed, PartitionLogin
from kagimori.application.ports import (
    Match,
    NoMatch,
    Search,
    SearchAnswer,
    SearchFailed,
    SignatureCheck,
)
from kagimori.domain.errors import AuthorityError, HsmUnavailable, RecordTampered
from kagimori.domain.token import CustodyLabel, SealedSeed, TokenIdentity

RETRY_AFTER: Final = 0.5
"""Seconds after which an HSM that failed is worth asking again."""

RETRY_FATAL_AFTER: Final = 30.0
"""The same where only a person can help: soon enough to notice that one did,
and too late for callers to keep a broken HSM busy."""

_NO_MATCH: Final = NoMatch()


def harden_process() -> None:
    """Switch core dumps off and forbid this process's memory to be read."""
    core.harden()


def partition_of(login: PartitionLogin) -> core.Partition:
    """Return where to log in, and with which PIN."""
    return core.Partition(label=login.label, pin=login.pin)


def provider_of(provider: key_policy.Provider) -> core.Provider:
    """Return the profile of an HSM's maker."""
    return core.Provider(
        kwp=provider.kwp,
        wrap_format=provider.wrap_format,
        oaep_hash=provider.oaep_hash,
        hmac_min_is_hash_length=provider.hmac_min_is_hash_length,
    )


def canary_of(canary: CanarySeed) -> core.Canary:
    """Return a canary of the ceremony."""
    return core.Canary(
        tenant=canary.tenant,
        key_version=canary.sealed.key_version,
        blob=canary.sealed.blob,
        challenge=canary.challenge,
        response=canary.response,
    )


def job_of(search: Search | SignatureCheck) -> core.SearchJob | None:
    """Return a search; its code leaves `Otp` here, for the extension alone.

    A row with a value that the extension has no room for was not written by
    us: its MAC need not be asked for, and None stands in its place.
    """
    try:
        row = row_of(search.token.identity, search.token.row_mac)
        if isinstance(search, SignatureCheck):
            return _signature_of(row, search)
        return _window_of(row, search)
    except (OverflowError, ValueError):
        return None


def _window_of(row: core.TokenRow, search: Search) -> core.SearchJob:
    window = search.window
    return core.SearchJob(
        row,
        window.first,
        window.predicted,
        window.last,
        window.spent,
        search.code.reveal(),
        None if search.second is None else search.second.reveal(),
    )


def _signature_of(row: core.TokenRow, check: SignatureCheck) -> core.SearchJob:
    question, steps = check.question, check.steps
    meant = None if steps is None else (steps.first, steps.predicted, steps.last)
    return core.SearchJob.signature(row, question.suite, question.text, check.code.reveal(), meant)


def row_of(identity: TokenIdentity, mac: bytes) -> core.TokenRow:
    """Return what a row MAC covers, with ``mac`` to be checked.

    Raises OverflowError or ValueError for a value that no row has.
    """
    profile, seed = identity.profile, identity.seed
    # Not by name: seventeen names cost a microsecond, at every verification.
    return core.TokenRow(
        identity.tenant,
        identity.token_id,
        identity.serial,
        identity.subscriber or "",
        identity.kind,
        identity.purpose,
        profile.factor,
        profile.hash,
        profile.digits,
        profile.period,
        profile.t0,
        seed.custody,
        seed.length,
        seed.key_version,
        seed.wrap_format,
        seed.blob,
        mac,
    )


def sound_row_of(identity: TokenIdentity, mac: bytes) -> core.TokenRow:
    """Return a row that was read from the database; raise `RecordTampered`.

    A value that the extension has no room for was not written by us.
    """
    try:
        return row_of(identity, mac)
    except (OverflowError, ValueError):
        raise RecordTampered from None


def sealed_of(sealed: core.Sealed) -> SealedSeed:
    """Return a seed that was put under a wrapping key."""
    return SealedSeed(
        blob=sealed.blob,
        wrap_format=sealed.wrap_format,
        key_version=sealed.key_version,
        length=sealed.length,
        custody=CustodyLabel(sealed.custody),
    )


def answer_of(result: int | core.SearchFailure | None) -> SearchAnswer:
    """Return what a search came to."""
    if result is None:
        return _NO_MATCH
    if isinstance(result, core.SearchFailure):
        return SearchFailed(translated(result.error), result.evaluated)
    return Match(result)


def translated(error: core.HsmError | core.RowTampered) -> AuthorityError:
    """Return the authority's error for the extension's."""
    if isinstance(error, core.RowTampered):
        return RecordTampered()
    message, _function, _rv, recovery = error.args
    after = RETRY_FATAL_AFTER if recovery == "fatal" else RETRY_AFTER
    unavailable = HsmUnavailable("the HSM gave no result", after)
    # Which function returned which code is for the log, not for the bank.
    unavailable.add_note(f"{message} (recovery: {recovery})")
    return unavailable
