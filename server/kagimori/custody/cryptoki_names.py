# SPDX-License-Identifier: Apache-2.0
"""PKCS#11's own names for python-pkcs11's exceptions."""

from __future__ import annotations

import re

from pkcs11.exceptions import NoSuchKey, PKCS11Error

# Codes that python-pkcs11 has no class for and reports by number.
_UNMAPPED = {
    0x0000001B: "CKR_ACTION_PROHIBITED",
    0x00000068: "CKR_KEY_FUNCTION_NOT_PERMITTED",
}
_NUMBER = re.compile(r"Unmapped error code (0x[0-9a-f]+)")
_WORD_START = re.compile(r"(?<!^)(?=[A-Z][a-z])")

NOT_FOUND = "no such key"


def name_of(error: PKCS11Error) -> str:
    """Return the CKR_ name of ``error``, or its text where PKCS#11 has none.

    >>> name_of(PKCS11Error("Unmapped error code 0x1b"))
    'CKR_ACTION_PROHIBITED'
    """
    if isinstance(error, NoSuchKey):
        return NOT_FOUND
    if type(error) is not PKCS11Error:
        return "CKR_" + _WORD_START.sub("_", type(error).__name__).upper()
    if number := _NUMBER.fullmatch(str(error)):
        return _UNMAPPED.get(int(number[1], 16), f"CKR {number[1]}")
    return str(error)
