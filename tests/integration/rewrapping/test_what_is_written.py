# SPDX-License-Identifier: Apache-2.0
"""A vendor's file becomes one that opens inside the HSM alone: the command itself."""

from __future__ import annotations

import hashlib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from pskc import PSKC

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import OneTimeKey, VendorToken
from support.vendors.pskc_files import NAMES, read_path
from support.vendors.rewrapping import (
    AES128,
    AES192,
    AES256,
    DES3,
    KEYS,
    SEEDS,
    STARTS,
    VENDOR,
    Place,
    container,
    delivered,
    delivered_under_password,
    independently_opened,
)

if TYPE_CHECKING:
    pass


DAY_OF_STARTS = STARTS.replace(hour=0, minute=0, second=0)


def without_seed(token: VendorToken) -> tuple[object, ...]:
    return (
        token.serial,
        token.profile,
        token.last_step,
        token.drift,
        token.validity,
        token.device,
    )


@pytest.mark.parametrize(
    ("algorithm", "key", "mac"),
    [
        ("aes128-cbc", AES128, "hmac-sha1"),
        ("aes192-cbc", AES192, "hmac-sha224"),
        ("aes256-cbc", AES256, "hmac-sha256"),
        ("tripledes-cbc", DES3, "hmac-sha384"),
        ("kw-aes128", AES128, "hmac-sha512"),
        ("kw-aes256", AES256, "hmac-sha256"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} octets",
)
def test_every_seed_is_the_same_under_the_one_time_key(
    at: Place, algorithm: str, key: bytes, mac: str
) -> None:
    # Key wrap takes multiples of eight octets, so python-pskc cannot write them all.
    keys = tuple(k for k in KEYS if not algorithm.startswith("kw") or len(k["secret"]) % 8 == 0)
    source = delivered(at.directory / "in.xml", algorithm, key, mac, keys)
    done = at.rewrap(source, "--key-file", at.key_file(key))
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = {str(k["serial"]): SEEDS[str(k["serial"])] for k in keys}
    assert independently_opened(at.target, at.private) == wanted
    assert at.left_behind() == ["out.xml"]
    assert at.target.stat().st_mode & 0o777 == 0o600
    for secret in (key.hex(), *(seed.hex() for seed in wanted.values())):
        assert secret not in done.stdout.lower() + done.stderr.lower()


@pytest.mark.parametrize("prf", ["hmac-sha1", "hmac-sha256", "hmac-sha512"])
def test_a_password_opens_a_file_under_one(at: Place, prf: str) -> None:
    source = delivered_under_password(at.directory / "in.xml", prf)
    done = at.rewrap(source, "--password-file", at.password_file())
    assert done.returncode == 0, done.stdout + done.stderr
    assert independently_opened(at.target, at.private) == SEEDS


def test_all_that_is_known_of_a_token_is_kept(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
    before = read_path(source, ReadOptions(VENDOR))
    after = read_path(at.target, ReadOptions(VENDOR))
    assert isinstance(after.head.encryption, OneTimeKey)
    assert after.faults == before.faults == []
    assert [*map(without_seed, after.tokens)] == [*map(without_seed, before.tokens)]
    assert after.tokens[0].device.manufacturer == "oath.KagiTech & Söhne <1>"


def test_python_pskc_reads_the_same_of_it(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
    read = {key.serial: key for key in PSKC(str(at.target)).keys}
    assert set(read) == set(SEEDS)
    for wanted in container().keys:
        got = read[wanted.serial]
        for name in (
            *("algorithm", "response_length", "response_encoding", "time_interval"),
            *("time_drift", "model", "manufacturer"),
        ):
            assert getattr(got, name) == getattr(wanted, name), (wanted.serial, name)
        assert got.algorithm_suite == (wanted.algorithm_suite or "HMAC-SHA1")
        assert (got.counter or 0) == (wanted.counter or 0)
        assert got.policy.expiry_date == wanted.policy.expiry_date
        assert got.device.start_date in (wanted.device.start_date, DAY_OF_STARTS)


# RFC 6030 section 11: which elements stand where, in this order.
ORDER = {
    "KeyContainer": ["EncryptionKey", "MACMethod", "KeyPackage"],
    "KeyPackage": ["DeviceInfo", "CryptoModuleInfo", "Key"],
    "DeviceInfo": [
        *("Manufacturer", "SerialNo", "Model", "IssueNo", "DeviceBinding"),
        *("StartDate", "ExpiryDate", "UserId"),
    ],
    "Key": [
        *("Issuer", "AlgorithmParameters", "KeyProfileId", "KeyReference"),
        *("FriendlyName", "Data", "UserId", "Policy"),
    ],
    "AlgorithmParameters": ["Suite", "ChallengeFormat", "ResponseFormat"],
    "Data": ["Secret", "Counter", "Time", "TimeInterval", "TimeDrift"],
    "Secret": ["PlainValue", "EncryptedValue", "ValueMAC"],
    "Policy": ["StartDate", "ExpiryDate", "PINPolicy", "KeyUsage", "NumberOfTransactions"],
    "MACMethod": ["MACKey"],
    "MACKey": ["EncryptionMethod", "CipherData"],
    "EncryptedValue": ["EncryptionMethod", "CipherData"],
    "EncryptedKey": ["EncryptionMethod", "KeyInfo", "CipherData"],
}


def test_its_elements_stand_in_the_schemas_order(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
    root = etree.parse(at.target).getroot()
    assert root.get("Version") == "1.0"
    met = set()
    for element in root.iter():
        name = etree.QName(element).localname
        children = [etree.QName(child).localname for child in element]
        if name in ORDER:
            places = [ORDER[name].index(child) for child in children]
            assert places == sorted(places)
            met.add(name)
    assert met == set(ORDER)
    ids = [key.get("Id") for key in root.iterfind("pskc:KeyPackage/pskc:Key", NAMES)]
    assert ids == list(SEEDS)


def test_two_people_can_compare_what_went_in_and_came_out(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    said = hashlib.sha256(source.read_bytes()).hexdigest()
    done = at.rewrap(source, "--key-file", at.key_file(AES128), "--sha256", said.upper())
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", at.recipient, "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout
    written = hashlib.sha256(at.target.read_bytes()).hexdigest()
    assert done.stdout.splitlines() == [
        f"rewrap: IN   {source}: SHA-256 {said}",
        f"rewrap: to   {at.recipient}: SHA-256 {hashlib.sha256(der).hexdigest()}",
        "rewrap: vendor acme: check value 7DF76B",
        "rewrap: 3 tokens rewrapped",
        f"rewrap: OUT  {at.target}: SHA-256 {written}",
    ]


def test_every_file_has_a_key_of_its_own(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    files = []
    for _ in range(2):
        assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
        files.append(at.target.read_bytes())
        at.target.unlink()
    values = [set(re.findall(rb"<xenc:CipherValue>(.*?)<", file)) for file in files]
    assert not values[0] & values[1]


def test_a_seed_shorter_than_its_hash_is_filled_with_zeros(at: Place) -> None:
    short = {**KEYS[0], "secret": bytes(range(1, 17))}
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128, keys=(short,))
    assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
    # HMAC fills its key with zeros (RFC 2104 section 2): the codes are the same.
    assert independently_opened(at.target, at.private) == {
        "KAGI00000001": bytes(range(1, 17)) + bytes(4)
    }
