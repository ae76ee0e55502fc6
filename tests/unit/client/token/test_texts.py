# SPDX-License-Identifier: Apache-2.0
"""The terminal app's words: all of them, in both languages."""

from __future__ import annotations

import inspect
import re
import string

import pytest
from rich.cells import cell_len

from kagimori_client.token import InvalidField, TokenError, TooManyTries, errors
from kagimori_client.token.cli import signing_texts, texts
from kagimori_client.token.cli.sentences import FIELDS, SENTENCES, Trouble, sentence
from kagimori_client.token.cli.texts import Language, Text, Words, language_of

TEXTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in (texts, signing_texts)
    for name, text in vars(module).items()
    if isinstance(text, Text)
}
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
SPEAKERS = [Words(language) for language in Language]


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_are_texts() -> None:
    assert len(TEXTS) > 60


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_text_is_in_both_languages(name: str) -> None:
    text = TEXTS[name]
    assert text.ja.strip()
    assert text.en.strip()
    assert placeholders(text.ja) == placeholders(text.en)
    assert JAPANESE.search(text.ja) or text is texts.LEAVE
    # In English only the words that stand in the bank's letter are Japanese.
    kept = re.sub(r"\((サービスID|ユーザID|利用開始パスワード),", "", text.en)
    assert not JAPANESE.search(kept)


def leaves(kind: type[TokenError]) -> set[type[TokenError]]:
    below = kind.__subclasses__()
    return {kind} if not below else set().union(*map(leaves, below))


@pytest.mark.parametrize("words", SPEAKERS, ids=["ja", "en"])
def test_every_error_has_a_sentence_of_its_own(words: Words) -> None:
    special = {InvalidField, TooManyTries, errors.ProfileRefused}
    assert leaves(TokenError) - special == set(SENTENCES)
    assert len({words(text) for text in SENTENCES.values()}) == len(SENTENCES)
    assert "42" in sentence(words, TooManyTries(41.2))
    for field, text in FIELDS.items():
        assert sentence(words, InvalidField(field, "…")) == words(text)


@pytest.mark.parametrize("words", SPEAKERS, ids=["ja", "en"])
def test_what_nobody_foresaw_is_told_without_its_details(words: Words) -> None:
    told = sentence(words, RuntimeError("seed 0011223344"))
    assert "RuntimeError" in told
    assert "0011223344" not in told
    assert sentence(words, Trouble(texts.NO_TOKENS)) == words(texts.NO_TOKENS)
    assert "/some/file" in sentence(words, FileNotFoundError(2, "gone", "/some/file"))


def test_every_error_is_exported_and_explained() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, TokenError) and not name.startswith("_"):
            assert inspect.getdoc(kind), name


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ja_JP.UTF-8"}, "ja"),
        ([], {"LANG": "ja"}, "ja"),
        ([], {"LANG": "en_US.UTF-8"}, "en"),
        ([], {"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ([], {"LANG": "C", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ([], {"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
        (["show", "--lang", "ja"], {"LANG": "C"}, "ja"),
        (["--lang=en", "list"], {"LANG": "ja_JP.UTF-8"}, "en"),
        (["--lang", "ja", "--lang", "en"], {}, "en"),
        (["--lang"], {}, "en"),
        (["--lang", "fr"], {"LANG": "ja_JP.UTF-8"}, "ja"),
    ],
)
def test_the_language_is_the_one_asked_for_else_the_locales(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert language_of(arguments, environment).value == language


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_text_fits_into_80_columns(name: str) -> None:
    # Broken by the terminal, Japanese would break within a word. Paths are as long as they are.
    for text in (TEXTS[name].ja, TEXTS[name].en):
        filled = re.sub(
            r"\{(\w+)[^}]*\}", lambda found: "" if found[1] == "path" else "12345678", text
        )
        assert max(map(cell_len, filled.splitlines())) < 80
