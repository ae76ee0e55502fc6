# SPDX-License-Identifier: Apache-2.0
"""What customers may type."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kagimori_client.token import InvalidField, fields

FULL_WIDTH = "".join(map(chr, range(0xFF11, 0xFF19)))


@pytest.mark.parametrize(
    ("check", "field", "bad"),
    [
        (fields.service_id, "service_id", ["", "1011223", "101122311", "1011223a", FULL_WIDTH]),
        (fields.service_id, "service_id", ["10112231\n", " 10112231", "٣٣٣٣٣٣٣٣"]),
        (fields.user_id, "user_id", ["", "99980000000", "9998000000011", "99980000000x"]),
        (fields.activation_password, "activation_password", ["", "123", "123456789", "12a4"]),
        (fields.activation_password, "activation_password", ["1234\n", FULL_WIDTH]),
    ],
)
def test_a_malformed_field_is_named_and_not_quoted(
    check: Callable[[str], str], field: str, bad: list[str]
) -> None:
    for text in bad:
        with pytest.raises(InvalidField) as refused:
            check(text)
        assert refused.value.field == field
        assert not text.strip() or text.strip() not in str(refused.value)


def test_bytes_are_no_text() -> None:
    with pytest.raises(InvalidField):
        fields.service_id(b"10112231")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("給与口座", "給与口座"),
        ("Зарплата", "Зарплата"),
        ("راتب", "راتب"),
        ("👩\u200d👩\u200d👧 family", "👩\u200d👩\u200d👧 family"),
        ("か\u3099" * 20, "が" * 20),
        ("[red]x[/red]", "[red]x[/red]"),
        (" \u3000padded ", "padded"),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_a_label_is_a_line_of_any_script(text: str | None, shown: str | None) -> None:
    assert fields.label(text) == shown


@pytest.mark.parametrize(
    "text",
    ["x" * 21, "a\nb", "a\x1b[2Jb", "a\x7fb", "a\u0085b", "a\u2028b", "a\u202eb", "a\u2066b"],
)
def test_a_label_is_short_and_moves_nothing(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        fields.label(text)
    assert refused.value.field == "label"
