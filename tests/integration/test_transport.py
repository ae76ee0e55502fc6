# SPDX-License-Identifier: Apache-2.0
"""The listener as a caller meets it: who is let in, what is refused, and how."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from development.certificates import A_DAY, AUTHORITY_TENANT, Identity, new_authority
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori.api.types.v1 import types_pb2
from kagimori.api.verification.v1 import verification_pb2, verification_pb2_grpc
from kagimori.domain import errors
from kagimori.domain.outcome import Verdict
from kagimori.transport import health
from kagimori.transport.listener import LARGEST_MESSAGE, UnfitListener
from kagimori.transport.server import build_server
from support.transport import (
    ACCEPTED,
    BANK,
    Failure,
    HsmOnTheDesk,
    ScriptedVerify,
    Served,
    failure_of,
    serving,
    settings_of,
)

VERIFY = "/kagimori.verification.v1.VerificationService/VerifyOtp"
REQUEST_ID = "0192b3c4-5d6e-7f80-9123-456789abcdef"
Rpc = Callable[[grpc.Channel], object]
Who = Callable[[Served], Identity | None]
Raw: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
PATIENCE = 30.0
"""Seconds after which a test stops waiting for what must happen."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("listener")) as served:
        yield served


@pytest.fixture
def verify(served: Served) -> ScriptedVerify:
    served.verify.asked.clear()
    served.verify.answers.clear()
    return served.verify


@pytest.fixture(scope="module")
def line(served: Served) -> Iterator[grpc.Channel]:
    with served.channel(served.bank()) as channel:
        yield channel


def request(**changed: object) -> verification_pb2.VerifyOtpRequest:
    fields: dict[str, Any] = {
        "request_id": REQUEST_ID,
        "subscriber_ref": "customer-4711",
        "operation": types_pb2.OPERATION_LOGIN,
        "code": "755224",
        **changed,
    }
    if "serial" in changed:
        del fields["subscriber_ref"]
    return verification_pb2.VerifyOtpRequest(**fields)


def verify_otp(channel: grpc.Channel, **changed: object) -> verification_pb2.VerifyOtpResponse:
    stub = verification_pb2_grpc.VerificationServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answer: verification_pb2.VerifyOtpResponse = stub.VerifyOtp(
        request(**changed), timeout=PATIENCE
    )
    return answer


def hsm_status(channel: grpc.Channel) -> admin_pb2.GetHsmStatusResponse:
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answer: admin_pb2.GetHsmStatusResponse = stub.GetHsmStatus(
        admin_pb2.GetHsmStatusRequest(), timeout=PATIENCE
    )
    return answer


def check(channel: grpc.Channel, service: str = "") -> health_pb2.HealthCheckResponse:
    answer: health_pb2.HealthCheckResponse = health_of(channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE
    )
    return answer


def health_of(channel: grpc.Channel) -> Any:  # noqa: ANN401 - its stubs know no methods
    return health_pb2_grpc.HealthStub(channel)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


# --- who is let in ------------------------------------------------------------


def no_certificate(_: Served) -> Identity | None:
    return None


def other_ca(served: Served) -> Identity:
    return new_authority(served.authority.directory / "other").client(BANK, "channel")


