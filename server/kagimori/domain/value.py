# SPDX-License-Identifier: Apache-2.0
"""Values that nobody changes, at no cost to those that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["value"]

if TYPE_CHECKING:
    # For mypy a value is a frozen dataclass, and an assignment to it an error.
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen, slots):  # noqa: ANN001, ANN201 - mypy sees the other one
        """Make a dataclass that is compared and hashed as a frozen one is.

        Python's own frozen ones are filled in by `object.__setattr__`: a tenth of
        a microsecond for each field, of which a verification makes sixty.
        """
        return dataclass(slots=slots, unsafe_hash=frozen)
