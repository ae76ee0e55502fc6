# SPDX-License-Identifier: Apache-2.0
"""A customer's exchange, step by step."""

from __future__ import annotations

from kagimori.application.registration.replace import ReplacementAnswer
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import Kind
from support.banks.registering import SECOND, Page, code


def begun(page: Page, kind: Kind = Kind.HARDWARE) -> None:
    """Let the customer have a token, another one in his hands, and the exchange begun."""
    page.registered(kind=kind)
    page.stock(SECOND)
    assert page.begin(code(1)).verdict.outcome is Outcome.ACCEPTED


def assisted(page: Page) -> None:
    """Let two persons of the bank have agreed on it."""
    page.run("UPDATE replacements SET proposal_id = '0192b3c4-5d6e-7f80-9123-456789abcdef'")


def completed(page: Page) -> ReplacementAnswer:
    answer = page.complete(code(0, SECOND))
    assert answer.verdict.outcome is Outcome.ACCEPTED
    return answer
