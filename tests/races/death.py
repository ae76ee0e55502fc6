# SPDX-License-Identifier: Apache-2.0
"""What became of a process that was to end at a write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Death:
    """Known once its block is left: whether it ``came``, and the ``writes`` until then."""

    came: bool = False
    writes: int = 0