def expired(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/channel/id/old", valid_for=timedelta(hours=-1))


def other_trust_domain(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/channel/id/x", domain="elsewhere.example")


def tenant_not_served(served: Served) -> Identity:
    return client_named(served, "tenant/99999999/role/channel/id/x")


def bank_as_hsm_admin(served: Served) -> Identity:
    return client_named(served, f"tenant/{BANK}/role/hsm-admin/id/x")


def no_spiffe_id(served: Served) -> Identity:
    return served.authority.issue(
        "plain", [x509.DNSName("bank.example")], ExtendedKeyUsageOID.CLIENT_AUTH
    )


def two_spiffe_ids(served: Served) -> Identity:
    names = [
        x509.UniformResourceIdentifier(
            f"spiffe://{served.authority.trust_domain}/tenant/{tenant}/role/channel/id/x"
        )
        for tenant in (BANK, "20160003")
    ]
    return served.authority.issue("double", names, ExtendedKeyUsageOID.CLIENT_AUTH)


def client_named(
    served: Served, path: str, domain: str = "", valid_for: timedelta = A_DAY
) -> Identity:
    uri = f"spiffe://{domain or served.authority.trust_domain}/{path}"
    name = path.replace("/", "-")
    return served.authority.issue(
        name,
        [x509.UniformResourceIdentifier(uri)],
        ExtendedKeyUsageOID.CLIENT_AUTH,
        valid_for=valid_for,
    )


EVERY_RPC = [verify_otp, hsm_status, check]
STRANGERS = [no_certificate, other_ca, expired]
NOBODIES = [
    other_trust_domain,
    tenant_not_served,
    bank_as_hsm_admin,
    no_spiffe_id,
    two_spiffe_ids,
]


@pytest.mark.parametrize("call", EVERY_RPC)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_tls_keeps_strangers_out(
    served: Served, verify: ScriptedVerify, stranger: Who, call: Rpc
) -> None:
    with served.channel(stranger(served)) as channel:
        failure = failure_of(lambda: call(channel))
    assert failure.code is grpc.StatusCode.UNAVAILABLE
    assert failure.reason is None, "an RPC was answered"
    assert not verify.asked


@pytest.mark.parametrize("call", EVERY_RPC)
def test_nobodies_get_one_and_the_same_answer(
    served: Served, verify: ScriptedVerify, call: Rpc
) -> None:
    answers = {failed(served, nobody(served), call).raw for nobody in NOBODIES}
    assert len(answers) == 1
    ((code, _, _),) = answers
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert not verify.asked


@pytest.mark.parametrize(
    ("tenant", "role", "call"),
    [
        (BANK, "registrar", verify_otp),
        (BANK, "channel", hsm_status),
        (BANK, "registrar", hsm_status),
        (AUTHORITY_TENANT, "hsm-admin", verify_otp),
        (AUTHORITY_TENANT, "operator", verify_otp),
        (AUTHORITY_TENANT, "auditor", verify_otp),
    ],
)
def test_a_role_without_the_right_is_refused(
    served: Served, verify: ScriptedVerify, tenant: str, role: str, call: Rpc
) -> None:
    failure = failed(served, served.authority.client(tenant, role), call)
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.reason == "ROLE_NOT_ALLOWED"
    assert not verify.asked


@pytest.mark.parametrize("role", ["hsm-admin", "operator", "auditor"])
def test_staff_see_the_hsm(served: Served, role: str) -> None:
    with served.channel(served.authority.client(AUTHORITY_TENANT, role)) as channel:
        status = hsm_status(channel)
    assert (status.partition, status.answering) == ("kagimori-serving", True)
    assert [keys.wrapping_key_version for keys in status.tenants] == [2]
    assert (status.cache.hits, status.cache.misses, status.cache.entries) == (8, 3, 2)


def test_the_tenant_is_the_certificates(line: grpc.Channel, verify: ScriptedVerify) -> None:
    answer = verify_otp(line)
    assert answer.outcome == types_pb2.OUTCOME_ACCEPTED
    assert answer.receipt.number == "1234567"
    (asked,) = verify.asked
    assert (asked["caller"].tenant, asked["caller"].name) == (BANK, "core-1")
    assert 0 < asked["seconds_left"] <= PATIENCE


def failed(served: Served, identity: Identity, call: Rpc) -> Failure:
    with served.channel(identity) as channel:
        return failure_of(lambda: call(channel))


# --- the wire -------------------------------------------------------------------


@pytest.mark.parametrize(("version", "accepted"), [("-tls1_2", False), ("-tls1_3", True)])
def test_tls_1_3_only(served: Served, version: str, accepted: bool) -> None:  # noqa: FBT001
    client = served.bank()
    options = ["-brief", "-alpn", "h2", "-CAfile", str(served.authority.ca_file)]
    options += ["-cert", str(client.certificate), "-key", str(client.private_key)]
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{served.server.port}", version, *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode == 0) is accepted
    assert (b"Protocol version: TLSv1.3" in done.stderr) is accepted


def test_a_silent_connection_is_closed(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.server.port), PATIENCE) as silent:
        while silent.recv(1024):
            pass


def test_a_message_over_the_limit_is_refused(line: grpc.Channel, verify: ScriptedVerify) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref="x" * LARGEST_MESSAGE))
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not verify.asked


def test_a_large_message_within_the_limit_is_read(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref="x" * (LARGEST_MESSAGE - 200)))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subscriber_ref")
    assert not verify.asked


