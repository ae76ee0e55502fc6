# SPDX-License-Identifier: Apache-2.0
"""A mail process on a real database, in front of a real mail server; no HSM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.databases.database import AnyDatabase
from support.post.mail_process import Post, Posts
from support.post.mail_server import MailServer


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture
def posts(tmp_path: Path) -> Iterator[Posts]:
    """Make authorities of the test's own, each given as `Post` takes it."""
    opened: list[Post] = []

    def make(address: str, mail: str = "", database: AnyDatabase | None = None) -> Post:
        opened.append(Post(tmp_path / f"authority-{len(opened)}", address, mail, database))
        return opened[-1]

    yield make
    for post in opened:
        post.close()


@pytest.fixture
def post(posts: Posts, server: MailServer) -> Post:
    return posts(server.address)
