# SPDX-License-Identifier: Apache-2.0
"""What of all that a customer types can be refused."""

from __future__ import annotations

from enum import StrEnum


class RefusedPart(StrEnum):
    """What a refusal is about (kagimori.enrollment.v1.RegistrationPart)."""

    TOKEN = "TOKEN"
    """The token: its serial number, or its code."""
    GRID_CARD = "GRID_CARD"
    """What was read on the grid card (お客様カード): no code was looked at."""
    CUSTOMER = "CUSTOMER"
    """The customer's tries of the day: nothing was looked at."""