@pytest.mark.parametrize("body", [b"\xff" * 20, b"\x0a\x05ab", b"\x2a\x02\xff\xfe", b"755224"])
def test_a_body_that_is_no_message(line: grpc.Channel, verify: ScriptedVerify, body: bytes) -> None:
    raw: Raw = line.unary_unary(VERIFY)
    with capture_logs() as logs:
        failure = failure_of(lambda: raw(body, timeout=PATIENCE))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "MALFORMED_MESSAGE"
    assert [entry["reason"] for entry in logs] == ["MALFORMED_MESSAGE"]
    assert not verify.asked


def test_an_rpc_that_nobody_serves(line: grpc.Channel) -> None:
    raw: Raw = line.unary_unary("/kagimori.verification.v1.VerificationService/Guess")
    assert failure_of(lambda: raw(b"", timeout=PATIENCE)).code is grpc.StatusCode.UNIMPLEMENTED


# --- bad fields --------------------------------------------------------------------

BAD_FIELDS = [
    ("request_id", ""),
    ("request_id", "0192B3C4-5D6E-7F80-9123-456789ABCDEF"),
    ("request_id", "9" * 5000),
    ("subscriber_ref", ""),
    ("subscriber_ref", "S" * 65),
    ("subscriber_ref", "sub\x00scriber"),
    ("serial", ""),
    ("serial", "Z" * 33),
    ("serial", "zz-serial"),
    ("operation", 0),
    ("operation", 77),
    ("code", ""),
    ("code", "13579"),
    ("code", "135791357"),
    ("code", " 135790"),
    ("code", "135 790"),
    ("code", "１３５７９０"),  # noqa: RUF001 - full-width on purpose
    ("code", "+135790"),
    ("code", "-135790"),
    ("code", "135790\x00"),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_bad_field_is_named_and_never_quoted(
    line: grpc.Channel, verify: ScriptedVerify, field: str, value: str | int
) -> None:
    with capture_logs() as logs:
        failure = failure_of(lambda: verify_otp(line, **{field: value}))
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failure.reason == "INVALID_FIELD"
    assert failure.field == field
    assert not verify.asked
    assert logs, "nothing was logged"
    told = json.dumps([logs, [str(part) for part in failure.raw]], default=str, ensure_ascii=False)
    for secret in (*([value.strip("\x00")] if isinstance(value, str) and value else []), "755224"):
        assert secret not in told


def test_a_subject_is_required(line: grpc.Channel) -> None:
    failure = failure_of(lambda: verify_otp(line, subscriber_ref=None))
    assert (failure.code, failure.field) == (grpc.StatusCode.INVALID_ARGUMENT, "subject")


# --- errors and the log ---------------------------------------------------------------


def test_the_log_says_who_and_what_but_no_code_and_no_subscriber(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    with capture_logs() as logs:
        verify_otp(line)
        verify_otp(line, serial="2V0716016FK2")
    assert len(verify.asked) == 2
    first, second = logs
    assert first.pop("milliseconds") >= 0
    assert first == {
        "event": "rpc",
        "log_level": "info",
        "method": VERIFY,
        "tenant": BANK,
        "role": "channel",
        "caller": "core-1",
        "request_id": REQUEST_ID,
        "operation": "LOGIN",
        "outcome": "ACCEPTED",
        "status": "OK",
    }
    assert second["serial"] == "2V0716016FK2"


def test_what_nobody_foresaw_is_internal_and_quotes_nothing(
    line: grpc.Channel, verify: ScriptedVerify
) -> None:
    def crash() -> Verdict:
        try:
            return {"other": ACCEPTED}["755224"]
        except KeyError as error:
            msg = "customer-4711 sent 755224"
            raise ValueError(msg) from error

    verify.answers.append(crash)
    with capture_logs() as logs:
        failure = failure_of(lambda: verify_otp(line))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    (entry,) = logs
    assert {"ValueError", "KeyError"} <= set(entry["trace"])
    assert any("crash" in place for place in entry["trace"])
    told = json.dumps([entry, failure.details], default=str)
    assert "755224" not in told
    assert "4711" not in told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RequestIdReused(), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.TokenBusy("busy", 0.2), grpc.StatusCode.UNAVAILABLE),
        (errors.HsmUnavailable("the HSM gave no result", 1.0), grpc.StatusCode.UNAVAILABLE),
        (errors.RecordTampered(), grpc.StatusCode.DATA_LOSS),
    ],
)
def test_a_domain_error_keeps_its_reason(
    line: grpc.Channel, verify: ScriptedVerify, error: errors.AuthorityError, code: grpc.StatusCode
) -> None:
    verify.answers.append(error)
    failure = failure_of(lambda: verify_otp(line))
    assert (failure.code, failure.reason) == (code, error.reason)
    assert failure.details == str(error)


