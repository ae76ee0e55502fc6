# SPDX-License-Identifier: Apache-2.0
"""The mail server's section refuses what would send letters in the clear."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kagimori import config
from kagimori.config import ConfigError, MailSection


def section(tmp_path: Path, text: str) -> MailSection:
    path = tmp_path / "mail.toml"
    path.write_text(text)
    return config.read(MailSection, path)


def test_a_server_alone_is_enough_and_is_spoken_to_in_private(tmp_path: Path) -> None:
    read = section(tmp_path, 'server = "mail.bank.example:587"')
    assert (read.host, read.port, read.tls) == ("mail.bank.example", 587, "starttls")
    assert read.own_name == socket.gethostname()
    assert read.secret() is None


def test_our_name_can_be_said(tmp_path: Path) -> None:
    read = section(tmp_path, 'server = "m.example:25"\nhello = "auth.bank.example"')
    assert read.own_name == "auth.bank.example"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_a_relay_on_this_host_needs_no_tls(tmp_path: Path, host: str) -> None:
    read = section(tmp_path, f'server = "{host}:2525"\ntls = "none"')
    assert read.tls == "none"
    assert read.host == host.strip("[]")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('server = "mail.bank.example:25"\ntls = "none"', "tls = none"),
        ('server = "10.0.0.1:25"\ntls = "none"', "tls = none"),
        ('server = "m.example:25"\nuser = "kagimori"', "user and password"),
        ('server = "m.example:25"\npassword = { env = "X" }', "user and password"),
        ('server = "m.example"', "server"),
        ('server = "m.example:25"\nhello = "a b"', "hello"),
        ('server = "m.example:25"\nseconds = 0', "seconds"),
        ('server = "m.example:25"\ntls = "opportunistic"', "tls"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        section(tmp_path, text)


def test_the_password_is_read_where_it_lies_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    text = 'server = "m.example:25"\nuser = "kagimori"\npassword = { file = "secret" }'
    read = section(tmp_path, text)
    secret = read.secret()
    assert secret is not None
    assert secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(read)
    assert "hunter2" not in repr(secret)
