# SPDX-License-Identifier: Apache-2.0
"""The customer's token, in software."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self

from kagimori_client.token import clock, fields, signing
from kagimori_client.token.authority_profile import AuthorityProfile
from kagimori_client.token.clock import ClockReading
from kagimori_client.token.errors import (
    AnotherBanksTransaction,
    FileTaken,
    SetUpUnfinished,
    SigningNotOffered,
)
from kagimori_client.token.line import line_to
from kagimori_client.token.otp import OtpProfile, hotp
from kagimori_client.token.record import Draft, Record, from_octets, to_octets
from kagimori_client.token.safe import Safe
from kagimori_client.token.setting_up import (
    Draw,
    Wanted,
    checked,
    checked_new,
    drafted,
    finished,
    pins_of,
)
from kagimori_client.token.signing import TransactionToSign

TIMEOUT = 20.0
"""Seconds for a set-up, asking again included."""


class SoftwareToken:
    """One token of one customer at one bank; ``file`` keeps it under a passphrase.

    Made by `set_up`, `set_up_new`, `resume` or `open`. Once set up it needs no network. Not to
    be shared between processes that change it; showing codes changes nothing.
    """

    __slots__ = ("_record", "_safe")

    def __init__(self, record: Record, safe: Safe) -> None:
        """Use `set_up`, `set_up_new`, `resume` or `open`."""
        self._record = record
        self._safe = safe

    @classmethod
    def set_up(  # noqa: PLR0913 - all but the first by keyword
        cls,
        profile: AuthorityProfile,
        *,
        service_id: str,
        user_id: str,
        activation_password: str,
        file: Path,
        passphrase: str,
        timeout: float = TIMEOUT,
        shortest_passphrase: int = fields.SHORTEST_PASSPHRASE,
        draw: Draw = secrets.token_bytes,
    ) -> Self:
        """Provision a new token and keep it in ``file``, which must not exist.

        RPCs: kagimori.provisioning.v1.ProvisioningService/GetProvisioningKeys
        and ProvisionIssuedToken.

        ``service_id`` 8, ``user_id`` 12, ``activation_password`` 4 to 8 ASCII
        digits; ``passphrase`` any text of ``shortest_passphrase`` characters or
        more. ``timeout`` is in seconds and covers all; while the authority is
        unavailable it is asked again, its envelopes unchanged. ``draw`` returns
        random octets; tests put seeds that they know in its place.

        The seeds are in the file before they are sent. After `Unavailable`,
        `TooManyTries` or `AuthorityFault` they stay there: `resume`. After a
        `SetUpRefused` there is no file. `FileTaken`, and an `OSError` where
        ``file`` cannot be written, come before any seed is sent.
        """
        typed = checked(service_id, user_id, activation_password)
        wanted = Wanted(typed, pins_of(profile, service_id), draw)
        phrase = fields.passphrase(passphrase, shortest_passphrase)
        return cls(*_set_up(profile, wanted, file, phrase, timeout))

    @classmethod
    def set_up_new(  # noqa: PLR0913 - all but the first by keyword
        cls,
        profile: AuthorityProfile,
        *,
        service_id: str,
        file: Path,
        passphrase: str,
        timeout: float = TIMEOUT,
        shortest_passphrase: int = fields.SHORTEST_PASSPHRASE,
        draw: Draw = secrets.token_bytes,
    ) -> Self:
        """Make a token before the bank knows its customer, and keep it in ``file``.

        RPCs: kagimori.provisioning.v1.ProvisioningService/GetProvisioningKeys
        and ProvisionNewToken.

        The customer registers it on the bank's page, by `serial` and a `code`, until
        `register_by`. Everything else is as with `set_up`: arguments, errors, and what
        is in the file when.
        """
        wanted = Wanted(checked_new(service_id), pins_of(profile, service_id), draw)
        phrase = fields.passphrase(passphrase, shortest_passphrase)
        return cls(*_set_up(profile, wanted, file, phrase, timeout))

    @classmethod
    def resume(
        cls, profile: AuthorityProfile, *, file: Path, passphrase: str, timeout: float = TIMEOUT
    ) -> Self:
        """Finish the set-up that ``file`` holds by sending the same envelopes again.

        RPC: kagimori.provisioning.v1.ProvisioningService/ProvisionIssuedToken or
        ProvisionNewToken, whichever it was begun with.

        A token that is set up already is opened, and nothing sent. Raise what
        `set_up` and `open` raise.
        """
        safe, kept = _unlocked(file, passphrase)
        if isinstance(kept, Draft):
            with line_to(profile, timeout) as line:
                kept = finished(kept, line, safe)
        return cls(kept, safe)

    @classmethod
    def open(cls, file: Path, passphrase: str) -> Self:
        """Return the token in ``file``, offline.

        Raise `WrongPassphrase`, `UnknownVersion`, `SetUpUnfinished` or `OSError`.
        """
        safe, kept = _unlocked(file, passphrase)
        if isinstance(kept, Draft):
            raise SetUpUnfinished
        return cls(kept, safe)

    def code(self, at: float | None = None) -> str:
        """Return the code at ``at``, in seconds since 1970; now without it (RFC 6238)."""
        return hotp(self._record.seeds.login, self.step(at), self.profile)

    def step(self, at: float | None = None) -> int:
        """Return the time step at ``at``; it changes when the code does."""
        return self.profile.step(time.time() if at is None else at)

    def seconds_left(self, at: float | None = None) -> int:
        """Return how long the code is shown: from period - 1 down to 0, in seconds."""
        return self.profile.seconds_left(time.time() if at is None else at)

    def read_transaction(self, text: str) -> TransactionToSign:
        """Return what the text of a QR code asks this token to sign: show it, then `sign`.

        Raise `SigningNotOffered`, `NotATransaction` for any text but a transaction's
        encoding, or `AnotherBanksTransaction`.
        """
        self._check_signing()
        scanned = TransactionToSign(text)
        self._check_own(scanned)
        return scanned

    def sign(self, scanned: TransactionToSign) -> str:
        """Return the 8-digit code over exactly the text that ``scanned`` was read from.

        RFC 6287, OCRA-1:HOTP-SHA256-8:QH64, under the signing seed: no login code is one
        of these. Raise what `read_transaction` raises.
        """
        self._check_signing()
        if not isinstance(scanned, TransactionToSign):
            raise TypeError("only what was read can be shown, and only that is signed")
        self._check_own(scanned)
        return signing.answer(self._record.seeds.signing, scanned)

    def sign_typed(self, account_number: str, amount: str, at: float | None = None) -> str:
        """Return the 8-digit code over what the customer typed, at ``at``; now without it.

        RFC 6287, OCRA-1:HOTP-SHA256-8:QA20-T30S. ``account_number`` is the payee's 7
        digits, ``amount`` yen in decimal, 1 to 9,999,999,999 without leading zeros: both
        as typed, in ASCII. Raise `SigningNotOffered`, `InvalidField` or `ClockTooEarly`.
        """
        self._check_signing()
        moment = time.time() if at is None else at
        return signing.typed_answer(self._record.seeds.signing, account_number, amount, moment)

    def typed_seconds_left(self, at: float | None = None) -> int:
        """Return how long a code of `sign_typed` is current: from 29 down to 0, in seconds."""
        moment = time.time() if at is None else at
        return signing.TYPED.period - 1 - int(moment // 1) % signing.TYPED.period

    def relabel(self, text: str | None) -> None:
        """Set the トークン表示名, or take it away, and keep that; see `label`.

        Raise `InvalidField` for more than 20 characters or a control character.
        """
        self._keep(replace(self._record, label=fields.label(text)))

    def measure_clock(self, profile: AuthorityProfile, *, timeout: float = 10.0) -> ClockReading:
        """Return how wrong this device's clock is, and keep it with the token.

        RPC: kagimori.provisioning.v1.ProvisioningService/GetTime.

        So is kept whether the bank offers 取引確認 by now, see `transaction_signing`.
        Raise `Unavailable` or `AuthorityFault`.
        """
        with line_to(profile, timeout) as line:
            reading = clock.read(line.time)
            told = line.offers_signing(self.service_id)
        offered = self.transaction_signing if told is None else told
        self._keep(replace(self._record, clock=reading, transaction_signing=offered))
        return reading

    @property
    def serial(self) -> str:
        """Return the serial number, 12 characters of [0-9A-Z] at most banks."""
        return self._record.serial

    @property
    def register_by(self) -> datetime | None:
        """Return until when (UTC) its customer registers it at the bank by its serial number.

        None for a token that the bank has issued. The app does not learn whether it was
        registered: from then on only one that was is of any use.
        """
        return self._record.register_by

    @property
    def issuer(self) -> str:
        """Return the bank's name."""
        return self._record.issuer

    @property
    def service_id(self) -> str:
        """Return the bank's サービスID."""
        return self._record.service_id

    @property
    def profile(self) -> OtpProfile:
        """Return how the codes are computed."""
        return self._record.profile

    @property
    def label(self) -> str | None:
        """Return the トークン表示名, at most 20 characters of any script, or None."""
        return self._record.label

    @property
    def transaction_signing(self) -> bool:
        """Say whether the bank offers 取引確認, as it told this app last; see `measure_clock`."""
        return self._record.transaction_signing

    @property
    def clock(self) -> ClockReading | None:
        """Return the last reading of this device's clock, if there was one."""
        return self._record.clock

    @property
    def clock_is_wrong(self) -> bool:
        """Say whether the last reading was beyond half a period: codes may be refused."""
        return self.clock is not None and self.clock.is_beyond(self.profile.period)

    def __repr__(self) -> str:
        """Show whose it is and nothing else."""
        return f"<SoftwareToken of {self.service_id}>"

    def _check_signing(self) -> None:
        if not self.transaction_signing:
            raise SigningNotOffered

    def _check_own(self, scanned: TransactionToSign) -> None:
        if scanned.service_id != self.service_id:
            raise AnotherBanksTransaction

    def _keep(self, record: Record) -> None:
        self._safe.write(record.cover, to_octets(record))
        self._record = record


def _set_up(
    profile: AuthorityProfile, wanted: Wanted, file: Path, phrase: str, timeout: float
) -> tuple[Record, Safe]:
    if file.exists():
        raise FileTaken
    with line_to(profile, timeout) as line:
        draft = drafted(wanted, line)
        safe = Safe.create(file, phrase)
        safe.write(draft.cover, to_octets(draft))
        return finished(draft, line, safe), safe


def _unlocked(file: Path, passphrase: str) -> tuple[Safe, Draft | Record]:
    # However short: what was allowed when the file was made is not asked again.
    safe, _, body = Safe.unlock(file, fields.passphrase(passphrase, 1))
    return safe, from_octets(body)
