# SPDX-License-Identifier: Apache-2.0
"""Customers of two banks at every stage of a token by serial number, for what leaves no trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from development.vendor import Device
from kagimori.api.enrollment.v1 import enrollment_pb2, grid_card_pb2, registration_pb2
from kagimori.api.enrollment.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from kagimori.api.enrollment.v1.login_otp_pb2 import LOGIN_OTP_REQUIRED
from kagimori_client import GridChallenge, TokenRegistrar
from support.served.serial_bank import Card, SerialBank
from support.served.transport import PATIENCE, Failure, failure_of
from support.tokens import OTHER_TENANT, TENANT

BEGUN, OVER, IN_USE, NOBODY = "hanako", "saburo", "taro", "jiro"
"""Customers: his exchange is begun, took too long, was not begun; he has no token."""
WITH_CARD, NEIGHBOUR, WITHOUT = "kiku", "ume", "yuri"
"""Customers of the bank with cards; the third has none."""
OLD, TOO_LATE, USED, NEW, CARDS_NEW = (f"SKTS{number:08d}" for number in range(5))

CODE: Final = "755224"

REQUESTS: Final[dict[str, Message]] = {
    "RegisterToken": registration_pb2.RegisterTokenRequest(
        subscriber_ref=NOBODY, serial=NEW, code=CODE, login_otp=LOGIN_OTP_REQUIRED
    ),
    "SetLoginOtp": enrollment_pb2.SetLoginOtpRequest(
        subscriber_ref=NOBODY, login_otp=LOGIN_OTP_REQUIRED
    ),
    "TerminateToken": registration_pb2.TerminateTokenRequest(subscriber_ref=NOBODY, code=CODE),
    "BeginReplacement": registration_pb2.BeginReplacementRequest(subscriber_ref=NOBODY, code=CODE),
    "CompleteReplacement": registration_pb2.CompleteReplacementRequest(
        subscriber_ref=BEGUN, serial=NEW, code=CODE
    ),
    "VerifyGridAnswer": grid_card_pb2.VerifyGridAnswerRequest(subscriber_ref=WITH_CARD),
}


@dataclass
class Scene:
    """Two banks' pages, and who is at them."""

    bank: SerialBank
    pages: dict[str, grpc.Channel]
    devices: dict[str, Device] = field(default_factory=dict)
    challenges: dict[str, GridChallenge] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)

    def ask(self, rpc: str, tenant: str = TENANT, **changed: Any) -> Any:  # noqa: ANN401 - any answer
        stub = EnrollmentServiceStub(self.pages[tenant])  # type: ignore[no-untyped-call] # generated
        request = REQUESTS[rpc]
        fields = {field.name: value for field, value in request.ListFields()} | changed
        if "request_id" in request.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", str(uuid4()))
        return getattr(stub, rpc)(type(request)(**fields), timeout=PATIENCE)

    def all_there_is(self) -> dict[str, list[str]]:
        """Return every row of every table, by its table; tries that were given back are none."""
        run = self.bank.database.run
        names = [row["name"] for row in run("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: run(f"SELECT * FROM {name}") for name in names}  # noqa: S608 - our own
        rows["registrations"] = [
            {name: row[name] for name in ("tenant", "subscriber", "login_otp", "day_tries")}
            for row in rows["registrations"]
            if row["login_otp"] or row["day_tries"]
        ]
        return {name: sorted(str(dict(row)) for row in found) for name, found in rows.items()}

    def refusal(self, rpc: str, tenant: str = TENANT, **changed: Any) -> Failure:  # noqa: ANN401 - any field
        """Return how it is refused; see that nothing has changed, and nothing is quoted."""
        before = self.all_there_is()
        failure = failure_of(lambda: self.ask(rpc, tenant, **changed))
        assert self.all_there_is() == before
        typed = [word for word in changed.values() if isinstance(word, str) and len(word) > 3]
        assert not any(word in repr(failure) for word in typed)
        return failure


def set_up(scene: Scene) -> None:
    bank, page = scene.bank, scene.bank.connect(TokenRegistrar, "registrar")
    for serial, customer in ((OLD, BEGUN), (TOO_LATE, OVER), (USED, IN_USE)):
        scene.devices[serial] = bank.registered(page, serial, customer)
    for serial, customer in ((TOO_LATE, OVER), (OLD, BEGUN)):
        page.begin_replacement(customer, bank.shown(scene.devices[serial], 1))
        if customer == OVER:
            # Ten minutes have passed since.
            bank.database.run("UPDATE replacements SET complete_by = begun_at")
    scene.devices[NEW] = bank.deliver(NEW)
    scene.devices[CARDS_NEW] = bank.deliver(CARDS_NEW, tenant=OTHER_TENANT)
    with_cards = bank.connect(TokenRegistrar, "registrar", OTHER_TENANT)
    for customer in (WITH_CARD, NEIGHBOUR):
        scene.cards[customer] = bank.print_card(customer)
        scene.challenges[customer] = with_cards.create_grid_challenge(customer)


def changed_tables(before: dict[str, list[str]], after: dict[str, list[str]]) -> set[str]:
    return {name for name in after if after[name] != before[name]}
