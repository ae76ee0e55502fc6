# SPDX-License-Identifier: Apache-2.0
"""A place with a vendor's files, and the key that opens what is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from support.vendors.rewrapping import (
    Place,
    place,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture
def at(tmp_path: Path, private: rsa.RSAPrivateKey) -> Place:
    return place(tmp_path, private)
