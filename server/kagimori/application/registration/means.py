# SPDX-License-Identifier: Apache-2.0
"""What taking tokens into use, exchanging and ending them is done with."""

from __future__ import annotations

from dataclasses import dataclass

from kagimori.application.policies import Policies
from kagimori.application.registration.ports import Conclude, RegistrationStore
from kagimori.application.registration.rows import Rows
from kagimori.application.subscribers import Fingerprints


@dataclass(frozen=True, slots=True)
class Means:
    """``verify`` judges codes; ``policies`` is by service ID, and may change."""

    verify: Conclude
    store: RegistrationStore
    rows: Rows
    digests: Fingerprints
    policies: Policies
