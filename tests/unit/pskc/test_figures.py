# SPDX-License-Identifier: Apache-2.0
"""The examples of RFC 6030: what is read of them, and why the others are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from pskc import PSKC

from development import oathtool
from development.vendor import Device
from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import (
    EncryptedSeed,
    Fault,
    InClear,
    MacMethod,
    PasswordKey,
    PreSharedKey,
    RsaKey,
    TokenFault,
    VendorFileRefused,
)
from kagimori.domain.device import Device as Make
from kagimori.domain.device import Validity
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from support.vendors.pskc_files import FIGURE_6_KEY, RFC_SEED, VECTORS, VENDOR, Read, read_path

EVENT_8 = Profile(MovingFactor.EVENT, Hash.SHA1, digits=8, period=0)
EVENT_6 = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)
QWERTY = ReadOptions(VENDOR, password="qwerty")


def figure(number: int, options: ReadOptions | None = None) -> Read:
    return read_path(path_of(number), options or ReadOptions(VENDOR))


def path_of(number: int) -> Path:
    return VECTORS / f"rfc6030-figure{number}.xml"


def opened(seed: EncryptedSeed, mac: MacMethod | None, key: bytes) -> bytes:
    """Check a CBC seed's MAC and decrypt it, by nothing of ours."""
    assert mac is not None
    assert seed.mac is not None
    mac_key = decrypted(mac.key_ciphertext, key)
    digest = mac.algorithm.removeprefix("hmac-")
    assert hmac.compare_digest(hmac.digest(mac_key, seed.ciphertext, digest), seed.mac)
    return decrypted(seed.ciphertext, key)


def decrypted(ciphertext: bytes, key: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(ciphertext[:16])).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(ciphertext[16:]) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def test_figure_2_names_no_device() -> None:
    read = figure(2)
    assert read.head.encryption == InClear()
    [fault] = read.faults
    assert (fault.fault, fault.serial) == (Fault.MISSING, "")
    assert "DeviceInfo" in fault.detail


def test_figure_3_names_a_user_whom_no_vendor_can_know() -> None:
    [fault] = figure(3).faults
    assert (fault.serial, fault.fault) == ("987654321", Fault.UNSUPPORTED)
    assert "UserId" in fault.detail


def test_figure_4_wants_its_seed_derived_from_another() -> None:
    [fault] = figure(4).faults
    assert (fault.serial, fault.fault) == ("987654321", Fault.UNSUPPORTED)
    assert "KeyProfileId" in fault.detail


def test_figure_5_is_a_token_in_clear_with_a_pin_that_it_checks_by_itself() -> None:
    read = figure(5)
    assert read.head.encryption == InClear()
    [token] = read.tokens
    assert (token.serial, token.profile, token.last_step) == ("987654321", EVENT_8, NEVER)
    assert token.seed.algorithm == "clear"
    assert token.seed.ciphertext == RFC_SEED
    # The second key is the PIN itself: not one that makes codes.
    [pin] = read.faults
    assert (pin.serial, pin.fault) == ("987654321", Fault.UNSUPPORTED)
    assert "hotp and totp" in pin.detail


def test_figure_6_says_what_the_token_is() -> None:
    read = figure(6)
    assert read.head.encryption == PreSharedKey(VENDOR)
    assert read.head.signer is None
    [token] = read.tokens
    assert token.serial == "987654321"
    assert token.profile == EVENT_8
    assert (token.last_step, token.drift) == (NEVER, 0)
    assert token.device == Make("Manufacturer")
    assert token.validity == Validity()


def test_the_seed_of_figure_6_is_the_one_of_rfc_4226() -> None:
    read = figure(6)
    [token] = read.tokens
    seed = opened(token.seed, read.head.mac, FIGURE_6_KEY)
    assert seed == RFC_SEED
    oracle = PSKC(str(path_of(6)))
    oracle.encryption.key = FIGURE_6_KEY
    assert oracle.keys[0].secret == seed
    # RFC 4226, Appendix D, counters 0 to 2: the last six digits of the codes.
    device = Device(token.serial, seed, "SHA1", token.profile.digits, 0)
    codes = [oathtool.event_code(device, token.last_step + 1 + press) for press in range(3)]
    assert [code[-6:] for code in codes] == ["755224", "287082", "359152"]


