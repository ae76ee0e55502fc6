# SPDX-License-Identifier: Apache-2.0
"""Between the words of an issue, and an activation, and the application's."""

from __future__ import annotations

from kagimori.api.enrollment.v1 import enrollment_pb2
from kagimori.application.enrollment.activate import Activation
from kagimori.application.enrollment.issue import IssueOrder
from kagimori.domain.code import Otp
from kagimori.domain.enrollment import ActivationPassword, mail_address
from kagimori.transport.mapping import subscriber_ref_of, uuid_of


def order_of(request: enrollment_pb2.IssueSoftwareTokenRequest) -> IssueOrder:
    """Return what is ordered, or raise `InvalidField` for the first wrong field."""
    return IssueOrder(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        mail_address(request.mail_address),
        ActivationPassword(request.activation_password),
    )


def activation_of(request: enrollment_pb2.ActivateTokenRequest) -> Activation:
    """Return who offers which code, or raise `InvalidField` for the first wrong field."""
    return Activation(
        uuid_of(request.request_id),
        subscriber_ref_of(request.subscriber_ref),
        Otp(request.code),
    )
