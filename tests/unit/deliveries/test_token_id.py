# SPDX-License-Identifier: Apache-2.0
"""Names for new tokens."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from kagimori.application.deliveries.token_id import rising_id, uuid7


def test_the_example_of_rfc_9562() -> None:
    # Appendix A.6; the bits of version and variant are not random, so whatever is there goes.
    for there in ("ccc3d8c4dc0c0c07398f", "0cc318c4dc0c0c07398f", "fcc398c4dc0c0c07398f"):
        made = uuid7(0x017F22E279B0, bytes.fromhex(there))
        assert UUID(made) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


def test_a_later_name_is_greater_whatever_was_drawn() -> None:
    assert uuid7(1_700_000_000_000, b"\xff" * 10) < uuid7(1_700_000_000_001, bytes(10))


def test_a_name_has_32_digits_at_any_time() -> None:
    assert {len(uuid7(at, bytes(10))) for at in (0, 1, 2**48 - 1)} == {32}


def test_new_names_are_uuids_and_no_two_are_the_same() -> None:
    names = [rising_id() for _ in range(10_000)]
    assert len(set(names)) == len(names)
    assert {(UUID(name).version, UUID(name).variant) for name in names} == {(7, RFC_4122)}


def test_new_names_are_of_this_time() -> None:
    first, second = (UUID(rising_id()).int >> 80 for _ in range(2))
    assert first <= second
    # Anything of this century: whoever reads seconds for milliseconds is not near it.
    assert 946_684_800_000 < first < 4_102_444_800_000
