# SPDX-License-Identifier: Apache-2.0
"""What a vendor's file restricts: from when until when, and for what (RFC 6030 §5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from kagimori.adapters.pskc.values import moment, text
from kagimori.adapters.pskc.xml import PSKC, WHITESPACE, children, refusal
from kagimori.application.deliveries.vendor_file import Fault
from kagimori.domain.device import Validity

if TYPE_CHECKING:
    from lxml.etree import _Element

NO_BOUNDS: Final = Validity()

_START: Final = f"{{{PSKC}}}StartDate"
_EXPIRY: Final = f"{{{PSKC}}}ExpiryDate"
_PIN: Final = f"{{{PSKC}}}PINPolicy"
_USAGE: Final = f"{{{PSKC}}}KeyUsage"
_ONCE: Final = frozenset({_START, _EXPIRY, _PIN})

_PIN_USAGE: Final = "PINUsageMode"
_BY_THE_DEVICE: Final = "Local"
_PIN_ATTRIBUTES: Final = frozenset(
    {_PIN_USAGE, "PINKeyId", "MaxFailedAttempts", "MinLength", "MaxLength", "PINEncoding"}
)
"""What a device that checks its PIN by itself may be told of it."""


def policy_of(policy: _Element) -> Validity:
    """Return when the policy lets the key be used.

    A policy that is not understood forbids its use: it is refused, and so is what
    nobody here would enforce.
    """
    found, usages = _parts(policy)
    if usages and "OTP" not in usages:
        raise refusal(Fault.UNSUPPORTED, policy, "KeyUsage: the key is not for OTP")
    pin = found.get(_PIN)
    if pin is not None:
        _check_pin(pin)
    start, expiry = found.get(_START), found.get(_EXPIRY)
    return NO_BOUNDS if start is expiry else between(start, expiry)


def between(start: _Element | None, expiry: _Element | None) -> Validity:
    """Return the time between a StartDate and an ExpiryDate, as far as they are there."""
    return Validity(
        None if start is None else moment(start),
        None if expiry is None else moment(expiry),
    )


def check_not_over(validity: Validity, now: datetime, key: _Element) -> None:
    """Refuse a key whose time is over, or never comes."""
    begins, ends = validity.not_before, validity.not_after
    if begins is not None and ends is not None and begins >= ends:
        detail = "the token's ExpiryDate is not after its StartDate"
        raise refusal(Fault.BAD_VALUE, key, detail)
    if ends is not None and validity.is_over(now):
        raise refusal(Fault.EXPIRED, key, "the token's time is over")


def _parts(policy: _Element) -> tuple[dict[str, _Element], set[str]]:
    """Return what stands in a policy: KeyUsage as often as one likes, all else once."""
    usages = [child for child in policy if child.tag == _USAGE]
    words = {text(usage) for usage in usages}
    for usage in usages:
        _check_tail(usage)
        policy.remove(usage)
    return children(policy, _ONCE), words


def _check_tail(usage: _Element) -> None:
    if usage.tail and usage.tail.strip(WHITESPACE):
        raise refusal(Fault.UNEXPECTED, usage, "Policy must hold elements alone")


def _check_pin(pin: _Element) -> None:
    if pin.get(_PIN_USAGE) != _BY_THE_DEVICE:
        detail = f"PINPolicy: only {_PIN_USAGE} {_BY_THE_DEVICE} is enforced, by the device"
        raise refusal(Fault.UNSUPPORTED, pin, detail)
    if not _PIN_ATTRIBUTES.issuperset(str(name) for name in pin.attrib):
        raise refusal(Fault.UNSUPPORTED, pin, "PINPolicy: it says what is not understood")
    children(pin, ())
