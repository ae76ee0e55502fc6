# SPDX-License-Identifier: Apache-2.0
"""EnrollmentService as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from kagimori.transport.enrollment.counter import Counter, CounterServicer
from kagimori.transport.enrollment.grid import GridCards, GridServicer
from kagimori.transport.enrollment.issuing import Issuing, IssuingServicer
from kagimori.transport.enrollment.registering import RegisteringServicer, Registrations


@dataclass(frozen=True, slots=True)
class EnrollmentUseCases:
    """What this service asks. All are called on the event loop and must not block it."""

    issuing: Issuing
    counter: Counter
    registrations: Registrations
    grid_cards: GridCards


class EnrollmentServicer(IssuingServicer, CounterServicer, RegisteringServicer, GridServicer):
    """Serves kagimori.enrollment.v1.EnrollmentService."""

    def __init__(self, use_cases: EnrollmentUseCases) -> None:
        """Ask ``use_cases``."""
        IssuingServicer.__init__(self, use_cases.issuing)
        CounterServicer.__init__(self, use_cases.counter)
        RegisteringServicer.__init__(self, use_cases.registrations)
        GridServicer.__init__(self, use_cases.grid_cards)
