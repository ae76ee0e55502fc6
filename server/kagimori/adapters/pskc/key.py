# SPDX-License-Identifier: Apache-2.0
"""One ``Key`` of a PSKC document: how it computes, where it stands, its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kagimori.adapters.pskc.algorithms import ENCRYPTIONS, FACTORS, UNAUTHENTICATED, hash_of
from kagimori.adapters.pskc.xml import Parts, attribute, integer, octets, refusal, text
from kagimori.application.inventory.vendor_file import EncryptedSeed, Fault, MacMethod, VendorToken
from kagimori.domain.code import LONGEST, SHORTEST
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_PRESSES: Final = 2**48
"""A counter that no thumb reaches, and still far from where 64 bits end."""
_LONGEST_PERIOD: Final = 24 * 60 * 60
_MOST_DRIFT: Final = 1000
_NO: Final = frozenset({"false", "0"})

_FIELDS: Final = {
    MovingFactor.EVENT: ("Secret", "Counter"),
    MovingFactor.TIME: ("Secret", "Time", "TimeInterval", "TimeDrift"),
}
"""What the ``Data`` of each kind of key may hold (RFC 6030 §4.3)."""


@dataclass(frozen=True, slots=True)
class KeyReader:
    """Reads the key of the device ``serial`` in a file whose MAC is ``mac``."""

    serial: str
    vendor: str
    mac: MacMethod | None

    def token(self, key: _Element) -> VendorToken:
        """Return the token that ``key`` is in, or refuse the file."""
        found = Parts(key, "Issuer", "FriendlyName", "AlgorithmParameters", "Data", "Policy")
        factor = _factor(key)
        data = Parts(found.need("Data"), *_FIELDS[factor])
        # First of all: whatever else is wrong, a seed in clear must be heard of.
        seed = self._seed(data.need("Secret"))
        _check_policy(found.get("Policy"))
        return VendorToken(
            serial=self.serial,
            profile=_profile(factor, found.need("AlgorithmParameters"), data),
            last_step=_last_step(factor, data),
            drift=_drift(factor, data),
            seed=seed,
            line=key.sourceline or 0,
        )

    def _seed(self, secret: _Element) -> EncryptedSeed:
        found = Parts(secret, "PlainValue", "EncryptedValue", "ValueMAC")
        plain = found.get("PlainValue")
        if plain is not None:
            detail = "the seed is in clear; treat it as known to others, and the token as lost"
            raise refusal(Fault.PLAIN_SEED, plain, detail)
        algorithm, ciphertext = encrypted(found.need("EncryptedValue"))
        value_mac = self._value_mac(algorithm, secret, found.get("ValueMAC"))
        return EncryptedSeed(self.vendor, algorithm, ciphertext, value_mac)

    def _value_mac(
        self, algorithm: str, secret: _Element, element: _Element | None
    ) -> bytes | None:
        """Return the seed's MAC: all or none have one, and CBC without one never passes."""
        if self.mac is None and (element is not None or algorithm in UNAUTHENTICATED):
            raise refusal(Fault.MAC_MISSING, secret, "the file has no MACMethod for this seed")
        if self.mac is not None and element is None:
            raise refusal(Fault.MAC_MISSING, secret, "the seed has no ValueMAC")
        return None if element is None else octets(element)


def encrypted(element: _Element) -> tuple[str, bytes]:
    """Return the algorithm and the ciphertext of an EncryptedValue or a MACKey."""
    found = Parts(element, "xenc:EncryptionMethod", "xenc:CipherData")
    method = found.need("xenc:EncryptionMethod")
    Parts(method)  # parameters inside would change what the algorithm is
    algorithm = ENCRYPTIONS.get(attribute(method, "Algorithm"))
    if algorithm is None:
        raise refusal(Fault.UNSUPPORTED, method, "this encryption algorithm is not supported")
    data = Parts(found.need("xenc:CipherData"), "xenc:CipherValue")
    return algorithm, octets(data.need("xenc:CipherValue"))


def _check_policy(policy: _Element | None) -> None:
    # RFC 6030 §5: a key whose policy is not understood must not be used.
    usage = None if policy is None else Parts(policy, "KeyUsage").get("KeyUsage")
    if usage is not None and text(usage) != "OTP":
        raise refusal(Fault.UNSUPPORTED, usage, "only keys for OTP are taken over")


def _factor(key: _Element) -> MovingFactor:
    factor = FACTORS.get(attribute(key, "Algorithm"))
    if factor is None:
        raise refusal(Fault.UNSUPPORTED, key, "only the algorithms hotp and totp are supported")
    return factor


def _profile(factor: MovingFactor, parameters: _Element, data: Parts) -> Profile:
    found = Parts(parameters, "Suite", "ResponseFormat")
    period = 0
    if factor is MovingFactor.TIME:
        period = _plain(data.need("TimeInterval"), 1, _LONGEST_PERIOD)
    return Profile(factor, _hash(found.get("Suite")), _digits(found.need("ResponseFormat")), period)


def _hash(suite: _Element | None) -> Hash:
    if suite is None:
        return Hash.SHA1
    found = hash_of(text(suite))
    if found is None:
        raise refusal(Fault.UNSUPPORTED, suite, "this Suite is not supported")
    return found


def _digits(response: _Element) -> int:
    Parts(response)
    if attribute(response, "Encoding") != "DECIMAL":
        raise refusal(Fault.UNSUPPORTED, response, "only codes of DECIMAL digits are supported")
    if response.get("CheckDigits", "false") not in _NO:
        raise refusal(Fault.UNSUPPORTED, response, "codes with a check digit are not supported")
    lengths = {str(length): length for length in range(SHORTEST, LONGEST + 1)}
    length = lengths.get(attribute(response, "Length"))
    if length is None:
        detail = f"codes of {SHORTEST} to {LONGEST} digits are supported"
        raise refusal(Fault.UNSUPPORTED, response, detail)
    return length


def _last_step(factor: MovingFactor, data: Parts) -> int:
    """Return the step before the first one that may be accepted."""
    if factor is MovingFactor.EVENT:
        return _plain(data.need("Counter"), 0, _MOST_PRESSES) - 1
    time = data.get("Time")
    if time is not None:
        # What other values mean is left to the algorithm (§4.3), and RFC 6238
        # gives them no meaning.
        _plain(time, 0, 0)
    return NEVER


def _drift(factor: MovingFactor, data: Parts) -> int:
    drift = data.get("TimeDrift") if factor is MovingFactor.TIME else None
    return 0 if drift is None else _plain(drift, -_MOST_DRIFT, _MOST_DRIFT)


def _plain(element: _Element, lowest: int, highest: int) -> int:
    return integer(Parts(element, "PlainValue").need("PlainValue"), lowest, highest)
