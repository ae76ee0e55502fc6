# SPDX-License-Identifier: Apache-2.0
"""One ``KeyPackage`` of a PSKC document: what the token is, where it stands, its seed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from kagimori.adapters.pskc.algorithms import CBC_BLOCKS, CLEAR, FACTORS, hash_of, shortest_of
from kagimori.adapters.pskc.encrypted import encrypted
from kagimori.adapters.pskc.policy import NO_BOUNDS, between, check_not_over, policy_of
from kagimori.adapters.pskc.values import integer, moment, octets, printable, text
from kagimori.adapters.pskc.xml import PSKC, attribute, children, line_of, need, refusal
from kagimori.application.deliveries.vendor_file import (
    LONGEST_NAME,
    LONGEST_PERIOD,
    MOST_PRESSES,
    SHORTEST_SEED,
    EncryptedSeed,
    Fault,
    Head,
    InClear,
    VendorToken,
)
from kagimori.domain.code import LONGEST, SHORTEST
from kagimori.domain.device import Device, Validity
from kagimori.domain.token import NEVER, SERIAL, Hash, MovingFactor, Profile

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_DRIFT: Final = 1000
_NO: Final = frozenset({"false", "0"})
_LENGTHS: Final = {str(length): length for length in range(SHORTEST, LONGEST + 1)}


def _tags(*names: str) -> tuple[str, ...]:
    return tuple(f"{{{PSKC}}}{name}" for name in names)


_DEVICE, _MODULE, _KEY, _SERIAL_NO, _MANUFACTURER, _MODEL, _ISSUE, _START, _EXPIRY = _tags(
    *("DeviceInfo", "CryptoModuleInfo", "Key", "SerialNo", "Manufacturer", "Model"),
    *("IssueNo", "StartDate", "ExpiryDate"),
)
_ISSUER, _NAME, _PARAMETERS, _DATA, _POLICY, _ID, _SUITE, _RESPONSE = _tags(
    *("Issuer", "FriendlyName", "AlgorithmParameters", "Data", "Policy", "Id"),
    *("Suite", "ResponseFormat"),
)
_SECRET, _PLAIN, _ENCRYPTED, _VALUE_MAC, _COUNTER, _TIME, _INTERVAL, _DRIFT = _tags(
    *("Secret", "PlainValue", "EncryptedValue", "ValueMAC", "Counter"),
    *("Time", "TimeInterval", "TimeDrift"),
)
_PACKAGE_PARTS: Final = frozenset({_DEVICE, _MODULE, _KEY})
_DEVICE_PARTS: Final = frozenset({_MANUFACTURER, _SERIAL_NO, _MODEL, _ISSUE, _START, _EXPIRY})
_KEY_PARTS: Final = frozenset({_ISSUER, _NAME, _PARAMETERS, _DATA, _POLICY})
_PARAMETER_PARTS: Final = frozenset({_SUITE, _RESPONSE})
_SECRET_PARTS: Final = frozenset({_PLAIN, _ENCRYPTED, _VALUE_MAC})
_PLAIN_ALONE: Final = frozenset({_PLAIN})
_DATA_PARTS: Final = {
    MovingFactor.EVENT: frozenset({_SECRET, _COUNTER}),
    MovingFactor.TIME: frozenset({_SECRET, _TIME, _INTERVAL, _DRIFT}),
}
"""What the ``Data`` of each kind of key may hold (RFC 6030 §4.3)."""


class PackageReader:
    """Reads the packages of a file with that head, at that time (UTC)."""

    def __init__(self, head: Head, now: datetime) -> None:
        """Read nothing yet."""
        self._macs = head.mac is not None
        self._in_clear = isinstance(head.encryption, InClear)
        self._now = now

    def token(self, package: _Element) -> VendorToken:
        """Return the token that ``package`` tells of.

        Raises `VendorFileRefused` for what is wrong with this token.
        """
        found = children(package, _PACKAGE_PARTS)
        info = need(found, _DEVICE, package)
        about = children(info, _DEVICE_PARTS)
        serial = _serial(need(about, _SERIAL_NO, info))
        module = found.get(_MODULE)
        if module is not None:
            _check_module(module)
        return self._key(serial, need(found, _KEY, package), about)

    def _key(self, serial: str, key: _Element, about: dict[str, _Element]) -> VendorToken:
        found = children(key, _KEY_PARTS)
        factor = _factor(key)
        element = need(found, _DATA, key)
        data = children(element, _DATA_PARTS[factor])
        # First of all: whatever else is wrong, a seed in clear must be heard of.
        seed = self._seed(need(data, _SECRET, element))
        _check_text(found, (_ISSUER, _NAME))
        validity = _device_validity(about)
        policy = found.get(_POLICY)
        if policy is not None:
            validity = validity.within(policy_of(policy))
        check_not_over(validity, self._now, key)
        return VendorToken(
            serial,
            _profile(factor, need(found, _PARAMETERS, key), data, element),
            _last_step(factor, data),
            _drift(data),
            seed,
            line_of(key),
            validity,
            _device(about),
        )

    def _seed(self, secret: _Element) -> EncryptedSeed:
        found = children(secret, _SECRET_PARTS)
        plain, value_mac = found.get(_PLAIN), found.get(_VALUE_MAC)
        if plain is not None:
            algorithm, ciphertext = self._plain(plain, found.get(_ENCRYPTED))
        else:
            value = need(found, _ENCRYPTED, secret)
            algorithm, ciphertext = encrypted(value)
            if self._in_clear:
                detail = "an encrypted seed in a file whose first is in clear"
                raise refusal(Fault.UNEXPECTED, value, detail)
        if len(ciphertext) < shortest_of(algorithm, SHORTEST_SEED):
            detail = f"the seed has fewer than {SHORTEST_SEED} octets"
            raise refusal(Fault.SEED_TOO_SHORT, secret, detail)
        self._check_mac(algorithm, secret, value_mac)
        mac = None if value_mac is None else octets(value_mac)
        return EncryptedSeed(algorithm, ciphertext, mac)

    def _plain(self, plain: _Element, other: _Element | None) -> tuple[str, bytes]:
        if not self._in_clear:
            detail = "the seed is in clear; treat it as known to others, and the token as lost"
            raise refusal(Fault.PLAIN_SEED, plain, detail)
        if other is not None:
            raise refusal(Fault.UNEXPECTED, other, "a seed stands there twice")
        return CLEAR, octets(plain)

    def _check_mac(self, algorithm: str, secret: _Element, value_mac: _Element | None) -> None:
        """See that all or none have a MAC, and that CBC without one never passes."""
        if self._macs and value_mac is None:
            raise refusal(Fault.MAC_MISSING, secret, "the seed has no ValueMAC")
        if not self._macs and (value_mac is not None or algorithm in CBC_BLOCKS):
            raise refusal(Fault.MAC_MISSING, secret, "the file has no MACMethod for this seed")


def serial_at_fault(package: _Element) -> str:
    """Return the serial of a package with a fault, for the report; empty if there is none."""
    found = [element.text or "" for element in package.iterfind(f"{_DEVICE}/{_SERIAL_NO}")]
    return found[0] if len(found) == 1 and SERIAL.fullmatch(found[0]) else ""


# --- the device --------------------------------------------------------------------


def _serial(element: _Element) -> str:
    serial = text(element)
    if not SERIAL.fullmatch(serial):
        detail = "a serial is 1 to 32 characters of 0-9 and A-Z and nothing else"
        raise refusal(Fault.BAD_SERIAL, element, detail)
    return serial


def _device_validity(about: dict[str, _Element]) -> Validity:
    start, expiry = about.get(_START), about.get(_EXPIRY)
    return NO_BOUNDS if start is expiry else between(start, expiry)


def _device(about: dict[str, _Element]) -> Device:
    _check_text(about, (_ISSUE,))
    maker, model, start = about.get(_MANUFACTURER), about.get(_MODEL), about.get(_START)
    return Device(
        "" if maker is None else printable(maker, LONGEST_NAME),
        "" if model is None else printable(model, LONGEST_NAME),
        None if start is None else moment(start).date(),
    )


def _check_module(module: _Element) -> None:
    _check_text(children(module, (_ID,)), (_ID,))


def _check_text(found: dict[str, _Element], tags: tuple[str, ...]) -> None:
    """See that what the import does not use is what it should be, all the same."""
    for tag in tags:
        element = found.get(tag)
        if element is not None:
            text(element)


# --- the key -------------------------------------------------------------------------


def _factor(key: _Element) -> MovingFactor:
    factor = FACTORS.get(attribute(key, "Algorithm"))
    if factor is None:
        raise refusal(Fault.UNSUPPORTED, key, "only the algorithms hotp and totp are supported")
    return factor


def _profile(
    factor: MovingFactor, parameters: _Element, data: dict[str, _Element], element: _Element
) -> Profile:
    found = children(parameters, _PARAMETER_PARTS)
    period = 0
    if factor is MovingFactor.TIME:
        period = _plain(need(data, _INTERVAL, element), 1, LONGEST_PERIOD)
    digits = _digits(need(found, _RESPONSE, parameters))
    return Profile(factor, _hash(found.get(_SUITE)), digits, period)


def _hash(suite: _Element | None) -> Hash:
    if suite is None:
        return Hash.SHA1
    found = hash_of(text(suite))
    if found is None:
        raise refusal(Fault.UNSUPPORTED, suite, "this Suite is not supported")
    return found


def _digits(response: _Element) -> int:
    if len(response) or response.text:
        children(response, ())
    if attribute(response, "Encoding") != "DECIMAL":
        raise refusal(Fault.UNSUPPORTED, response, "only codes of DECIMAL digits are supported")
    if response.get("CheckDigits", "false") not in _NO:
        raise refusal(Fault.UNSUPPORTED, response, "codes with a check digit are not supported")
    length = _LENGTHS.get(attribute(response, "Length"))
    if length is None:
        detail = f"codes of {SHORTEST} to {LONGEST} digits are supported"
        raise refusal(Fault.UNSUPPORTED, response, detail)
    return length


def _last_step(factor: MovingFactor, data: dict[str, _Element]) -> int:
    """Return the step before the first one that may be accepted.

    Without a Counter, which RFC 6030's own Figure 7 leaves out, the token is one
    that nobody has pressed.
    """
    if factor is MovingFactor.EVENT:
        counter = data.get(_COUNTER)
        return NEVER if counter is None else _plain(counter, 0, MOST_PRESSES) - 1
    time = data.get(_TIME)
    if time is not None:
        # What other values mean is left to the algorithm (§4.3), and RFC 6238
        # gives them no meaning.
        _plain(time, 0, 0)
    return NEVER


def _drift(data: dict[str, _Element]) -> int:
    drift = data.get(_DRIFT)
    return 0 if drift is None else _plain(drift, -_MOST_DRIFT, _MOST_DRIFT)


def _plain(element: _Element, lowest: int, highest: int) -> int:
    return integer(need(children(element, _PLAIN_ALONE), _PLAIN, element), lowest, highest)
