# SPDX-License-Identifier: Apache-2.0
"""Between a vendor's delivery and the extension's words for it."""

from __future__ import annotations

from collections.abc import Sequence

from kagimori import core
from kagimori.adapters.vault.words import sealed_of
from kagimori.application.deliveries.ports import SeedRefused, SeedToSeal
from kagimori.application.deliveries.vendor_file import (
    Head,
    InClear,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
    RsaKey,
)
from kagimori.domain.token import SealedSeed


def keys_of(head: Head) -> core.DeliveryKeys:
    """Return how a file is encrypted; a password's key is derived here, which takes long.

    Raises `SeedRefused` for what no vault opens.
    """
    mac = _mac_of(head)
    match head.encryption:
        case PreSharedKey(vendor):
            return core.DeliveryKeys.pre_shared(vendor=vendor, mac=mac)
        case RsaKey(vendor):
            return core.DeliveryKeys.rsa(vendor=vendor, mac=mac)
        case OneTimeKey(vendor, algorithm, ciphertext):
            return core.DeliveryKeys.one_time(
                vendor=vendor, algorithm=algorithm, ciphertext=ciphertext, mac=mac
            )
        case PasswordKey() as key:
            return _derived(key, mac)
        case InClear():
            return core.DeliveryKeys.clear()


def seeds_of(seeds: Sequence[SeedToSeal]) -> list[tuple[str, bytes, bytes | None, str]]:
    """Return the seeds as the extension takes them."""
    return [
        (asked.seed.algorithm, asked.seed.ciphertext, asked.seed.mac, asked.use) for asked in seeds
    ]


def answers_of(
    answers: Sequence[core.Sealed | tuple[str, str]],
) -> list[SealedSeed | SeedRefused]:
    """Return what came of each seed."""
    return [
        SeedRefused(*answer) if isinstance(answer, tuple) else sealed_of(answer)
        for answer in answers
    ]


def refusal_of(error: core.SeedError) -> SeedRefused:
    """Return why a delivery is refused as a whole."""
    reason, detail = error.args
    return SeedRefused(reason, detail)


def _mac_of(head: Head) -> tuple[str, str, bytes] | None:
    if head.mac is None:
        return None
    return head.mac.algorithm, head.mac.key_algorithm, head.mac.key_ciphertext


def _derived(key: PasswordKey, mac: tuple[str, str, bytes] | None) -> core.DeliveryKeys:
    try:
        return core.DeliveryKeys.password(
            password=key.password,
            salt=key.salt,
            iterations=key.iterations,
            length=key.length,
            prf=key.prf,
            mac=mac,
        )
    except core.SeedError as error:
        raise refusal_of(error) from None
    except OverflowError:
        raise SeedRefused(
            "UNSUPPORTED_ALGORITHM", "a derivation with numbers that no file has"
        ) from None