def test_figure_7_is_under_a_password_and_opens_to_the_seed_that_the_rfc_gives() -> None:
    read = figure(7, QWERTY)
    key = read.head.encryption
    salt = bytes.fromhex("123eff3c4a72129c")
    assert key == PasswordKey("qwerty", salt, 1000, 16, Hash.SHA1)
    derived = hashlib.pbkdf2_hmac("sha1", b"qwerty", salt, 1000, 16)
    assert derived.hex() == "651e63cd57008476af1ff6422cd02e41"
    [token] = read.tokens
    assert (token.serial, token.profile, token.last_step) == ("987654321", EVENT_8, NEVER)
    assert token.device == Make("TokenVendorAcme")
    assert opened(token.seed, read.head.mac, derived) == RFC_SEED
    oracle = PSKC(str(path_of(7)))
    oracle.encryption.derive_key("qwerty")
    assert oracle.keys[0].secret == RFC_SEED


def test_figure_7_asks_for_its_password() -> None:
    with pytest.raises(VendorFileRefused) as refused:
        figure(7)
    assert refused.value.fault is Fault.PASSWORD_NEEDED
    assert refused.value.line


def test_figure_8_is_under_a_certificate() -> None:
    read = figure(8)
    key = read.head.encryption
    assert isinstance(key, RsaKey)
    assert key.vendor == VENDOR
    # The certificate's digest, from its base64 in the file.
    text = path_of(8).read_text()
    packed = text[text.index("MIIB5z") : text.index("</ds:X509Certificate>")]
    assert key.certificate == base64.b64decode("".join(packed.split()))
    [token] = read.tokens
    assert (token.serial, token.profile, token.last_step) == ("987654321", EVENT_6, NEVER)
    assert (token.seed.algorithm, len(token.seed.ciphertext)) == ("rsa-1_5", 128)


def test_figure_9_carries_a_signature_that_nobody_can_check() -> None:
    with pytest.raises(VendorFileRefused) as refused:
        figure(9)
    assert refused.value.fault is Fault.SIGNATURE_UNTRUSTED
    assert "no certificate" in refused.value.detail


def test_figure_10_says_when_each_token_was_to_be_used_and_that_is_over() -> None:
    read = figure(10)
    assert read.head.encryption == InClear()
    assert not read.tokens
    assert [(fault.serial, fault.fault) for fault in read.faults] == [
        ("654321", Fault.EXPIRED),
        ("123456", Fault.EXPIRED),
        ("9999999", Fault.EXPIRED),
        ("9999999", Fault.EXPIRED),
    ]


def test_figure_10_with_another_century_is_read_to_its_values(tmp_path: Path) -> None:
    later = tmp_path / "later.xml"
    later.write_bytes(
        path_of(10).read_bytes().replace(b"-31T", b"-30T").replace(b">2006", b">2906")
    )
    read = read_path(later)
    assert not read.faults
    assert [(token.serial, token.validity) for token in read.tokens] == [
        (serial, Validity(day(month, 1), day(month, 30)))
        for serial, month in (("654321", 5), ("123456", 5), ("9999999", 3), ("9999999", 4))
    ]
    assert {token.profile for token in read.tokens} == {EVENT_8}
    assert {token.seed.ciphertext for token in read.tokens} == {RFC_SEED}


def day(month: int, number: int) -> datetime:
    return datetime(2906, month, number, tzinfo=UTC)


@pytest.mark.parametrize("number", range(2, 11))
def test_no_figure_is_quoted_in_what_is_said_of_it(number: int) -> None:
    try:
        said = repr(figure(number, QWERTY))
    except VendorFileRefused as refused:
        said = str(refused)
    for secret in ("MTIz", "1234567890123456789", "qwerty", "Pre-shared-key", "jsmith"):
        assert secret not in said


def test_a_fault_says_its_line() -> None:
    faults: list[TokenFault] = figure(10).faults
    text = path_of(10).read_text().splitlines()
    assert all("<Key " in text[fault.line - 1] for fault in faults)
