# SPDX-License-Identifier: Apache-2.0
"""AdminService.ImportTokens through a real listener and the real HSM's vault."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from conftest import ABUKUMA
from development import oathtool
from development.environment import Environment, kagimori
from development.server import ServerProcess
from development.vendor import Device, make_device
from kagimori.adapters.pskc.file import ReadOptions
from kagimori.api.admin.v1 import admin_pb2
from kagimori.application.deliveries.vendor_file import EncryptedSeed, OneTimeKey, VendorToken
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from kagimori_client import BankChannel, HardwareTokenDesk, OtpRefused, TokenRegistrar
from support.custody.hsm import MODULE
from support.served.transport import failure_of, open_channel
from support.vendors.import_desk import ALL, Desk
from support.vendors.import_stream import announcement, batch, sent
from support.vendors.pskc_bulk import serial_number, wrapped_seeds
from support.vendors.pskc_files import Read, read_path
from support.vendors.vendor_seals import OAEP

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

IMPORTED, REFUSED = admin_pb2.IMPORT_RESULT_IMPORTED, admin_pb2.IMPORT_RESULT_REFUSED
KEYWRAP, ONE_TIME, RSA = "kagi-keywrap", "kagi-onetime", "kagi-rsa"
TIME = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30)
EVENT = Profile(MovingFactor.EVENT, Hash.SHA1, digits=6, period=0)
PATIENCE = 30.0
C = TypeVar("C", BankChannel, HardwareTokenDesk, TokenRegistrar)
DEVICES = [
    make_device("KAGI00000001"),
    make_device("KAGI00000002", "SHA256", digits=8, period=60),
    make_device("KAGI00000003", "SHA512"),
    make_device("KAGI00000004", period=0, counter=41, digits=8),
]


@pytest.fixture
def admin(server: ServerProcess) -> Iterator[grpc.Channel]:
    """The channel of the authority's hsm-admin."""
    place = server.environment
    who = place.client("_authority", "hsm-admin")
    with open_channel(place.listen, place.certificates / "ca.pem", who) as channel:
        yield channel


# --- what opens under a transport key ----------------------------------------------------


def test_what_opens_inside_the_hsm_comes_in_over_the_wire_too(
    desk: Desk, admin: grpc.Channel
) -> None:
    file = desk.bulk(200)
    digest = hashlib.sha256(file.read_bytes()).digest()
    key = desk.place.transport_key(KEYWRAP)
    batches = [bulk_batch(range(begin, begin + 100), key) for begin in (0, 100)]
    results = sent(admin, announcement(ABUKUMA, KEYWRAP, digest), *batches)
    assert {(result.result, result.custody) for result in results} == {
        (IMPORTED, "UNWRAPPED_IN_HSM")
    }
    assert desk.column("serial") == [serial_number(number) for number in range(200)]
    # It is one delivery, whichever way it comes.
    code, said = desk.run(file, vendor=KEYWRAP)
    assert (code, len(desk.column("serial"))) == (ALL, 200), said


def bulk_batch(numbers: range, key: bytes) -> admin_pb2.ImportTokensRequest:
    seeds = zip(numbers, wrapped_seeds(numbers, "kw-aes256", key), strict=True)
    return batch([token(serial_number(n), "kw-aes256", seed, n % 2) for n, seed in seeds])


def token(serial: str, algorithm: str, ciphertext: bytes, is_event: int = 0) -> VendorToken:
    profile = EVENT if is_event else TIME
    return VendorToken(serial, profile, NEVER, 0, EncryptedSeed(algorithm, ciphertext), line=0)


# --- what was rewrapped -------------------------------------------------------------------


