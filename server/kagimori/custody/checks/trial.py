# SPDX-License-Identifier: Apache-2.0
"""One key on trial: what was tried on it, and what the HSM said."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pkcs11 import Object
from pkcs11.exceptions import PKCS11Error

from kagimori.custody.cryptoki_names import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

WORKED = "done"


@dataclass(frozen=True, slots=True)
class Finding:
    """One attempt on one key. ``wanted`` and ``answer`` are "done" or CKR_ names."""

    kind: str
    key: str
    attempt: str
    wanted: str
    answer: str
    passed: bool


class WrongAnswerError(Exception):
    """The HSM did what it was asked, and the result is wrong; the message says how."""


class _Over(Exception):
    """What follows on this key cannot be tried."""


class Trial:
    """Tries things on one key and writes down what came of them."""

    def __init__(self, findings: list[Finding], kind: str, key: str) -> None:
        """``kind`` is for people ("wrapping keys"); so is ``key``, its owner's name."""
        self._findings = findings
        self._kind = kind
        self._key = key

    def works(self, attempt: str, call: Callable[[], T]) -> T:
        """Return what ``call`` returns; if it fails, this key's trial is over."""
        try:
            result = call()
        except (PKCS11Error, WrongAnswerError) as error:
            self._note(attempt, WORKED, _answer(error), passed=False)
            raise _Over from None
        self._note(attempt, WORKED, WORKED, passed=True)
        return result

    def holds(self, attempt: str, check: Callable[[], object]) -> None:
        """Expect ``check`` to go through; whether or not, this key's trial goes on."""
        with suppress(_Over):
            self.works(attempt, check)

    def refused(self, attempt: str, call: Callable[[], object], *codes: str) -> None:
        """Expect ``call`` to be refused with one of ``codes``.

        Any other error is no refusal: it could be a fault that hides a hole.
        """
        try:
            result = call()
        except PKCS11Error as error:
            answer = name_of(error)
            self._note(attempt, " or ".join(codes), answer, passed=answer in codes)
        else:
            self._note(attempt, " or ".join(codes), WORKED, passed=False)
            _put_away(result)

    def _note(self, attempt: str, wanted: str, answer: str, *, passed: bool) -> None:
        self._findings.append(Finding(self._kind, self._key, attempt, wanted, answer, passed))


@contextmanager
def trial(findings: list[Finding], kind: str, key: str) -> Iterator[Trial]:
    """Put a key on trial; whatever does not work ends it, not the ceremony's checks."""
    with suppress(_Over):
        yield Trial(findings, kind, key)


def _answer(error: PKCS11Error | WrongAnswerError) -> str:
    return name_of(error) if isinstance(error, PKCS11Error) else str(error)


def _put_away(result: object) -> None:
    if isinstance(result, Object):
        with suppress(PKCS11Error):
            result.destroy()
