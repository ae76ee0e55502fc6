# SPDX-License-Identifier: Apache-2.0
"""Waiting for a token without asking the database again and again."""

from __future__ import annotations

from collections import deque

from kagimori.application.ports import Subject
from kagimori.application.verification.case import Case

_Name = tuple[str, Subject]


class LineFull(Exception):
    """As many cases wait for this token as may."""


class Lines:
    """One case per name at a time, first come, first served. For one thread."""

    def __init__(self, longest: int) -> None:
        """Keep at most ``longest`` cases in any one line, its front included."""
        self._longest = longest
        self._lines: dict[_Name, deque[Case]] = {}

    def join(self, case: Case) -> bool:
        """Stand in line; return whether ``case`` is at the front of it.

        Raises `LineFull`.
        """
        name = _name(case)
        line = self._lines.get(name)
        if line is None:
            self._lines[name] = deque((case,))
            return True
        if len(line) >= self._longest:
            raise LineFull
        line.append(case)
        return False

    def is_at_front(self, case: Case) -> bool:
        """Return whether it is ``case``'s turn."""
        return self._lines[_name(case)][0] is case

    def leave(self, case: Case) -> Case | None:
        """Leave the line; return whose turn it has become by that, if anyone's."""
        name = _name(case)
        line = self._lines[name]
        if line[0] is not case:
            line.remove(case)
            return None
        line.popleft()
        if line:
            return line[0]
        del self._lines[name]
        return None


def _name(case: Case) -> _Name:
    return case.claim.tenant, case.claim.subject
