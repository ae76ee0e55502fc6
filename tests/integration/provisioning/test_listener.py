# SPDX-License-Identifier: Apache-2.0
"""The token apps' listener: TLS 1.3, no client certificate, one answer, no secret told."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from structlog.testing import capture_logs

from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.application.provisioning.provision import Limits
from kagimori.domain.tenant import SoftwareTokens
from kagimori.transport.listener import LARGEST_MESSAGE, UnfitListener, credentials_for_strangers
from support.banks.provisioning import Scene
from support.databases.enrolments import NOBODY, TENANT, USER, enrolment, outcomes
from support.phones.app import PASSWORD, App, key_ring, public_key
from support.processes.calls import VERIFY, check, eventually, health_of
from support.served.provisioning_front import (
    PATIENCE,
    PROVISION,
    SERVICE,
    Front,
    digest_of,
    listening,
    provision_by,
    request_of,
    stub_of,
)
from support.served.transport import Failure, failure_of
from support.tokens import OTHER_TENANT

Raw: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
WRONG = "24680135"


def test_an_app_without_a_certificate_is_set_up(line: grpc.Channel, scene: Scene) -> None:
    answer = provision_by(line, App())
    assert answer.issuer == "熊本県信用組合"
    assert answer.transaction_signing
    profile = answer.profile
    assert (profile.digits, profile.period, profile.t0) == (8, 60, 0)
    assert profile.hash_algorithm == provisioning_pb2.HASH_ALGORITHM_SHA1
    (token,) = scene.database.run("SELECT * FROM tokens")
    assert token["serial"] == answer.serial


def test_the_keys_can_be_asked_for(line: grpc.Channel) -> None:
    request = provisioning_pb2.GetProvisioningKeysRequest(service_id=TENANT)
    (key,) = stub_of(line).GetProvisioningKeys(request, timeout=PATIENCE).keys
    assert key.public_key == public_key(TENANT).public_key
    assert key.oaep_hash == provisioning_pb2.HASH_ALGORITHM_SHA1


def test_the_newest_key_is_the_first(tmp_path: Path, scene: Scene) -> None:
    scene.keys = key_ring(TENANT, versions=(1, 2))
    request = provisioning_pb2.GetProvisioningKeysRequest(service_id=TENANT)
    with listening(tmp_path / "front", scene) as front, front.channel() as line:
        first, second = stub_of(line).GetProvisioningKeys(request, timeout=PATIENCE).keys
        assert first.public_key == public_key(TENANT, 2).public_key
        assert second.public_key == public_key(TENANT, 1).public_key


@pytest.mark.parametrize("service_id", ["", "1", "99999999"])
def test_no_other_bank_has_keys(line: grpc.Channel, service_id: str) -> None:
    request = provisioning_pb2.GetProvisioningKeysRequest(service_id=service_id)
    failure = failure_of(lambda: stub_of(line).GetProvisioningKeys(request, timeout=PATIENCE))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "service_id")


def test_the_clock_is_the_servers(line: grpc.Channel) -> None:
    before = time.time()
    told = stub_of(line).GetTime(provisioning_pb2.GetTimeRequest(), timeout=PATIENCE).time
    assert before <= told.seconds + told.nanos / 1e9 <= time.time()


@pytest.mark.parametrize("offered", [False, True])
def test_an_app_hears_with_the_time_whether_its_bank_offers_signing(
    tmp_path: Path,
    scene: Scene,
    offered: bool,  # noqa: FBT001 - a parameter
) -> None:
    scene.policies[TENANT] = replace(
        scene.policies[TENANT], tokens=SoftwareTokens(transaction_signing=offered)
    )
    with listening(tmp_path / "front", scene) as front, front.channel() as line:
        told = stub_of(line).GetTime(
            provisioning_pb2.GetTimeRequest(service_id=TENANT), timeout=PATIENCE
        )
        assert told.HasField("transaction_signing")
        assert told.transaction_signing is offered


@pytest.mark.parametrize("service_id", ["", "1", "99999999"])
def test_of_no_bank_that_is_known_an_app_hears_the_time_alone(
    line: grpc.Channel, service_id: str
) -> None:
    request = provisioning_pb2.GetTimeRequest(service_id=service_id)
    told = stub_of(line).GetTime(request, timeout=PATIENCE)
    assert told.HasField("time")
    assert not told.HasField("transaction_signing")


@pytest.mark.parametrize(("version", "accepted"), [("-tls1_2", False), ("-tls1_3", True)])
def test_tls_1_3_only_and_no_certificate_is_asked_for(
    front: Front,
    version: str,
    accepted: bool,  # noqa: FBT001 - a parameter
) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{front.server.port}", version]
    done = subprocess.run(
        [*command, "-msg", "-alpn", "h2", "-CAfile", str(front.authority.ca_file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode == 0) is accepted
    assert (b"Finished" in done.stdout) is accepted
    assert b"ClientHello" in done.stdout
    assert b"CertificateRequest" not in done.stdout


def test_a_key_of_another_kind_is_refused(front: Front) -> None:
    certificate = front.authority.server("another").certificate.read_bytes()
    with pytest.raises(UnfitListener, match="not of its private key"):
        credentials_for_strangers(certificate, front.authority.server().private_key.read_bytes())


@pytest.mark.parametrize(
    "method",
    [
        VERIFY,
        "/kagimori.admin.v1.AdminService/GetHsmStatus",
        "/kagimori.enrollment.v1.EnrollmentService/IssueSoftwareToken",
        "/grpc.health.v1.Health/List",
        f"/{SERVICE}/ProvisionAnyToken",
    ],
)
def test_nothing_else_is_served(line: grpc.Channel, method: str) -> None:
    raw: Raw = line.unary_unary(method)
    failure = failure_of(lambda: raw(b"", timeout=PATIENCE))
    assert failure.code is grpc.StatusCode.UNIMPLEMENTED


def test_nobody_reflects_and_nobody_watches(line: grpc.Channel) -> None:
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(line)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    for stream in (
        reflection.ServerReflectionInfo(requests, timeout=PATIENCE),
        health_of(line).Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE),
    ):
        assert failure_of(lambda: next(stream)).code is grpc.StatusCode.UNIMPLEMENTED  # noqa: B023 - called here


@pytest.mark.parametrize("service", ["", SERVICE])
@pytest.mark.parametrize("component", ["hsm", "database"])
def test_health_needs_hsm_and_database(
    front: Front, line: grpc.Channel, service: str, component: str
) -> None:
    assert check(line, service).status == health_pb2.HealthCheckResponse.SERVING
    front.components[component].failure = OSError()
    eventually(lambda: check(line, service).status == health_pb2.HealthCheckResponse.NOT_SERVING)


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05ab", b"\x1a\x02\xff\xfe", b"13579"])
def test_a_body_that_is_no_message(line: grpc.Channel, scene: Scene, body: bytes) -> None:
    raw: Raw = line.unary_unary(PROVISION)
    with capture_logs() as logs:
        failure = failure_of(lambda: raw(body, timeout=PATIENCE))
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_MESSAGE",
    )
    assert [entry["reason"] for entry in logs] == ["MALFORMED_MESSAGE"]
    assert scene.hsm.passwords == 0


def test_a_message_over_the_limit_is_refused(line: grpc.Channel) -> None:
    failure = failure_of(lambda: provision_by(line, App(), login_envelope=bytes(LARGEST_MESSAGE)))
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("service_id", "", "INVALID_FIELD"),
        ("service_id", "99999999", "INVALID_FIELD"),
        ("user_id", "4711", "INVALID_FIELD"),
        ("user_id", "9998000000\x0001", "INVALID_FIELD"),
        ("activation_password", "", "INVALID_FIELD"),
        ("activation_password", "123", "INVALID_FIELD"),
        ("activation_password", "123456789", "INVALID_FIELD"),
        ("activation_password", "１３５７９", "INVALID_FIELD"),  # noqa: RUF001 - full-width on purpose
        ("activation_password", "13579 ", "INVALID_FIELD"),
        ("key_pin", b"", "INVALID_FIELD"),
        ("key_pin", bytes(32), "ENVELOPE_REFUSED"),
        ("login_envelope", b"", "INVALID_FIELD"),
        ("login_envelope", bytes(256), "ENVELOPE_REFUSED"),
        ("signing_envelope", bytes(300), "INVALID_FIELD"),
    ],
)
def test_a_bad_field_is_named_and_never_quoted(
    line: grpc.Channel,
    scene: Scene,
    field: str,
    value: str | bytes,
    reason: str,
) -> None:
    with capture_logs() as logs:
        failure = failure_of(lambda: provision_by(line, App(), **{field: value}))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.field) == (reason, field)
    (entry,) = logs
    assert (entry["reason"], entry["field"]) == (reason, field)
    told = json.dumps([entry, failure.details], default=str, ensure_ascii=False)
    assert PASSWORD not in told
    assert not (isinstance(value, str) and value and value.strip("\x00 ") in told)
    assert enrolment(scene.database)["tries"] == 0
    assert scene.database.run("SELECT * FROM tokens") == []


def test_unknown_wrong_and_void_are_the_same_octets(line: grpc.Channel, scene: Scene) -> None:
    def refused(**changed: str) -> Failure:
        return failure_of(lambda: provision_by(line, App(), **changed))

    wrong = refused(activation_password=WRONG)
    assert (wrong.code, wrong.reason) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "ACTIVATION_REFUSED",
    )
    assert refused(user_id=NOBODY) == wrong
    for _ in range(4):
        assert refused(activation_password=WRONG) == wrong
    assert enrolment(scene.database)["state"] == "VOID"
    assert refused() == wrong


def test_over_the_limit_the_time_to_wait_is_told(tmp_path: Path, scene: Scene) -> None:
    limits = Limits(per_peer=1, per_service=100)
    with listening(tmp_path / "front", scene, limits) as front, front.channel() as line:
        failure_of(lambda: provision_by(line, App(), activation_password=WRONG))
        with pytest.raises(grpc.RpcError) as caught:
            provision_by(line, App())
        status = rpc_status.from_call(caught.value)  # type: ignore[arg-type] # a blocking call raises itself
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert sum(detail.Unpack(info) or detail.Unpack(retry) for detail in status.details) == 2
    assert info.reason == "TOO_MANY_TRIES"
    assert retry.retry_delay.seconds > 0


def test_two_servers_count_together(tmp_path: Path, scene: Scene) -> None:
    limits = Limits(per_peer=2, per_service=100)
    with (
        listening(tmp_path / "one", scene, limits) as one,
        listening(tmp_path / "two", scene, limits) as two,
        one.channel() as first,
        two.channel() as second,
    ):
        reasons = [
            failure_of(lambda: provision_by(line, App(), activation_password=WRONG)).reason  # noqa: B023 - called here
            for line in (first, second, first, second)
        ]
    assert reasons == ["ACTIVATION_REFUSED"] * 2 + ["TOO_MANY_TRIES"] * 2


def test_the_log_has_the_bank_and_the_serial_and_no_secret(
    line: grpc.Channel, scene: Scene
) -> None:
    app = App()
    with capture_logs() as logs:
        failure_of(lambda: provision_by(line, app, activation_password=WRONG))
        answer = provision_by(line, app)
    refused, done = logs
    assert done.pop("milliseconds") >= 0
    peer = done.pop("peer")
    assert done == {
        "event": "rpc",
        "log_level": "info",
        "method": PROVISION,
        "tenant": TENANT,
        "serial": answer.serial,
        "status": "OK",
    }
    assert refused["peer"] == peer
    assert (refused["status"], refused["reason"]) == ("UNAUTHENTICATED", "ACTIVATION_REFUSED")
    told = json.dumps(logs, default=str)
    secrets = (PASSWORD, WRONG, USER, "127.0.0.1", "customer-4711", app.login_envelope.hex())
    assert not [secret for secret in secrets if secret in told]
    assert outcomes(scene.database) == ["REFUSED", "PROVISIONED"]


def test_an_address_is_in_no_table(line: grpc.Channel, scene: Scene) -> None:
    failure_of(lambda: provision_by(line, App(), activation_password=WRONG))
    buckets = [row["bucket"] for row in scene.database.run("SELECT * FROM tries")]
    assert set(buckets) == {
        f"peer:{digest_of(bytes([127, 0, 0, 1])).hex()}",
        f"service:{TENANT}",
    }


def test_a_caller_who_gives_up_is_judged_all_the_same(line: grpc.Channel, scene: Scene) -> None:
    request = request_of(App(), activation_password=WRONG)
    call = stub_of(line).ProvisionIssuedToken.future(request, timeout=PATIENCE)
    eventually(lambda: enrolment(scene.database)["tries"] == 1 or call.done())
    call.cancel()
    eventually(lambda: outcomes(scene.database) == ["REFUSED"])


def test_another_banks_envelopes_are_refused(line: grpc.Channel, scene: Scene) -> None:
    theirs = App(public_key(OTHER_TENANT))
    failure = failure_of(lambda: provision_by(line, theirs))
    assert (failure.reason, failure.field) == ("ENVELOPE_REFUSED", "key_pin")
    pinned = failure_of(lambda: provision_by(line, theirs, key_pin=public_key().pin))
    assert pinned.reason == "ENVELOPE_REFUSED"
    assert enrolment(scene.database)["state"] == "ISSUED"
