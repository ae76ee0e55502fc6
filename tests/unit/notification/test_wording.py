# SPDX-License-Identifier: Apache-2.0
"""The words of a letter are the tenant's, and name what the customer needs."""

from __future__ import annotations

from datetime import UTC, datetime

from kagimori.application.notification.letter import Letter
from kagimori.application.notification.ports import Due
from kagimori.application.notification.wording import worded
from kagimori.domain.enrollment import LetterKind
from support.post.letters import POLICY, RECIPIENT, SENDER, TENANT, USER_ID, letter

POSTED = datetime(2026, 1, 31, 15, 30, tzinfo=UTC)


def due(mine: Letter) -> Due:
    return Due(mine, "lease", 1, POSTED, 0.0)


def test_the_letter_of_an_issue_names_all_that_the_set_up_needs() -> None:
    mail = worded(due(letter()), POLICY)
    assert mail.subject == "トークン発行のご案内"
    for part in (
        TENANT,
        USER_ID,
        "https://mobile.example/kagi?uid=NULLGWDOCOMO",
        "https://apps.example/kagi",
        "0120-000-000 (平日 9:00-17:00)",
        "送信専用",
    ):
        assert part in mail.body
    assert "${" not in mail.body
    assert (mail.sender, mail.recipient) == (SENDER, RECIPIENT)


def test_the_letter_of_a_replay_names_whom_to_ask() -> None:
    mail = worded(due(letter(kind=LetterKind.REPLAYED)), POLICY)
    assert mail.subject == "ワンタイムパスワードの再利用について"
    assert "0120-000-000" in mail.body
    assert USER_ID not in mail.body


def test_a_letter_is_dated_when_it_was_posted_in_the_tenant_s_time() -> None:
    mail = worded(due(letter()), POLICY)
    assert mail.written_at.isoformat() == "2026-02-01T00:30:00+09:00"


def test_no_repr_shows_whom_a_letter_goes_to() -> None:
    mine = letter(subscriber="4711-0815")
    shown = repr(due(mine)) + repr(worded(due(mine), POLICY))
    assert RECIPIENT not in shown
    assert "4711-0815" not in shown
