# SPDX-License-Identifier: Apache-2.0
"""ImportTokens over a real listener: a stream of batches, each answered when it is durable."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from structlog.testing import capture_logs

from development.certificates import CertificateAuthority, new_authority
from fakes.delivery_vault import FakeDeliveryVault, seed_of
from fakes.stock import FakeStock
from kagimori.adapters.spool import spool
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.application.deliveries.receive import ReceiveDelivery
from kagimori.application.deliveries.vendor_file import VendorToken
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import TenantPolicy
from kagimori.transport.server import AuthorityServer, UseCases, build_server
from support.processes.calls import PATIENCE, eventually
from support.served.transport import (
    BANK,
    Component,
    Failure,
    HsmOnTheDesk,
    Scripted,
    ScriptedEnrollment,
    ScriptedVerify,
    failure_of,
    on_loop,
    open_channel,
    settings_of,
)
from support.vendors.deliveries import KEY, VENDOR, seed_number, serial_number, spoiled, token

METHOD = "/kagimori.admin.v1.AdminService/ImportTokens"
TENANT = "20160003"
DIGEST = bytes(range(32))
IMPORTED, DUPLICATE, REFUSED = (
    admin_pb2.IMPORT_RESULT_IMPORTED,
    admin_pb2.IMPORT_RESULT_DUPLICATE,
    admin_pb2.IMPORT_RESULT_REFUSED,
)


@dataclass(frozen=True)
class Desk:
    """A server that takes deliveries in, and the stock behind it."""

    certificates: CertificateAuthority
    server: AuthorityServer
    stock: FakeStock

    def channel(self, tenant: str = "_authority", role: str = "hsm-admin") -> grpc.Channel:
        identity = self.certificates.client(tenant, role)
        target = f"localhost:{self.server.port}"
        return open_channel(target, self.certificates.ca_file, identity)

    @property
    def serials(self) -> list[str]:
        return sorted(serial for _, serial in self.stock.tokens)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    certificates = new_authority(tmp_path)
    stock = FakeStock()
    vault = FakeDeliveryVault({VENDOR: KEY}, opens_on_host=False)
    policies = {TENANT: TenantPolicy("abukuma", TENANT, ZoneInfo("Asia/Tokyo"))}
    receive = ReceiveDelivery(vault, stock, spool, policies)
    server = on_loop(_started(certificates, receive))
    try:
        yield Desk(certificates, server, stock)
    finally:
        on_loop(server.stop(grace=0.5))


async def _started(certificates: CertificateAuthority, receive: ReceiveDelivery) -> AuthorityServer:
    use_cases = UseCases(
        ScriptedVerify(), Scripted(), ScriptedEnrollment().use_cases(), HsmOnTheDesk(), receive
    )
    pings = {"hsm": Component().ping, "database": Component().ping}
    server = build_server(settings_of(certificates), use_cases, pings)
    await server.start()
    return server


def delivery(**changed: Any) -> admin_pb2.ImportTokensRequest:  # noqa: ANN401 - of Delivery
    fields = {"service_id": TENANT, "vendor": VENDOR, "digest": DIGEST, **changed}
    return admin_pb2.ImportTokensRequest(delivery=admin_pb2.Delivery(**fields))


def batch(tokens: Sequence[VendorToken], **changed: Any) -> admin_pb2.ImportTokensRequest:  # noqa: ANN401 - of DeliveredToken
    told = [
        admin_pb2.DeliveredToken(
            **{
                "serial": one.serial,
                "factor": admin_pb2.MOVING_FACTOR_TIME,
                "hash": admin_pb2.HASH_ALGORITHM_SHA1,
                "digits": one.profile.digits,
                "period": one.profile.period,
                "algorithm": one.seed.algorithm,
                "ciphertext": one.seed.ciphertext,
                **changed,
            }
        )
        for one in tokens
    ]
    return admin_pb2.ImportTokensRequest(batch=admin_pb2.TokenBatch(tokens=told))


def sent(channel: grpc.Channel, *requests: admin_pb2.ImportTokensRequest) -> list[list[Any]]:
    """Send a whole delivery; return the results, batch by batch."""
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answers = stub.ImportTokens(iter(requests), timeout=PATIENCE)
    return [list(answer.results) for answer in answers]


def failure(channel: grpc.Channel, *requests: admin_pb2.ImportTokensRequest) -> Failure:
    """Send what must fail."""
    return failure_of(lambda: sent(channel, *requests))


def test_a_delivery_comes_in_batch_by_batch(desk: Desk) -> None:
    fleet = [token(number) for number in range(300)]
    with desk.channel() as channel:
        answers = sent(
            channel, delivery(), *[batch(fleet[at : at + 128]) for at in range(0, 300, 128)]
        )
    assert [len(answer) for answer in answers] == [128, 128, 44]
    told = [result for answer in answers for result in answer]
    assert [result.serial for result in told] == [one.serial for one in fleet]
    assert {(result.result, result.custody) for result in told} == {(IMPORTED, "UNWRAPPED_IN_HSM")}
    assert desk.serials == [one.serial for one in fleet]
    kept = desk.stock.tokens[TENANT, serial_number(299)]
    assert (kept.state, seed_of(kept.identity.seed)) == (State.IN_STOCK, seed_number(299))
    [(name, noted)] = desk.stock.deliveries.items()
    assert (noted.digest, noted.vendor, noted.actor) == (DIGEST, VENDOR, "core-1")
    assert name in desk.stock.finished


def test_an_answer_comes_when_its_batch_is_durable_and_before_the_next(desk: Desk) -> None:
    with desk.channel() as channel, _conversation(channel) as (say, answers):
        say(delivery())
        say(batch([token(0)]))
        [result] = next(answers).results
        assert (result.serial, result.result) == (serial_number(0), IMPORTED)
        assert desk.serials == [serial_number(0)]
        assert desk.stock.finished == {}


def test_a_stream_that_broke_off_is_sent_anew_from_its_beginning(desk: Desk) -> None:
    with desk.channel() as channel:
        with _conversation(channel) as (say, answers):
            say(delivery())
            say(batch([token(0)]))
            next(answers)
        before = dict(desk.stock.tokens)
        [first, second] = sent(channel, delivery(), batch([token(0)]), batch([token(1)]))
    assert [result.result for result in (*first, *second)] == [IMPORTED, IMPORTED]
    assert first[0].detail == "by an earlier run"
    assert desk.stock.tokens[TENANT, serial_number(0)] == before[TENANT, serial_number(0)]
    assert desk.serials == [serial_number(0), serial_number(1)]


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    with desk.channel() as channel:
        [[good, bad]] = sent(channel, delivery(dry_run=True), batch([token(0), spoiled(1)]))
    assert (good.result, bad.result) == (IMPORTED, REFUSED)
    assert desk.stock == FakeStock()


def test_what_the_hsm_cannot_open_is_refused_token_by_token(desk: Desk) -> None:
    with desk.channel() as channel:
        [first, second, third, fourth] = sent(
            channel,
            delivery(),
            batch([token(0)]),
            batch([spoiled(1)]),
            batch([token(2)], algorithm="aes256-cbc"),
            batch([token(0), token(3, seed=token(0).seed)]),
        )
    assert [result.result for result in (*first, *second, *third)] == [IMPORTED, REFUSED, REFUSED]
    assert second[0].reason == "UNWRAP_FAILED"
    assert third[0].reason == "HOST_TRANSIENT_NOT_ALLOWED"
    # One for each token, though another one was condemned.
    assert [result.result for result in fourth] == [DUPLICATE, REFUSED]
    assert fourth[1].reason == "SEED_TWICE"
    assert desk.stock.tokens[TENANT, serial_number(0)].state is State.DEFECTIVE


@pytest.mark.parametrize(
    ("requests", "code", "field"),
    [
        ((), grpc.StatusCode.INVALID_ARGUMENT, "delivery"),
        ((batch([token(0)]),), grpc.StatusCode.INVALID_ARGUMENT, "delivery"),
        (
            (delivery(service_id="99999999"),),
            grpc.StatusCode.INVALID_ARGUMENT,
            "delivery.service_id",
        ),
        ((delivery(), delivery()), grpc.StatusCode.INVALID_ARGUMENT, "batch"),
        (
            (delivery(vendor="nobody"), batch([token(0)])),
            grpc.StatusCode.INVALID_ARGUMENT,
            "delivery",
        ),
        (
            (delivery(), batch([token(0), token(1)], period=121)),
            grpc.StatusCode.INVALID_ARGUMENT,
            "batch.tokens[0].period",
        ),
    ],
)
def test_what_cannot_be_right_is_named(
    desk: Desk,
    requests: Sequence[admin_pb2.ImportTokensRequest],
    code: grpc.StatusCode,
    field: str,
) -> None:
    with desk.channel() as channel:
        failed = failure(channel, *requests)
    assert (failed.code, failed.field) == (code, field)
    assert desk.serials == []


def test_what_was_answered_before_a_wrong_batch_stands(desk: Desk) -> None:
    with desk.channel() as channel, _conversation(channel) as (say, answers):
        say(delivery())
        say(batch([token(0)]))
        next(answers)
        say(batch([token(1), token(2)], digits=5))
        failed = failure_of(lambda: next(answers))
    assert failed.field == "batch.tokens[0].digits"
    assert desk.serials == [serial_number(0)]
    assert desk.stock.finished == {}


def test_octets_that_are_no_message_are_the_caller_s_fault(desk: Desk) -> None:
    with desk.channel() as channel:
        raw: Any = channel.stream_stream(METHOD)
        failed = failure_of(lambda: list(raw(iter([b"\xff\xff"]), timeout=PATIENCE)))
    assert failed.reason == "MALFORMED_MESSAGE"


@pytest.mark.parametrize(
    ("tenant", "role"),
    [(BANK, "operator"), ("_authority", "operator"), ("_authority", "auditor")],
)
def test_only_an_hsm_admin_of_the_authority_may(desk: Desk, tenant: str, role: str) -> None:
    with desk.channel(tenant, role) as channel:
        failed = failure(channel, delivery(), batch([token(0)]))
    assert failed.code is grpc.StatusCode.PERMISSION_DENIED
    assert desk.serials == []


def test_the_log_says_what_came_of_it_in_one_line(desk: Desk) -> None:
    with capture_logs() as logs, desk.channel() as channel:
        sent(channel, delivery(), batch([token(0), spoiled(1)]), batch([token(2)]))
        eventually(lambda: bool(logs))
    [line] = [line for line in logs if line.get("method") == METHOD]
    assert (line["status"], line["caller"], line["service_id"]) == ("OK", "core-1", TENANT)
    assert line["delivery"] == DIGEST.hex()
    assert line["results"] == {"IMPORTED": 2, "REFUSED": 1}


def test_a_stream_that_is_left_is_told_as_such(desk: Desk) -> None:
    with capture_logs() as logs, desk.channel() as channel:
        with _conversation(channel) as (say, answers):
            say(delivery())
            say(batch([token(0)]))
            next(answers)
        eventually(lambda: any(line.get("method") == METHOD for line in logs))
    [line] = [line for line in logs if line.get("method") == METHOD]
    assert (line["status"], line["results"]) == ("CANCELLED", {"IMPORTED": 1})
    assert desk.stock.finished == {}


@contextmanager
def _conversation(channel: grpc.Channel) -> Iterator[tuple[Any, Any]]:
    """Speak on a stream, message by message; leave it without an end."""
    said: queue.SimpleQueue[admin_pb2.ImportTokensRequest | None] = queue.SimpleQueue()
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answers = stub.ImportTokens(iter(said.get, None), timeout=PATIENCE)
    try:
        yield said.put, answers
    finally:
        answers.cancel()
        said.put(None)