def rewrapped(desk: Desk) -> Read:
    """Let ``rewrap-pskc`` turn a CBC file into one that only the HSM opens; read it."""
    source, target = desk.deliver(DEVICES), desk.place.directory / "rewrapped.xml"
    done = kagimori(
        *("rewrap-pskc", source, target, "--vendor", ONE_TIME),
        *("--to", desk.place.public_half(ONE_TIME, "onetime")),
        *("--key-file", desk.place.directory / "vendors" / "kagi-cbc.hex"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read_path(target, ReadOptions(ONE_TIME))


def test_a_rewrapped_file_comes_in_and_shows_the_codes_of_its_tokens(
    desk: Desk, admin: grpc.Channel
) -> None:
    read = rewrapped(desk)
    assert len(read.tokens) == len(DEVICES)
    assert isinstance(read.head.encryption, OneTimeKey)
    first, second = read.tokens[:2], read.tokens[2:]
    delivery = announcement(ABUKUMA, ONE_TIME, bytes(32), read.head)
    results = sent(admin, delivery, batch(first), batch(second))
    assert [(result.serial, result.result, result.custody) for result in results] == [
        (device.serial, IMPORTED, "UNWRAPPED_IN_HSM") for device in DEVICES
    ]
    assert set(desk.column("custody")) == {"UNWRAPPED_IN_HSM"}
    with in_use(desk.place, DEVICES) as bank:
        for device in DEVICES:
            code = shown(device, 1)
            assert bank.verify(code, serial=device.serial).number
            with pytest.raises(OtpRefused):
                bank.verify(code, serial=device.serial)


def test_a_seed_in_another_s_place_is_refused_by_its_mac(desk: Desk, admin: grpc.Channel) -> None:
    read = rewrapped(desk)
    first, second, *good = read.tokens
    bad = replace(first, seed=replace(first.seed, ciphertext=second.seed.ciphertext))
    delivery = announcement(ABUKUMA, ONE_TIME, bytes(32), read.head)
    results = sent(admin, delivery, batch([*good, bad]))
    assert [(result.result, result.reason) for result in results] == [
        *[(IMPORTED, "")] * len(good),
        (REFUSED, "MAC_MISMATCH"),
    ]
    assert desk.column("serial") == [one.serial for one in good]


def test_a_one_time_key_that_does_not_open_refuses_the_delivery(
    desk: Desk, admin: grpc.Channel
) -> None:
    read = rewrapped(desk)
    good = announcement(ABUKUMA, ONE_TIME, bytes(32), read.head).delivery.one_time_key
    changed = bytes([*good.ciphertext[:-1], good.ciphertext[-1] ^ 1])
    for algorithm, ciphertext in (
        (good.algorithm, changed),
        ("rsa-1_5", good.ciphertext),
        ("kw-aes256", good.ciphertext),
    ):
        delivery = announcement(ABUKUMA, ONE_TIME, bytes(32), read.head)
        delivery.delivery.one_time_key.algorithm = algorithm
        delivery.delivery.one_time_key.ciphertext = ciphertext
        failure = failure_of(lambda: sent(admin, delivery, batch(read.tokens)))  # noqa: B023 - called here
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "delivery")
        assert desk.rows() == []


@contextmanager
def in_use(place: Environment, devices: list[Device]) -> Iterator[BankChannel]:
    """Hand each device out to a customer, who activates it by its first code."""
    with (
        connected(HardwareTokenDesk, place, "operator") as counter,
        connected(TokenRegistrar, place, "registrar") as page,
        connected(BankChannel, place, "channel") as bank,
    ):
        for device in devices:
            customer = f"customer-{device.serial}"
            counter.assign(customer, device.serial)
            assert page.activate(customer, shown(device)).number
        yield bank


def connected(kind: type[C], place: Environment, role: str) -> C:
    who = place.client(ABUKUMA, role)
    return kind(
        place.listen,
        certificate=who.certificate,
        private_key=who.private_key,
        authority_ca=place.certificates / "ca.pem",
        timeout=PATIENCE,
    )


def shown(device: Device, later: int = 0) -> str:
    """Return the code that the device shows, or shows so many steps later."""
    if device.period:
        return oathtool.time_code(device, time.time(), later)
    return oathtool.event_code(device, device.counter + later)


# --- what is encrypted to an RSA key of the HSM's -------------------------------------------


def test_a_seed_under_rsa_1_5_is_refused_and_the_others_come_in(
    desk: Desk, admin: grpc.Channel
) -> None:
    public = public_half(desk.place.public_half(RSA, "delivery"))
    telling = public.encrypt(DEVICES[0].seed, padding.PKCS1v15())
    for place in range(3):
        serials = [f"KAGI{place}{number:07}" for number in range(3)]
        tokens = [
            token(serial, "rsa-oaep-mgf1p", public.encrypt(make_device(serial).seed, OAEP))
            for serial in serials
        ]
        tokens[place] = token(serials[place], "rsa-1_5", telling)
        delivery = announcement(ABUKUMA, RSA, hashlib.sha256(bytes([place])).digest())
        results = sent(admin, delivery, batch(tokens))
        wanted = [(IMPORTED, "UNWRAPPED_IN_HSM", "")] * 3
        wanted[place] = (REFUSED, "", "UNSUPPORTED")
        assert [(one.result, one.custody, one.reason) for one in results] == wanted
        assert "import-tokens" in results[place].detail
        stock = desk.column("serial")
        assert [serial in stock for serial in serials] == [at != place for at in range(3)]


def test_of_nothing_but_rsa_1_5_nothing_comes_in(desk: Desk, admin: grpc.Channel) -> None:
    public = public_half(desk.place.public_half(RSA, "delivery"))
    # Neither of them tells whether it would have opened.
    whole, broken = public.encrypt(DEVICES[0].seed, padding.PKCS1v15()), b"\1" * 384
    tokens = [token("KAGI00000001", "rsa-1_5", whole), token("KAGI00000002", "rsa-1_5", broken)]
    results = sent(admin, announcement(ABUKUMA, RSA, bytes(32)), batch(tokens))
    assert [(one.result, one.reason) for one in results] == [(REFUSED, "UNSUPPORTED")] * 2
    assert results[0].detail == results[1].detail
    assert desk.rows() == []


def public_half(path: Path) -> RSAPublicKey:
    key = load_pem_public_key(path.read_bytes())
    assert isinstance(key, RSAPublicKey)
    return key