def test_a_refused_certificate_is_named_in_the_log(served: Served) -> None:
    with capture_logs() as logs:
        failed(served, tenant_not_served(served), check)
    (entry,) = logs
    assert "tenant/99999999" in entry["certificate_names"]
    assert (entry["status"], entry["reason"]) == ("UNAUTHENTICATED", "NOT_IDENTIFIED")


# --- bounds, health, the end ------------------------------------------------------------


def test_more_calls_than_the_bound_are_refused(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        serving(tmp_path, threads=2, max_concurrent_rpcs=2) as served,
        served.channel(served.bank()) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        served.verify.answers.extend([lambda: gated(gate)] * 2)
        under_way = [pool.submit(verify_otp, channel) for _ in range(2)]
        try:
            eventually(lambda: len(served.verify.asked) == 2)
            failure = failure_of(lambda: verify_otp(channel))
        finally:
            gate.set()
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [call.result().receipt.number for call in under_way] == ["1234567"] * 2


def test_a_stop_lets_the_calls_under_way_finish_and_ends_the_watches(tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        serving(tmp_path, threads=2) as served,
        served.channel(served.bank()) as channel,
        ThreadPoolExecutor(2) as pool,
    ):
        served.verify.answers.append(lambda: gated(gate))
        under_way = pool.submit(verify_otp, channel)
        eventually(lambda: len(served.verify.asked) == 1)
        watch = watching(channel)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        stop = pool.submit(served.server.stop, PATIENCE)
        assert [answer.status for answer in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        with served.channel(served.bank()) as late:
            eventually(lambda: refused(late))
        assert not stop.done(), "it did not wait for the call under way"
        gate.set()
        assert under_way.result().receipt.number == "1234567"
        stop.result(PATIENCE)


def test_watches_hold_no_thread(tmp_path: Path) -> None:
    with serving(tmp_path, threads=1) as served, served.channel(served.bank()) as channel:
        watches = [watching(channel) for _ in range(5)]
        for watch in watches:
            next(watch)
        assert verify_otp(channel).outcome == types_pb2.OUTCOME_ACCEPTED


@pytest.mark.parametrize("component", ["hsm", "database"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
def test_health_tells_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, component: str, how: str
) -> None:
    monkeypatch.setattr(health, "EVERY", 0.02)
    monkeypatch.setattr(health, "STALE_AFTER", 0.5)
    gate = threading.Event()
    with serving(tmp_path) as served, served.channel(served.bank()) as channel:
        watch = watching(channel)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        leaned_on = served.components[component]
        if how == "fails":
            leaned_on.failure = OSError("away")
        else:
            leaned_on.hang = gate.wait
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        # The AdminService goes on: it is asked about just this.
        assert states(channel) == (False, False, True)
        leaned_on.failure = None
        gate.set()
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert states(channel) == (True, True, True)


def test_health_knows_no_other_service(line: grpc.Channel) -> None:
    failure = failure_of(lambda: check(line, "kagimori.guess.v1.GuessService"))
    assert failure.code is grpc.StatusCode.NOT_FOUND


def test_the_port_is_taken_by_one_process_alone(served: Served) -> None:
    taken = settings_of(served.authority, listen=f"127.0.0.1:{served.server.port}")
    with pytest.raises(UnfitListener, match="cannot listen"):
        build_server(taken, ScriptedVerify(), HsmOnTheDesk(), {})


def gated(gate: threading.Event) -> Verdict:
    gate.wait(PATIENCE)
    return ACCEPTED


def watching(channel: grpc.Channel) -> Iterator[health_pb2.HealthCheckResponse]:
    return iter(health_of(channel).Watch(health_pb2.HealthCheckRequest()))


def refused(channel: grpc.Channel) -> bool:
    try:
        check(channel)
    except grpc.RpcError:
        return True
    return False


def states(channel: grpc.Channel) -> tuple[bool, ...]:
    """Return whether the server, verification and administration serve."""
    services = (
        "",
        "kagimori.verification.v1.VerificationService",
        "kagimori.admin.v1.AdminService",
    )
    answers = [check(channel, service).status for service in services]
    request_for_all: Any = getattr(health_pb2, "HealthListRequest")()  # noqa: B009 - newer than its stubs
    listed = health_of(channel).List(request_for_all, timeout=PATIENCE)
    assert set(listed.statuses) == set(services)
    return tuple(answer == health_pb2.HealthCheckResponse.SERVING for answer in answers)
