# SPDX-License-Identifier: Apache-2.0
"""交換 without a code of the old token: one person of the bank proposes it, another approves it."""

from __future__ import annotations

from enum import StrEnum


class ReplacementReason(StrEnum):
    """Why there is no code of the old token."""

    LOST = "LOST"
    STOLEN = "STOLEN"
    BROKEN = "BROKEN"


class ProposalState(StrEnum):
    """What became of a proposal; that its time is over is seen from its time."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
