# SPDX-License-Identifier: Apache-2.0
"""What a customer can be about to do."""

from __future__ import annotations

from enum import Enum

from kagimori_client.api.types.v1 import types_pb2


class Operation(Enum):
    """What the customer is about to do at the bank (kagimori.types.v1.Operation)."""

    LOGIN = types_pb2.OPERATION_LOGIN
    """ログイン."""
    TRANSFER = types_pb2.OPERATION_TRANSFER
    """振込."""
    BILL_PAYMENT = types_pb2.OPERATION_BILL_PAYMENT
    """収納サービスへの支払."""
