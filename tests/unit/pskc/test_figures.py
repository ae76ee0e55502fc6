# SPDX-License-Identifier: Apache-2.0
"""The examples of RFC 6030: what is read of them, and why the others are refused."""

from __future__ import annotations

import pytest

from development import oathtool
from development.vendor import Device
from fakes.import_vault import FakeImportVault, seed_of
from kagimori.adapters.pskc.file import read_file
from kagimori.application.inventory.vendor_file import Fault, VendorFileRefused
from kagimori.domain.token import NEVER, Hash, MovingFactor, Profile
from support.pskc_files import FIGURE_6, FIGURE_6_KEY, VECTORS, VENDOR


def test_figure_6_says_what_the_token_is() -> None:
    [token] = read_file(FIGURE_6, VENDOR).tokens
    assert token.serial == "987654321"
    assert token.profile == Profile(MovingFactor.EVENT, Hash.SHA1, digits=8, period=0)
    assert (token.last_step, token.drift) == (NEVER, 0)


def test_the_seed_of_figure_6_is_the_one_of_rfc_4226() -> None:
    file = read_file(FIGURE_6, VENDOR)
    [token] = file.tokens
    sealed = FakeImportVault({VENDOR: FIGURE_6_KEY}).seal(token.seed, file.mac, "t", Hash.SHA1)
    assert seed_of(sealed) == b"12345678901234567890"
    # RFC 4226, Appendix D, counters 0 to 2: the last six digits of the codes.
    device = Device(token.serial, seed_of(sealed), "SHA1", token.profile.digits, 0)
    codes = [oathtool.event_code(device, token.last_step + 1 + press) for press in range(3)]
    assert [code[-6:] for code in codes] == ["755224", "287082", "359152"]


@pytest.mark.parametrize(
    ("figure", "fault", "word"),
    [
        (2, Fault.MISSING, "DeviceInfo"),
        (4, Fault.UNSUPPORTED, "KeyProfileId"),
        (5, Fault.PLAIN_SEED, "in clear"),
        (7, Fault.UNSUPPORTED, "PBKDF2"),
        (8, Fault.UNSUPPORTED, "certificate"),
        (10, Fault.PLAIN_SEED, "in clear"),
    ],
)
def test_other_figures_are_refused_with_their_reason(figure: int, fault: Fault, word: str) -> None:
    with pytest.raises(VendorFileRefused, match=word) as refused:
        read_file(VECTORS / f"rfc6030-figure{figure}.xml", VENDOR)
    assert refused.value.fault is fault
    assert refused.value.line
