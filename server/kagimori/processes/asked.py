# SPDX-License-Identifier: Apache-2.0
"""What a server asks of the authority that is wired behind it."""

from __future__ import annotations

from kagimori import bootstrap
from kagimori.transport.assistance_servicer import Assistance
from kagimori.transport.enrollment import (
    Counter,
    EnrollmentUseCases,
    GridCards,
    Issuing,
    Registrations,
)
from kagimori.transport.server import UseCases
from kagimori.transport.verification import Signing


def use_cases_of(authority: bootstrap.Authority) -> UseCases:
    """Return the use cases of ``authority``."""
    two, signing = authority.assistance, authority.signing
    return UseCases(
        authority.verify,
        authority.require,
        _enrollment(authority.enrollment),
        authority.vault,
        authority.receive,
        Assistance(two.propose, two.approve, two.reject, two.listing),
        Signing(signing.challenge, signing.verify),
    )


def _enrollment(desk: bootstrap.EnrollmentDesk) -> EnrollmentUseCases:
    issuing, counter, cards = desk.issuing, desk.counter, desk.grid_cards
    serials = desk.registrations
    return EnrollmentUseCases(
        Issuing(issuing.issue, issuing.activate, issuing.deregister, issuing.status),
        Counter(counter.unlock, counter.assign, counter.token, counter.take_back),
        Registrations(
            serials.register, serials.choose, serials.terminate, serials.begin, serials.complete
        ),
        GridCards(cards.challenge, cards.answer, cards.unlock),
    )
