# SPDX-License-Identifier: Apache-2.0
"""Objects of a session: opened, used, and gone again."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from pkcs11.exceptions import PKCS11Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pkcs11 import Object

T = TypeVar("T", bound="Object")


@contextmanager
def passing(thing: T) -> Iterator[T]:
    """Hold a session object for a while; destroy it afterwards."""
    try:
        yield thing
    finally:
        with suppress(PKCS11Error):
            thing.destroy()
