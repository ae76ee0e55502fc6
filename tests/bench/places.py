# SPDX-License-Identifier: Apache-2.0
"""Authorities that share one HSM, each with its own certificates and settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from development import environment
from development.certificates import issue_all, new_authority
from development.environment import Environment

Settings = Mapping[str, str | int | float]
"""Values of the configuration file, by ``section.key``."""


def beside(original: Environment, directory: Path, settings: Settings) -> Environment:
    """Return an authority in ``directory`` that differs from ``original`` by ``settings``.

    It listens on a free port of the loopback.
    """
    place = Environment(directory, f"127.0.0.1:{environment.free_port()}")
    issue_all(new_authority(place.certificates), environment.service_ids())
    vendors = directory / "vendors"
    vendors.unlink(missing_ok=True)
    vendors.symlink_to(original.directory / "vendors")
    text = original.config.read_text()
    for name, value in {**_own(place), **settings}.items():
        text = _with_setting(text, name, value)
    place.config.write_text(text)
    return place


def _own(place: Environment) -> Settings:
    return {
        "server.listen": place.listen,
        "server.certificate": str(place.certificates / "server.pem"),
        "server.private_key": str(place.certificates / "server.key"),
        "server.client_ca": str(place.certificates / "ca.pem"),
    }


def _with_setting(text: str, name: str, value: str | float) -> str:
    section, key = name.split(".")
    # A string or a number is written in TOML as in JSON.
    line = f"{key} = {json.dumps(value)}\n"

    def changed(table: re.Match[str]) -> str:
        body = re.sub(rf"(?m)^{key} = .*\n", "", table["body"])
        return f"{table['header']}{line}{body}"

    pattern = rf"(?ms)^(?P<header>\[{section}\]\n)(?P<body>.*?)(?=^\[|\Z)"
    return re.sub(pattern, changed, text)
