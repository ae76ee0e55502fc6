# SPDX-License-Identifier: Apache-2.0
"""Every kind of token, from the vendor's file to the receipt; oathtool is the token."""

from __future__ import annotations

import itertools
import time
from typing import Literal

import pytest

from conftest import Enrol
from development import oathtool
from development.vendor import Device, make_device
from kagimori_client import BankChannel, OtpRejected, OtpReplayed

HASHES: tuple[Literal["SHA1", "SHA256", "SHA512"], ...] = ("SHA1", "SHA256", "SHA512")


def every_kind(letter: str) -> list[Device]:
    kinds = itertools.product(HASHES, (6, 8), (30, 60))
    return [make_device(f"{letter}{number}", *kind) for number, kind in enumerate(kinds)]


@pytest.mark.parametrize("vendor", ["kagi-cbc", "kagi-keywrap"])
def test_every_kind_of_time_based_token_is_accepted_once(
    enrol: Enrol, bank: BankChannel, vendor: str
) -> None:
    devices = every_kind("T")
    enrol(*devices, vendor=vendor)
    for device in devices:
        code = oathtool.time_code(device, time.time())
        receipt = bank.verify(code, serial=device.serial)
        assert len(receipt.number) >= 7
        with pytest.raises(OtpReplayed):
            bank.verify(code, serial=device.serial)


@pytest.mark.parametrize("vendor", ["kagi-cbc", "kagi-keywrap"])
def test_event_based_tokens_look_ahead_ten_and_never_back(
    enrol: Enrol, bank: BankChannel, vendor: str
) -> None:
    device = make_device("EVENT1", period=0, counter=7)
    enrol(device, vendor=vendor)
    for counter in (7, 8, 18):  # the next one, the one after, ten ahead of that
        bank.verify(oathtool.event_code(device, counter), serial=device.serial)
    with pytest.raises(OtpReplayed):
        bank.verify(oathtool.event_code(device, 18), serial=device.serial)
    for counter in (17, 29):  # skipped for good, and one beyond the look-ahead
        with pytest.raises(OtpRejected):
            bank.verify(oathtool.event_code(device, counter), serial=device.serial)
    bank.verify(oathtool.event_code(device, 28), serial=device.serial)


def test_an_hsm_pads_what_hmac_does_not_see(enrol: Enrol, bank: BankChannel) -> None:
    # A vendor whose SHA-256 tokens have 20-octet seeds: shorter than the hash.
    device = Device("SHORT1", bytes(range(20)), hash="SHA256")
    enrol(device, vendor="kagi-cbc")
    bank.verify(oathtool.time_code(device, time.time()), serial="SHORT1")
