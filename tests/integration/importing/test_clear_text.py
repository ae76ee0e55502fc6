# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` and seeds in clear: only if the order and the tenant both say so."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from development import oathtool
from development.vendor import Device, make_device
from kagimori_client import BankChannel, OtpRefused
from support.custody.hsm import MODULE
from support.vendors.import_desk import ALL, NOTHING, Desk, into_use, key_of
from support.vendors.rewrapping import container

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]

DEVICES = [
    make_device("KAGI00000001"),
    make_device("KAGI00000002", "SHA256", digits=8, period=60),
    make_device("KAGI00000003", "SHA512"),
    make_device("KAGI00000004", period=0, counter=41, digits=8),
]
SERIALS = [device.serial for device in DEVICES]


def as_csv(path: Path) -> None:
    """OATH CSV: the hash follows the seed's length."""
    path.write_text("".join(f"{_line(device)}\n" for device in DEVICES), encoding="ascii")


def as_pskc(path: Path) -> None:
    """PSKC with PlainValue (RFC 6030 §4.1), as python-pskc writes it."""
    container(tuple(key_of(device) for device in DEVICES)).write(str(path))
    assert b"EncryptedValue" not in path.read_bytes()


def _line(device: Device) -> str:
    kind, moving = ("TOTP", device.period) if device.period else ("HOTP", device.counter)
    return f"{device.serial},{device.seed.hex()},{kind},{device.digits},{moving}"


Write = Callable[[Path], None]
FORMATS: dict[str, tuple[Write, tuple[str, ...]]] = {
    "PSKC": (as_pskc, ()),
    "CSV": (as_csv, ("--csv",)),
}


@pytest.fixture(params=list(FORMATS))
def words(request: pytest.FixtureRequest, desk: Desk) -> tuple[Path, tuple[str, ...]]:
    """The file, and how the command is told what it is."""
    write, options = FORMATS[request.param]
    file = desk.place.directory / "clear"
    write(file)
    return file, options


Words = tuple[Path, tuple[str, ...]]


def test_a_tenant_that_names_them_gets_tokens_whose_codes_are_right(
    desk: Desk, words: Words, bank: BankChannel, tmp_path: Path
) -> None:
    file, options = words
    desk.let_abukuma_accept_clear_text()
    report = tmp_path / "report.csv"
    options = (*options, "--allow-clear-text", "--report", str(report))
    status, said = desk.run(file, *options, *into_use(DEVICES))
    assert (status, desk.column("serial")) == (ALL, SERIALS), said
    assert set(desk.column("custody")) == {"CLEAR_TEXT"}
    assert said.count("CLEAR_TEXT") == len(DEVICES)
    for device in DEVICES:
        code = code_of(device)
        assert bank.verify(code, subscriber_ref=f"customer-{device.serial}").number
        with pytest.raises(OtpRefused):
            bank.verify(code, subscriber_ref=f"customer-{device.serial}")
        assert device.seed.hex() not in said + report.read_text()
        assert device.seed not in desk.stored()


def test_a_tenant_that_does_not_name_them_refuses_each(desk: Desk, words: Words) -> None:
    file, options = words
    code, said = desk.run(file, *options, "--allow-clear-text")
    assert (code, desk.rows()) == (NOTHING, [])
    assert said.count("CUSTODY_NOT_ACCEPTED") == len(DEVICES)
    assert all(device.seed.hex() not in said for device in DEVICES)


def test_without_the_order_nothing_comes_in_though_the_tenant_names_them(
    desk: Desk, words: Words
) -> None:
    file, options = words
    desk.let_abukuma_accept_clear_text()
    code, said = desk.run(file, *options, "--allow-host-transient")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "CLEAR_TEXT_NOT_ALLOWED" in said
    assert "--allow-clear-text" in said
    assert "nothing was imported" in said
    assert all(device.seed.hex() not in said for device in DEVICES)


def test_the_order_is_for_files_in_clear_and_lets_no_clear_seed_among_encrypted_ones(
    desk: Desk,
) -> None:
    desk.let_abukuma_accept_clear_text()
    file = desk.deliver(DEVICES[:2], "kagi-keywrap")
    secret = b"<pskc:Secret><pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>"
    file.write_bytes(file.read_bytes().replace(b"<pskc:Secret>", secret, 1))
    _, said = desk.run(file, "--allow-clear-text", vendor="kagi-keywrap")
    assert "PLAIN_SEED" in said
    assert desk.column("serial") == SERIALS[1:2]


def code_of(device: Device) -> str:
    """Return what the device shows now."""
    if device.period:
        return oathtool.time_code(device, time.time())
    return oathtool.event_code(device, device.counter)
