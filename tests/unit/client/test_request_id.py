# SPDX-License-Identifier: Apache-2.0
"""The names that the client gives its calls (RFC 9562 §5.7)."""

from __future__ import annotations

import time
from uuid import RFC_4122

import pytest

from kagimori_client import request_id


def test_is_of_version_7() -> None:
    drawn = request_id.fresh()
    assert (drawn.version, drawn.variant) == (7, RFC_4122)


def test_has_the_time_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 9562, appendix A.6: 2022-02-22 14:22:22.000 -05:00.
    monkeypatch.setattr(time, "time_ns", lambda: 0x017F22E279B0 * 1_000_000)
    assert str(request_id.fresh()).startswith("017f22e2-79b0-7")


def test_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert len({request_id.fresh() for _ in range(10_000)}) == 10_000


def test_uses_all_random_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr("secrets.randbits", lambda bits: (1 << bits) - 1)
    assert str(request_id.fresh()) == "00000000-0000-7fff-bfff-ffffffffffff"
