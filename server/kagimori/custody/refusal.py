# SPDX-License-Identifier: Apache-2.0
"""How a ceremony ends early: one line for the administrator."""

from __future__ import annotations


class CeremonyRefused(Exception):
    """The ceremony cannot go on; the message is one line and holds no secret."""
