# SPDX-License-Identifier: Apache-2.0
"""Where the app keeps its tokens: one file each, numbered for life."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kagimori_client.token.cli import texts
from kagimori_client.token.cli.sentences import Trouble
from kagimori_client.token.errors import FileRefused
from kagimori_client.token.safe import Cover, look, sync_directory

_NAME: Final = re.compile(r"([0-9]{1,6})\.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file on the shelf; ``cover`` is None where it cannot be read."""

    number: int
    path: Path
    cover: Cover | None

    @property
    def name(self) -> str:
        """Return what the customer knows it by."""
        if self.cover is None:
            return str(self.number)
        return self.cover.label or self.cover.issuer or self.cover.service_id


def home_of(environment: Mapping[str, str]) -> Path:
    """Return $KAGIMORI_TOKEN_HOME, or a place in the XDG data home."""
    if named := environment.get("KAGIMORI_TOKEN_HOME"):
        return Path(named)
    data = environment.get("XDG_DATA_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    base = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "kagimori-token"


class Shelf:
    """The tokens in ``home``."""

    def __init__(self, home: Path) -> None:
        """Touch nothing yet."""
        self.home = home
        self._directory = home / "tokens"

    def entries(self) -> list[Entry]:
        """Return what is there, by number."""
        if not self._directory.is_dir():
            return []
        found = ((_NAME.fullmatch(path.name), path) for path in self._directory.iterdir())
        numbered = sorted((int(name[1]), path) for name, path in found if name)
        return [Entry(number, path, _cover(path)) for number, path in numbered]

    def unfinished(self) -> Entry | None:
        """Return the oldest set-up that was begun and not finished."""
        return next((e for e in self.entries() if e.cover and not e.cover.finished), None)

    def new_path(self) -> Path:
        """Return where the next token goes."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((entry.number for entry in self.entries()), default=0) + 1
        return self._directory / f"{number}.json"

    def find(self, choice: str) -> Entry:
        """Return the token with this number, else label or bank; or raise `Trouble`."""
        entries = self.entries()
        by_number = [entry for entry in entries if str(entry.number) == choice]
        by_name = [entry for entry in entries if entry.name == choice]
        matching = by_number or by_name
        if len(matching) != 1:
            raise Trouble(texts.WHICH_TOKEN if matching else texts.NO_SUCH_TOKEN)
        return matching[0]

    def remove(self, entry: Entry) -> None:
        """Take a token away for good."""
        entry.path.unlink()
        sync_directory(self._directory)


def _cover(path: Path) -> Cover | None:
    try:
        return look(path)
    except (FileRefused, OSError):
        return None
