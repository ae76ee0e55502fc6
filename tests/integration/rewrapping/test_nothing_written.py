# SPDX-License-Identifier: Apache-2.0
"""Files that cannot be rewrapped at all: a reason, and nothing left behind."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from development.environment import environment_variables, kagimori
from support.vendors.pskc_bulk import write_pskc
from support.vendors.rewrapping import (
    AES128,
    AES256,
    KEYS,
    Place,
    container,
    delivered,
    delivered_under_password,
    nothing_was_written,
    place,
)

if TYPE_CHECKING:
    pass


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


def test_the_help_says_what_the_machine_must_be() -> None:
    wide = environment_variables(COLUMNS="200")
    shown = kagimori("rewrap-pskc", "--help", env=wide).stdout
    assert "without network and HSM" in shown
