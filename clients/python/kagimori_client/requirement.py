# SPDX-License-Identifier: Apache-2.0
"""Whether a code is needed, or a signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from kagimori_client.api.verification.v1 import verification_pb2
from kagimori_client.enrolling import day_of
from kagimori_client.errors import AuthorityFault


class Requirement(Enum):
    """What an operation needs (kagimori.verification.v1.OtpRequirement)."""

    NONE = verification_pb2.OTP_REQUIREMENT_NONE
    """No code: by the bank's rules, or because the customer has no token in use."""
    OTP = verification_pb2.OTP_REQUIREMENT_OTP
    """One code, for this one operation. A locked token needs it, too."""
    REGISTRATION = verification_pb2.OTP_REQUIREMENT_REGISTRATION
    """A token first: the customer has none, and the password before it is abolished."""
    SIGNATURE = verification_pb2.OTP_REQUIREMENT_SIGNATURE
    """A signature over the transaction (取引確認), and no code besides."""


@dataclass(frozen=True, slots=True)
class OtpRequirement:
    """What `BankChannel.requirement` answers. Compare: ``needs is Requirement.NONE``.

    ``has_token`` is whether the customer has a token in use, locked or not: an
    operation that the bank does not offer without a token can be told from one
    that needs no code. ``cut_over`` is the day, in the bank's calendar, from
    which on the fixed password is abolished; None where the bank has set none.
    ``can_sign`` is whether the customer's token can sign: one that cannot does not make
    a signature unnecessary.
    """

    needs: Requirement
    has_token: bool
    cut_over: date | None = None
    can_sign: bool = False


_KNOWN: Final = {member.value: member for member in Requirement}


def requirement_of(response: verification_pb2.GetOtpRequirementResponse) -> OtpRequirement:
    """Return what ``response`` comes to; raise `AuthorityFault` for words of a later day.

    What is not known must never be taken for "no code".
    """
    needs = _KNOWN.get(response.requirement)
    if needs is None:
        msg = "the authority's answer is not one that this client knows"
        raise AuthorityFault(msg, None)
    cut_over = day_of(response.cut_over_on, None)
    return OtpRequirement(needs, response.has_token, cut_over, response.can_sign)
