# SPDX-License-Identifier: Apache-2.0
"""Over the apps' listener: a token before its customer, and what strangers make of it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from structlog.testing import capture_logs

from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.application.provisioning.provision_new import NewLimits
from kagimori.domain.tenant import Registration
from support.banks.provisioning import PLENTY, PLENTY_NEW, POLICY, Scene
from support.databases.enrolments import TENANT
from support.phones.app import App, public_key
from support.processes.calls import eventually
from support.served.provisioning_front import (
    PATIENCE,
    PROVISION_NEW,
    digest_of,
    listening,
    made_by,
    new_request_of,
    provision_by,
    stub_of,
)
from support.served.transport import failure_of
from support.tokens import OTHER_TENANT

Raw: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
KAKESHIN = OTHER_TENANT


def phone() -> App:
    return App(public_key(KAKESHIN))


def rows(scene: Scene, table: str) -> list[dict[str, Any]]:
    return list(scene.database.run(f"SELECT * FROM {table}"))  # noqa: S608 - our own


def broken(envelope: bytes) -> bytes:
    """Return it with one bit turned, still below the modulus."""
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


def test_an_app_gets_a_serial_number_before_any_bank_knows_its_customer(
    line: grpc.Channel, scene: Scene
) -> None:
    answer = made_by(line, phone())
    assert (answer.issuer, answer.transaction_signing) == ("かけしん", False)
    profile = answer.profile
    assert (profile.digits, profile.period, profile.t0) == (6, 30, 0)
    assert profile.hash_algorithm == provisioning_pb2.HASH_ALGORITHM_SHA1
    (token,) = rows(scene, "tokens")
    assert (token["serial"], token["subscriber"]) == (answer.serial, None)
    register_by = answer.register_by.ToDatetime(tzinfo=UTC)
    assert register_by == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=token["not_after"]
    )


def test_an_answer_that_got_lost_is_the_same_octets_again(line: grpc.Channel, scene: Scene) -> None:
    app = phone()
    first = made_by(line, app)
    assert made_by(line, app).SerializeToString(deterministic=True) == first.SerializeToString(
        deterministic=True
    )
    scene.database.run(
        "UPDATE tokens SET subscriber = 'customer-1', state = 'ACTIVE', not_after = NULL"
    )
    assert made_by(line, app) == first
    assert len(rows(scene, "tokens")) == 1


def test_the_same_envelopes_at_once_from_two_servers_are_one_token(
    tmp_path: Path, scene: Scene
) -> None:
    app = phone()
    with (
        listening(tmp_path / "one", scene) as one,
        listening(tmp_path / "two", scene) as two,
        one.channel() as first,
        two.channel() as second,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = [*pool.map(lambda n: made_by((first, second)[n % 2], app).serial, range(8))]
    assert len(set(answers)) == 1
    assert len(rows(scene, "tokens")) == 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("service_id", "", "INVALID_FIELD"),
        ("service_id", "99999999", "INVALID_FIELD"),
        ("service_id", "２０１６０００２", "INVALID_FIELD"),  # noqa: RUF001 - full-width on purpose
        ("key_pin", b"", "INVALID_FIELD"),
        ("key_pin", bytes(31), "INVALID_FIELD"),
        ("key_pin", bytes(32), "ENVELOPE_REFUSED"),
        ("login_envelope", b"", "INVALID_FIELD"),
        ("login_envelope", bytes(255), "INVALID_FIELD"),
        ("login_envelope", bytes(256), "ENVELOPE_REFUSED"),
        ("signing_envelope", bytes(300), "INVALID_FIELD"),
        ("signing_envelope", b"\xff" * 256, "ENVELOPE_REFUSED"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_made(
    line: grpc.Channel,
    scene: Scene,
    field: str,
    value: str | bytes,
    reason: str,
) -> None:
    with capture_logs() as logs:
        failure = failure_of(lambda: made_by(line, phone(), **{field: value}))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.field) == (reason, field)
    (entry,) = logs
    assert (entry["reason"], entry["field"]) == (reason, field)
    assert rows(scene, "tokens") == []


@pytest.mark.parametrize("field", ["login_envelope", "signing_envelope"])
def test_an_envelope_that_was_changed_or_cut_off_does_not_open(
    line: grpc.Channel, scene: Scene, field: str
) -> None:
    app = phone()
    for envelope in (broken(getattr(app, field)), getattr(app, field)[:-1]):
        failure = failure_of(lambda: made_by(line, app, **{field: envelope}))  # noqa: B023 - called here
        assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert rows(scene, "envelopes") == []
    assert made_by(line, app).serial


def test_a_login_envelope_is_no_signing_envelope_once_it_was_used(
    line: grpc.Channel, scene: Scene
) -> None:
    app, other = phone(), phone()
    made_by(line, app)
    failure = failure_of(lambda: made_by(line, other, signing_envelope=app.login_envelope))
    assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "signing_envelope")
    assert len(rows(scene, "tokens")) == 1


def test_an_issued_tokens_envelopes_are_used_and_a_new_tokens_are(
    line: grpc.Channel, scene: Scene
) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    app, other = App(), App()
    made_by(line, other)
    taken = failure_of(lambda: provision_by(line, other))
    assert taken.reason == "ENVELOPE_REFUSED"
    provision_by(line, app)
    failure = failure_of(lambda: made_by(line, app))
    assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "login_envelope")
    assert len(rows(scene, "tokens")) == 2


def test_another_banks_key_is_refused(line: grpc.Channel, scene: Scene) -> None:
    theirs = App(public_key(TENANT))
    failure = failure_of(lambda: made_by(line, theirs, service_id=KAKESHIN))
    assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "key_pin")
    pinned = failure_of(
        lambda: made_by(line, theirs, service_id=KAKESHIN, key_pin=public_key(KAKESHIN).pin)
    )
    assert pinned.reason == "ENVELOPE_REFUSED"
    assert rows(scene, "tokens") == []


def test_a_bank_that_issues_by_letter_does_not_offer_it(line: grpc.Channel, scene: Scene) -> None:
    failure = failure_of(lambda: made_by(line, App()))
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "NOT_OFFERED",
    )
    assert rows(scene, "tries") == []


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_a_body_that_is_no_message(line: grpc.Channel, scene: Scene, body: bytes) -> None:
    raw: Raw = line.unary_unary(PROVISION_NEW)
    failure = failure_of(lambda: raw(body, timeout=PATIENCE))
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_MESSAGE",
    )
    assert rows(scene, "tokens") == []


def test_over_the_limit_the_time_to_wait_is_told(tmp_path: Path, scene: Scene) -> None:
    limits = replace(PLENTY_NEW, per_peer=1)
    with listening(tmp_path / "front", scene, PLENTY, limits) as front, front.channel() as line:
        made_by(line, phone())
        with pytest.raises(grpc.RpcError) as caught:
            made_by(line, phone())
        status = rpc_status.from_call(caught.value)  # type: ignore[arg-type] # a blocking call raises itself
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert sum(detail.Unpack(info) or detail.Unpack(retry) for detail in status.details) == 2
    assert info.reason == "TOO_MANY_TRIES"
    assert retry.retry_delay.seconds > 0


def test_a_flood_over_two_servers_makes_as_many_as_allowed_and_costs_no_more(
    tmp_path: Path, scene: Scene
) -> None:
    limits = NewLimits(per_peer=7, per_service=1000)
    apps = [phone() for _ in range(40)]
    with (
        listening(tmp_path / "one", scene, PLENTY, limits) as one,
        listening(tmp_path / "two", scene, PLENTY, limits) as two,
        one.channel() as first,
        two.channel() as second,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask(number: int) -> str:
            line = (first, second)[number % 2]
            try:
                made_by(line, apps[number])
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code.name
            return "made"

        answers = [*pool.map(ask, range(40))]
    assert (answers.count("made"), answers.count("RESOURCE_EXHAUSTED")) == (7, 33)
    assert (scene.hsm.sealings, len(rows(scene, "tokens"))) == (7, 7)


def test_a_bank_with_no_room_says_so_and_others_have_theirs(tmp_path: Path, scene: Scene) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    limits = replace(PLENTY_NEW, unclaimed=2)
    with listening(tmp_path / "front", scene, PLENTY, limits) as front, front.channel() as line:
        for _ in range(2):
            made_by(line, phone())
        full = failure_of(lambda: made_by(line, phone()))
        assert (full.code, full.reason) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "TOO_MANY_TRIES",
        )
        made_by(line, App())
        provision_by(line, App())
    assert len(rows(scene, "tokens")) == 4


def test_the_log_has_the_bank_the_peers_digest_and_the_serial_and_no_secret(
    line: grpc.Channel,
) -> None:
    app = phone()
    with capture_logs() as logs:
        answer = made_by(line, app)
        failure_of(lambda: made_by(line, app, signing_envelope=phone().signing_envelope))
    done, refused = logs
    assert done.pop("milliseconds") >= 0
    peer = digest_of(bytes([127, 0, 0, 1])).hex()[:16]
    assert done == {
        "event": "rpc",
        "log_level": "info",
        "method": PROVISION_NEW,
        "peer": peer,
        "tenant": KAKESHIN,
        "serial": answer.serial,
        "status": "OK",
    }
    assert (refused["reason"], refused["field"]) == ("ENVELOPE_REFUSED", "login_envelope")
    told = json.dumps(logs, default=str)
    secrets = ("127.0.0.1", app.login_envelope.hex(), app.login_seed.hex())
    assert not [secret for secret in secrets if secret in told]


def test_an_address_is_in_no_table(line: grpc.Channel, scene: Scene) -> None:
    made_by(line, phone())
    buckets = {row["bucket"] for row in rows(scene, "tries")}
    peer = digest_of(bytes([127, 0, 0, 1])).hex()
    assert buckets == {f"new:peer:{peer}", f"new:service:{KAKESHIN}"}


def test_a_caller_who_gives_up_finds_the_token_made(line: grpc.Channel, scene: Scene) -> None:
    app = phone()
    call = stub_of(line).ProvisionNewToken.future(new_request_of(app), timeout=PATIENCE)
    eventually(lambda: rows(scene, "tries") != [] or call.done())
    call.cancel()
    eventually(lambda: len(rows(scene, "tokens")) == 1)
    (token,) = rows(scene, "tokens")
    assert made_by(line, app).serial == token["serial"]
