# SPDX-License-Identifier: Apache-2.0
"""What a vendor restricts: dates, uses, PINs. It is kept, or the token is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from kagimori.application.deliveries.vendor_file import Fault, VendorToken
from kagimori.domain.device import Device, Validity
from support.vendors.pskc_files import FIGURE_6, fault_of, parsed, token_fault

FIGURE = FIGURE_6.read_bytes()
FAR = datetime(2999, 12, 31, tzinfo=UTC)


def with_policy(policy: str) -> bytes:
    return FIGURE.replace(b"</Key>", f"<Policy>{policy}</Policy></Key>".encode())


def with_device(info: str) -> bytes:
    return FIGURE.replace(b"</DeviceInfo>", f"{info}</DeviceInfo>".encode())


def only(document: bytes) -> VendorToken:
    [token] = parsed(document).tokens
    return token


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        ("<KeyUsage>Encrypt</KeyUsage>", "KeyUsage"),
        ("<KeyUsage>CR</KeyUsage><KeyUsage>Integrity</KeyUsage>", "KeyUsage"),
        ("<KeyUsage>otp</KeyUsage>", "KeyUsage"),
        ("<KeyUsage></KeyUsage>", "KeyUsage"),
        ("<PINPolicy/>", "PINPolicy"),
        ("<PINPolicy MinLength='4'/>", "PINPolicy"),
        ("<PINPolicy PINUsageMode='Append'/>", "PINPolicy"),
        ("<PINPolicy PINUsageMode='Prepend'/>", "PINPolicy"),
        ("<PINPolicy PINUsageMode='Algorithmic'/>", "PINPolicy"),
        ("<PINPolicy PINUsageMode='Local' OnWeekDaysOnly='TRUE'/>", "PINPolicy"),
        ("<PINPolicy PINUsageMode='Local'><Foo>Bar</Foo></PINPolicy>", ""),
        ("<NumberOfTransactions>1</NumberOfTransactions>", "NumberOfTransactions"),
        ("<Foo>bar</Foo>", ""),
        ("<x:Foo xmlns:x='urn:example'/>", ""),
    ],
)
def test_a_restriction_that_nobody_would_enforce_is_a_fault_that_names_it(
    policy: str, word: str
) -> None:
    fault = fault_of(with_policy(policy))
    assert (fault.serial, fault.fault) == ("987654321", Fault.UNSUPPORTED)
    assert word in fault.detail


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "<KeyUsage>OTP</KeyUsage>",
        "<KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage>",
        "<PINPolicy PINUsageMode='Local'/>",
        (
            "<PINPolicy MinLength='4' MaxLength='4' MaxFailedAttempts='8' PINKeyId='1'"
            " PINEncoding='DECIMAL' PINUsageMode='Local'/><KeyUsage>OTP</KeyUsage>"
        ),
    ],
)
def test_a_key_that_is_for_otp_is_taken(policy: str) -> None:
    assert only(with_policy(policy)).validity == Validity()


@pytest.mark.parametrize(
    "policy",
    [
        "<KeyUsage>OTP</KeyUsage>text",
        "text<KeyUsage>OTP</KeyUsage>",
        "<StartDate>2006-01-01T00:00:00Z</StartDate>" * 2,
        "<PINPolicy PINUsageMode='Local'/>" * 2,
    ],
)
def test_a_policy_holds_each_element_once_and_no_text(policy: str) -> None:
    assert token_fault(with_policy(policy)) is Fault.UNEXPECTED


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2999-12-31T00:00:00Z", FAR),
        ("2999-12-31T00:00:00", FAR),
        (" 2999-12-31T09:00:00+09:00\n", FAR),
        ("2999-12-30T24:00:00Z", FAR),
        ("2999-12-30T19:00:00.000-05:00", FAR),
        ("2999-12-31T00:00:00.25Z", FAR.replace(microsecond=250_000)),
    ],
)
def test_a_moment_is_utc_whatever_zone_it_is_written_in(written: str, meant: datetime) -> None:
    document = with_policy(f"<ExpiryDate>{written}</ExpiryDate>")
    assert only(document).validity == Validity(None, meant)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2999-12-31",
        "2999-12-31 00:00:00Z",
        "2999-12-31T00:00Z",
        "2999-13-01T00:00:00Z",
        "2999-02-30T00:00:00Z",
        "2999-12-31T25:00:00Z",
        "2999-12-31T24:00:01Z",
        "2999-12-31T00:00:00+99:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T24:00:00Z",
        "9999-12-31T23:00:00-05:00",
        "29991-12-31T00:00:00Z",
        "\uff12\uff19\uff19\uff19-12-31T00:00:00Z",
        "tomorrow",
    ],
)
@pytest.mark.parametrize("name", ["StartDate", "ExpiryDate"])
def test_what_is_no_moment_is_a_fault(name: str, written: str) -> None:
    element = f"<{name}>{written}</{name}>"
    assert token_fault(with_policy(element)) is Fault.BAD_VALUE
    assert token_fault(with_device(element)) is Fault.BAD_VALUE


def test_a_token_is_valid_where_its_device_and_its_key_are() -> None:
    document = with_device(
        "<StartDate>2006-05-01T10:00:00Z</StartDate><ExpiryDate>2999-12-31T00:00:00Z</ExpiryDate>"
    ).replace(
        b"</Key>",
        b"<Policy><StartDate>2007-01-01T00:00:00Z</StartDate>"
        b"<ExpiryDate>3001-01-01T00:00:00Z</ExpiryDate></Policy></Key>",
    )
    token = only(document)
    assert token.validity == Validity(datetime(2007, 1, 1, tzinfo=UTC), FAR)
    # The battery is counted from the device's own date.
    assert token.device.since == date(2006, 5, 1)


def test_a_token_whose_time_is_over_is_a_fault_even_if_only_its_device_is() -> None:
    over = "<ExpiryDate>2006-05-31T00:00:00Z</ExpiryDate>"
    assert token_fault(with_policy(over)) is Fault.EXPIRED
    assert token_fault(with_device(over)) is Fault.EXPIRED


def test_a_token_whose_time_never_comes_is_a_fault() -> None:
    document = with_policy(
        "<StartDate>3000-01-01T00:00:00Z</StartDate><ExpiryDate>2999-12-31T00:00:00Z</ExpiryDate>"
    )
    assert token_fault(document) is Fault.BAD_VALUE


def test_a_token_may_begin_in_the_future() -> None:
    token = only(with_device("<StartDate>2999-12-31T00:00:00Z</StartDate>"))
    assert token.validity == Validity(FAR, None)


def test_a_make_is_printable_and_short() -> None:
    document = with_device(f"<Model> K\u202e1\u0085 漢{'x' * 200}</Model>")
    document = document.replace(b">Manufacturer<", b">Kagi\tTech <")
    device = only(document).device
    assert device == Device("KagiTech", "K1 漢" + "x" * 60)
    assert len(device.model) == 64
