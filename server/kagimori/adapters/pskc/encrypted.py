# SPDX-License-Identifier: Apache-2.0
"""What XML Encryption says of a ciphertext: its algorithm and its octets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kagimori.adapters.pskc.algorithms import ENCRYPTIONS, OAEP, OAEP_DIGEST
from kagimori.adapters.pskc.values import octets
from kagimori.adapters.pskc.xml import DS, XENC, attribute, children, need, refusal
from kagimori.application.deliveries.vendor_file import Fault

if TYPE_CHECKING:
    from lxml.etree import _Element

METHOD: Final = f"{{{XENC}}}EncryptionMethod"
DATA: Final = f"{{{XENC}}}CipherData"
_VALUE: Final = f"{{{XENC}}}CipherValue"
_DIGEST: Final = f"{{{DS}}}DigestMethod"

_PARTS: Final = frozenset({METHOD, DATA})
_VALUE_ALONE: Final = frozenset({_VALUE})
_DIGEST_ALONE: Final = frozenset({_DIGEST})


def encrypted(element: _Element) -> tuple[str, bytes]:
    """Return the algorithm and the ciphertext of an EncryptedValue or a MACKey."""
    return of_parts(children(element, _PARTS), element)


def of_parts(found: dict[str, _Element], element: _Element) -> tuple[str, bytes]:
    """Return the same of what was `found` in ``element``."""
    algorithm = _algorithm(need(found, METHOD, element))
    data = need(found, DATA, element)
    return algorithm, octets(need(children(data, _VALUE_ALONE), _VALUE, data))


def _algorithm(method: _Element) -> str:
    algorithm = ENCRYPTIONS.get(attribute(method, "Algorithm"))
    if algorithm is None:
        raise refusal(Fault.UNSUPPORTED, method, "this encryption algorithm is not supported")
    if len(method) or method.text:
        _check_parameters(method, algorithm)
    return algorithm


def _check_parameters(method: _Element, algorithm: str) -> None:
    """Refuse parameters that would change what the algorithm is."""
    digest = children(method, _DIGEST_ALONE if algorithm == OAEP else ()).get(_DIGEST)
    if digest is not None and attribute(digest, "Algorithm") != OAEP_DIGEST:
        raise refusal(Fault.UNSUPPORTED, digest, "only OAEP with SHA-1 is supported")
