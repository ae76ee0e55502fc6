# SPDX-License-Identifier: Apache-2.0
"""VerificationService as a whole."""

from __future__ import annotations

from kagimori.transport.verification.codes import CodesServicer, Require, Verify
from kagimori.transport.verification.signing import Signing, SigningServicer


class VerificationServicer(CodesServicer, SigningServicer):
    """Serves kagimori.verification.v1.VerificationService."""

    def __init__(self, verify: Verify, require: Require, signing: Signing) -> None:
        """All are called on the event loop and must not block it."""
        CodesServicer.__init__(self, verify, require)
        SigningServicer.__init__(self, signing)
