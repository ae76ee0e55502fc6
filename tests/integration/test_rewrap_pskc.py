# SPDX-License-Identifier: Apache-2.0
"""A vendor's file becomes one that opens inside the HSM alone: the command itself."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pexpect
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from pskc import PSKC

from development.environment import environment_variables, kagimori
from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import OneTimeKey, VendorToken
from support.pskc_bulk import seed_number, serial_number, write_pskc
from support.pskc_files import NAMES, read_path
from support.rewrapping import (
    AES128,
    AES192,
    AES256,
    DES3,
    KEYS,
    PASSWORD,
    SEEDS,
    STARTS,
    VENDOR,
    Place,
    container,
    delivered,
    delivered_under_password,
    independently_opened,
    place,
)

if TYPE_CHECKING:
    from pathlib import Path


# The file keeps the day from which a battery is counted, not its hour.
DAY_OF_STARTS = STARTS.replace(hour=0, minute=0, second=0)


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture
def at(tmp_path: Path, private: rsa.RSAPrivateKey) -> Place:
    return place(tmp_path, private)


def without_seed(token: VendorToken) -> tuple[object, ...]:
    return (
        token.serial,
        token.profile,
        token.last_step,
        token.drift,
        token.validity,
        token.device,
    )


def nothing_was_written(at: Place, done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"^kagimori: .*{reason}", done.stderr, re.MULTILINE), done.stderr
    assert done.stderr.endswith("kagimori: nothing was written\n")
    assert at.left_behind() == []
    assert "Traceback" not in done.stderr


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


# --- some are refused -----------------------------------------------------------


def damaged(source: Path, serial: str) -> Path:
    """Change one octet of a token's ciphertext."""
    document = etree.parse(source)
    for package in document.getroot().iterfind("pskc:KeyPackage", NAMES):
        if package.findtext("pskc:DeviceInfo/pskc:SerialNo", "", NAMES) == serial:
            value = package.find(".//pskc:EncryptedValue/xenc:CipherData/xenc:CipherValue", NAMES)
            assert value is not None
            text = str(value.text).strip()
            value.text = ("B" if text[0] == "A" else "A") + text[1:]
    document.write(source)
    return source


def test_a_token_that_fails_its_check_is_left_out_and_named(at: Place) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    assert done.returncode == 3
    assert re.search(r"^rewrap: KAGI00000002, line \d+: MAC_MISMATCH: ", done.stdout, re.MULTILINE)
    assert "rewrap: 2 tokens rewrapped\n" in done.stdout
    wanted = {serial: seed for serial, seed in SEEDS.items() if serial != "KAGI00000002"}
    assert independently_opened(at.target, at.private) == wanted


@pytest.mark.parametrize("options", [(), ("--all-or-nothing",)])
def test_the_report_has_a_line_for_each_token(at: Place, options: tuple[str, ...]) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    report = at.directory / "report.csv"
    at.rewrap(source, "--key-file", at.key_file(AES128), "--report", report, *options)
    with report.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["serial"], row["result"], row["reason"]) for row in rows] == [
        ("KAGI00000001", "REWRAPPED", ""),
        ("KAGI00000002", "REFUSED", "MAC_MISMATCH"),
        ("KAGI00000003", "REWRAPPED", ""),
    ]
    assert all(int(row["line"]) > 0 for row in rows)
    again = at.rewrap(source, "--key-file", at.key_file(AES128), "--report", report)
    assert "CANNOT_WRITE: File exists" in again.stderr


def test_with_all_or_nothing_it_is_nothing(at: Place) -> None:
    source = damaged(delivered(at.directory / "in.xml", "aes128-cbc", AES128), "KAGI00000002")
    done = at.rewrap(source, "--key-file", at.key_file(AES128), "--all-or-nothing")
    nothing_was_written(at, done, "a token was refused")
    assert "KAGI00000002" in done.stdout


# --- nothing is written -----------------------------------------------------------


