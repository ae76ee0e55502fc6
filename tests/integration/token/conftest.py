# SPDX-License-Identifier: Apache-2.0
"""An authority that a token app can be set up by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kagimori_client.token import SoftwareToken
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE
from support.phones.token_authority import Served

SetUp = Callable[..., SoftwareToken]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A ProvisioningService that says what the test wants."""
    with theirs.serving(tmp_path / "authority") as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the token is to be kept."""
    return tmp_path / "token"


@pytest.fixture
def set_up(served: Served, file: Path) -> SetUp:
    """Set a token up, with the customer's usual words."""

    def set_up_(**changes: object) -> SoftwareToken:
        usual: dict[str, object] = {
            "service_id": theirs.SERVICE_ID,
            "user_id": theirs.USER_ID,
            "activation_password": theirs.ACTIVATION_PASSWORD,
            "file": file,
            "passphrase": PASSPHRASE,
        }
        profile = changes.pop("profile", served.profile)
        return SoftwareToken.set_up(profile, **(usual | changes))  # type: ignore[arg-type]

    return set_up_


@pytest.fixture
def set_up_new(served: Served, file: Path) -> SetUp:
    """Make a token before the bank knows its customer."""

    def set_up_new_(**changes: object) -> SoftwareToken:
        usual: dict[str, object] = {
            "service_id": theirs.SERVICE_ID,
            "file": file,
            "passphrase": PASSPHRASE,
        }
        profile = changes.pop("profile", served.profile)
        return SoftwareToken.set_up_new(profile, **(usual | changes))  # type: ignore[arg-type]

    return set_up_new_
