# SPDX-License-Identifier: Apache-2.0
"""The part of EnrollmentService for tokens that are registered by serial number."""

from __future__ import annotations

from typing import NoReturn

from google.protobuf.message import Message

from kagimori.domain.errors import NotOffered
from kagimori.transport.call import Call


class RegistrationServicer:
    """Serves what customers do with serial numbers, exchanges and grid cards."""

    async def RegisterToken(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("RegisterToken")

    async def SetLoginOtp(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("SetLoginOtp")

    async def TerminateToken(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("TerminateToken")

    async def BeginReplacement(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("BeginReplacement")

    async def CompleteReplacement(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("CompleteReplacement")

    async def CreateGridChallenge(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("CreateGridChallenge")

    async def VerifyGridAnswer(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("VerifyGridAnswer")

    async def UnlockGridCard(self, _request: Message, _call: Call) -> NoReturn:  # noqa: N802
        """Stand for the RPC."""
        raise NotOffered("UnlockGridCard")