def test_a_stripped_mac_is_refused(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    document = etree.parse(source)
    for mac in [*document.getroot().iter("{*}ValueMAC"), *document.getroot().iter("{*}MACMethod")]:
        parent = mac.getparent()
        assert parent is not None
        parent.remove(mac)
    document.write(source)
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    nothing_was_written(at, done, "no token could be taken over")
    assert "MAC_MISSING" in done.stdout


@pytest.mark.parametrize("algorithm", ["aes128-cbc", "kw-aes128"])
def test_the_wrong_key_is_one_line(at: Place, algorithm: str) -> None:
    keys = tuple(key for key in KEYS if len(key["secret"]) % 8 == 0)
    source = delivered(at.directory / "in.xml", algorithm, AES128, keys=keys)
    done = at.rewrap(source, "--key-file", at.key_file(bytes(reversed(AES128))))
    nothing_was_written(at, done, "WRONG_KEY: ")
    assert len(done.stderr.splitlines()) == 2


def test_a_key_of_another_length_is_the_wrong_key(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    done = at.rewrap(source, "--key-file", at.key_file(AES256))
    nothing_was_written(at, done, "WRONG_KEY: .*the key has 32 octets, and aes128-cbc takes 16")


def test_the_wrong_password_is_one_line(at: Place) -> None:
    source = delivered_under_password(at.directory / "in.xml")
    done = at.rewrap(source, "--password-file", at.password_file("qwerty-Strasse"))
    nothing_was_written(at, done, "WRONG_KEY: ")
    assert "qwerty" not in done.stdout + done.stderr


def test_half_a_file_is_nothing(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    octets = source.read_bytes()
    source.write_bytes(octets[: octets.rindex(b"<pskc:KeyPackage") + 20])
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    nothing_was_written(at, done, "TRUNCATED")


def test_another_file_than_the_vendor_spoke_of_is_refused(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    done = at.rewrap(source, "--key-file", at.key_file(AES128), "--sha256", "ab" * 32)
    nothing_was_written(at, done, "WRONG_DIGEST")


@pytest.mark.parametrize("name", ["out.xml", "out.xml.part"])
def test_what_is_there_is_not_overwritten(at: Place, name: str) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    (at.directory / name).write_text("somebody's")
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    assert done.returncode == 1
    assert f"CANNOT_WRITE: File exists: {at.directory / name}" in done.stderr
    assert (at.directory / name).read_text() == "somebody's"
    assert at.left_behind() == [name]


def test_a_dangling_link_is_not_followed(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    at.target.symlink_to(at.directory / "elsewhere.xml")
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    assert done.returncode == 1
    assert "CANNOT_WRITE: File exists" in done.stderr
    assert not (at.directory / "elsewhere.xml").exists()


def test_a_disk_that_fills_up_leaves_nothing_behind(at: Place) -> None:
    source = at.directory / "in.xml"
    write_pskc(source, 500, algorithm="aes256-cbc", vendor_key=AES256, mac=True)

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    key = ("--key-file", at.key_file(AES256))
    done = at.rewrap(source, *key, preexec_fn=small_disk)
    nothing_was_written(at, done, "CANNOT_WRITE: File too large")
    assert at.rewrap(source, *key).returncode == 0


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (b"", "not a public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a public key"),
        (None, "CANNOT_READ: No such file or directory"),
        ("short", "not an RSA key of 3072 bits"),
    ],
)
def test_what_is_no_key_of_an_hsm_is_refused(
    at: Place, pem: bytes | str | None, reason: str
) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    if pem == "short":
        place(at.directory, rsa.generate_private_key(65537, 2048))
    elif isinstance(pem, bytes):
        at.recipient.write_bytes(pem)
    else:
        at.recipient.unlink()
    nothing_was_written(at, at.rewrap(source, "--key-file", at.key_file(AES128)), reason)


def test_a_file_in_clear_is_refused(at: Place) -> None:
    source = at.directory / "in.xml"
    container().write(str(source))
    done = at.rewrap(source, "--key-file", at.key_file(AES128))
    nothing_was_written(at, done, "UNSUPPORTED: only files under a pre-shared key or a password")


def test_a_rewrapped_file_is_not_rewrapped_again(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    assert at.rewrap(source, "--key-file", at.key_file(AES128)).returncode == 0
    again = at.target.rename(at.directory / "again.xml")
    done = at.rewrap(again, "--key-file", at.key_file(AES128))
    nothing_was_written(at, done, "UNSUPPORTED: only files under a pre-shared key or a password")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("xyz", "not hexadecimal"), ("00" * 16, "all zeros"), ("ab" * 15, "15 bytes")],
)
def test_what_is_no_key_is_refused_before_a_token_is_read(
    at: Place, text: str, reason: str
) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    key_file = at.directory / "vendor.hex"
    key_file.write_text(text)
    nothing_was_written(at, at.rewrap(source, "--key-file", key_file), reason)


@pytest.mark.parametrize(
    "options",
    [
        ["--key-file", "k", "--components", "2"],
        ["--components", "1"],
        ["--sha256", "abc"],
        ["--password-file", "/nowhere"],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(at: Place, options: list[str]) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    done = at.rewrap(source, *options)
    assert done.returncode == 2
    assert at.left_behind() == []


def test_a_key_for_a_file_under_a_password_is_a_usage_error(at: Place) -> None:
    source = delivered_under_password(at.directory / "in.xml")
    terminal = at_a_terminal(at, source, "--key-file", str(at.key_file(AES128)))
    terminal.expect_exact("the file's password: ")
    terminal.waitnoecho()
    terminal.sendline(PASSWORD)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 2
    assert at.left_behind() == []


# --- what people type ---------------------------------------------------------------


def at_a_terminal(at: Place, source: Path, *options: str) -> pexpect.spawn[str]:
    program, *arguments = at.command(source, *options)
    return pexpect.spawn(program, arguments, encoding="utf-8", timeout=30, dimensions=(50, 200))


def test_a_key_is_typed_unseen_and_confirmed_by_its_check_value(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "tripledes-cbc", DES3)
    terminal = at_a_terminal(at, source)
    terminal.expect_exact("vendor acme: the key: ")
    terminal.waitnoecho()
    terminal.sendline(DES3.hex())
    terminal.expect_exact("the key has check value 4EBA73 (3DES-ECB of zeros)")
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert DES3.hex() not in str(terminal.before)
    assert independently_opened(at.target, at.private) == SEEDS


def test_two_people_type_a_component_each(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    terminal = at_a_terminal(at, source, "--components", "2")
    one = bytes(range(16))
    for number, part in enumerate((one, bytes(a ^ b for a, b in zip(one, AES128, strict=True))), 1):
        terminal.expect_exact(f"vendor acme: component {number} of 2: ")
        terminal.waitnoecho()
        terminal.sendline(part.hex())
    terminal.expect_exact("the key has check value 7DF76B")
    terminal.expect_exact("[y/N]")
    terminal.sendline("y")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert independently_opened(at.target, at.private) == SEEDS


def test_a_password_is_typed_when_the_file_needs_one(at: Place) -> None:
    source = delivered_under_password(at.directory / "in.xml")
    terminal = at_a_terminal(at, source)
    terminal.expect_exact("the file's password: ")
    terminal.waitnoecho()
    terminal.sendline(PASSWORD)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert independently_opened(at.target, at.private) == SEEDS


def test_without_a_terminal_nobody_is_asked(at: Place) -> None:
    source = delivered(at.directory / "in.xml", "aes128-cbc", AES128)
    nothing_was_written(at, at.rewrap(source), "typed at a terminal, and this is none")
    source = delivered_under_password(at.directory / "in2.xml")
    nothing_was_written(at, at.rewrap(source), "typed at a terminal, and this is none")


# --- big files ----------------------------------------------------------------------


def test_it_ends_with_nothing_behind_when_it_is_told_to(at: Place) -> None:
    source = at.directory / "in.xml"
    write_pskc(source, 20_000, algorithm="aes256-cbc", vendor_key=AES256, mac=True)
    process = subprocess.Popen(
        at.command(source, "--key-file", at.key_file(AES256)), stdout=subprocess.DEVNULL
    )
    draft = at.directory / "out.xml.part"
    until = time.monotonic() + 60
    while not (draft.exists() and draft.stat().st_size) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert at.left_behind() == []


# The peak of the child's memory, which the parent cannot ask a shell for.
_MEASURED = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_memory_does_not_grow_with_the_file(at: Place) -> None:
    peaks = []
    for count in (1_000, 10_000):
        source = at.directory / f"{count}.xml"
        write_pskc(source, count, algorithm="aes256-cbc", vendor_key=AES256, mac=True)
        line = at.command(source, "--key-file", at.key_file(AES256))
        told = subprocess.run(
            [sys.executable, "-c", _MEASURED, *line], capture_output=True, text=True, check=True
        ).stdout
        status, peak = json.loads(told)
        assert status == 0
        peaks.append(peak)
        opened = independently_opened(at.target, at.private)
        assert opened == {serial_number(i): seed_number(i) for i in range(count)}
        at.target.unlink()
    assert peaks[1] / peaks[0] < 1.1


def test_the_help_says_what_the_machine_must_be() -> None:
    wide = environment_variables(COLUMNS="200")
    shown = kagimori("rewrap-pskc", "--help", env=wide).stdout
    assert "without network and HSM" in shown
