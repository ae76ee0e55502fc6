# SPDX-License-Identifier: Apache-2.0
"""What a customer is told of each error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from kagimori_client.token import errors
from kagimori_client.token.cli import signing_texts, texts
from kagimori_client.token.cli.texts import Text, Words

SENTENCES: Final[Mapping[type[errors.TokenError], Text]] = {
    errors.KeyNotPinned: texts.KEY_NOT_PINNED,
    errors.ActivationRefused: texts.ACTIVATION_REFUSED,
    errors.ActivationExpired: texts.ACTIVATION_EXPIRED,
    errors.AlreadyProvisioned: texts.ALREADY_PROVISIONED,
    errors.EnvelopeRefused: texts.ENVELOPE_REFUSED,
    errors.NotOffered: texts.NOT_OFFERED,
    errors.Unavailable: texts.UNAVAILABLE,
    errors.AuthorityFault: texts.AUTHORITY_FAULT,
    errors.WrongPassphrase: texts.WRONG_PASSPHRASE,
    errors.UnknownVersion: texts.UNKNOWN_VERSION,
    errors.SetUpUnfinished: texts.SETUP_UNFINISHED,
    errors.FileTaken: texts.FILE_TAKEN,
    errors.ClockTooEarly: texts.CLOCK_TOO_EARLY,
    errors.NotATransaction: signing_texts.NOT_A_TRANSACTION,
    errors.AnotherBanksTransaction: signing_texts.ANOTHER_BANKS,
    errors.SigningNotOffered: signing_texts.NOT_OFFERED,
}
FIELDS: Final[Mapping[str, Text]] = {
    "service_id": texts.BAD_SERVICE_ID,
    "user_id": texts.BAD_USER_ID,
    "activation_password": texts.BAD_ACTIVATION_PASSWORD,
    "passphrase": texts.BAD_PASSPHRASE,
    "label": texts.BAD_LABEL,
    "account_number": signing_texts.BAD_ACCOUNT,
    "amount": signing_texts.BAD_AMOUNT,
}


class Trouble(Exception):
    """Something that the customer is told, and then the app ends."""

    def __init__(self, text: Text, **values: object) -> None:
        """Take what to say."""
        super().__init__(text.en)
        self.text, self.values = text, values


def sentence(words: Words, error: Exception) -> str:
    """Return what a customer is told of ``error``; no detail of it is a secret."""
    if isinstance(error, Trouble):
        return words(error.text, **error.values)
    if isinstance(error, errors.InvalidField):
        return words(FIELDS.get(error.field, texts.BAD_FIELD))
    if isinstance(error, errors.TooManyTries):
        return words(texts.TOO_MANY_TRIES, seconds=math.ceil(error.seconds))
    if isinstance(error, OSError):
        return words(texts.NO_FILE, path=error.filename or "?")
    if isinstance(error, errors.TokenError):
        return words(SENTENCES[type(error)])
    # Its message was written for nobody, and may hold anything.
    return words(texts.UNFORESEEN, kind=type(error).__name__)
