# SPDX-License-Identifier: Apache-2.0
"""A `MailCarrier` whose server does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kagimori.application.notification.ports import Carried, Fate, Mail

ACCEPTED = Carried(Fate.ACCEPTED, "250")
REFUSED = Carried(Fate.REFUSED, "550")
UNDECIDED = Carried(Fate.UNDECIDED, "451")


class ScriptedCarrier:
    """Answers in turn; the last answer stays. ``carried`` is all that it was given."""

    longest = 30.0

    def __init__(self, *answers: Carried, meanwhile: Callable[[], None] = lambda: None) -> None:
        """``meanwhile`` happens during each conversation."""
        self._answers = list(answers)
        self._meanwhile = meanwhile
        self.carried: list[Mail] = []

    async def carry(self, mail: Mail) -> Carried:
        self.carried.append(mail)
        # It may wait for the event loop that this runs on.
        await asyncio.to_thread(self._meanwhile)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
