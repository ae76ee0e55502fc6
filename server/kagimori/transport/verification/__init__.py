# SPDX-License-Identifier: Apache-2.0
"""VerificationService: what a bank channel asks at every login and transfer.

A module for codes and one for signatures; beside it, what the words of those mean.
"""

from __future__ import annotations

from kagimori.transport.verification.codes import Require, Verify
from kagimori.transport.verification.servicer import VerificationServicer
from kagimori.transport.verification.signing import SIGNS_NOTHING, Signing

__all__ = ["SIGNS_NOTHING", "Require", "Signing", "VerificationServicer", "Verify"]
