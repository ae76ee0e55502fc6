# SPDX-License-Identifier: Apache-2.0
"""A hardware token is a value with every word of the wire."""

from __future__ import annotations

import pytest

from kagimori_client import HardwareToken, TokenCondition, TokenKind, TokenState
from kagimori_client.api.enrollment.v1 import enrollment_pb2 as pb
from kagimori_client.hardware import hardware_token_of

SERIAL = "2V0716016FK2"
# 返却 and 利用中 as the banks' guides have them; what they do not show, in their manner.
SHOWN = {
    TokenState.IN_STOCK: "在庫",
    TokenState.ASSIGNED: "交付済",
    TokenState.ACTIVE: "利用中",
    TokenState.LOCKED: "利用停止中",
    TokenState.RETURNED: "返却済",
    TokenState.DEFECTIVE: "故障",
    TokenState.EXPIRED: "有効期限切れ",
    TokenState.RETIRED: "廃止",
}


def of(**fields: object) -> HardwareToken:
    message = pb.Token(**{"serial": SERIAL, "state": 1, "kind": 1, **fields})  # type: ignore[arg-type] # whatever the wire holds
    return hardware_token_of(message, SERIAL, frozenset(TokenState))


@pytest.mark.parametrize("state", TokenState)
def test_every_state_is_shown_in_japanese(state: TokenState) -> None:
    assert state.in_japanese() == SHOWN[state]


def test_every_state_of_the_wire_is_known_by_its_name() -> None:
    wire = dict(pb.TokenState.items())
    assert wire.pop("TOKEN_STATE_UNSPECIFIED") == 0
    assert {f"TOKEN_STATE_{of(state=word).state}": word for word in wire.values()} == wire
    assert len(wire) == len(TokenState)


def test_every_kind_of_the_wire_is_known_by_its_name() -> None:
    wire = dict(pb.TokenKind.items())
    assert wire.pop("TOKEN_KIND_UNSPECIFIED") == 0
    assert {f"TOKEN_KIND_{of(kind=word).kind}": word for word in wire.values()} == wire
    assert len(wire) == len(TokenKind)


def test_every_condition_is_one_of_the_wire() -> None:
    wire = set(pb.TokenCondition.keys()) - {"TOKEN_CONDITION_UNSPECIFIED"}
    assert {f"TOKEN_CONDITION_{condition}" for condition in TokenCondition} == wire
