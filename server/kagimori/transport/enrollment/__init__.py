# SPDX-License-Identifier: Apache-2.0
"""EnrollmentService: what a bank's page asks for its customers, and its staff.

A module for each kind of caller and token; beside it, what its words mean.
"""

from __future__ import annotations

from kagimori.transport.enrollment.counter import Counter
from kagimori.transport.enrollment.grid import GridCards
from kagimori.transport.enrollment.issuing import Issuing
from kagimori.transport.enrollment.registering import Registrations
from kagimori.transport.enrollment.servicer import EnrollmentServicer, EnrollmentUseCases

__all__ = [
    "Counter",
    "EnrollmentServicer",
    "EnrollmentUseCases",
    "GridCards",
    "Issuing",
    "Registrations",
]
