# SPDX-License-Identifier: Apache-2.0
"""Reading a TOML file whole, and refusing what is wrong by the key's name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used; the message names file and key."""


def anchored(path: Path, info: ValidationInfo) -> Path:
    """Return ``path`` as it is meant in the file that is being read."""
    base = (info.context or {}).get("base", Path())
    return path if path.is_absolute() else (base / path).resolve()


def _anchored_value(value: str, info: ValidationInfo) -> str:
    if value.startswith(("./", "../")):
        return str(anchored(Path(value), info))
    return value


AnchoredPath = Annotated[Path, AfterValidator(anchored)]
Environment = dict[str, Annotated[str, AfterValidator(_anchored_value)]]


class Section(BaseModel):
    """A table of the file: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read(model: type[M], path: Path) -> M:
    """Read the TOML file at ``path`` as a ``model``; raise `ConfigError`."""
    return validated(model, table_of(path), path)


def table_of(path: Path) -> Mapping[str, object]:
    """Return what the TOML file at ``path`` holds; raise `ConfigError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise ConfigError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: {error}"
        raise ConfigError(msg) from None


def validated(model: type[M], table: Mapping[str, object], path: Path, skip: int = 0) -> M:
    """Return ``table`` of the file at ``path`` as a ``model``; raise `ConfigError`.

    ``skip`` is how many names a key begins with that are not in the file.
    """
    try:
        return model.model_validate(table, context={"base": path.resolve().parent})
    except ValidationError as error:
        # The offending value is left out: it may be a PIN in the wrong place.
        lines = [
            f"{path}: {'.'.join(str(part) for part in problem['loc'][skip:]) or 'file'}: "
            f"{_in_our_words(problem)}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(lines)) from None


def _in_our_words(problem: ErrorDetails) -> str:
    """Say what is wrong as the reader of a TOML file would put it."""
    words = {"missing": "is missing", "extra_forbidden": "is no key of this file"}
    if problem["type"] in words:
        return words[problem["type"]]
    return problem["msg"].removeprefix("Value error, ")
