# SPDX-License-Identifier: Apache-2.0
"""Every RPC has an access row and a comment, every error a status, no field a seed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import grpc
import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from kagimori.api.provisioning.v1 import provisioning_pb2
from kagimori.domain import errors
from kagimori.transport import access, server
from kagimori.transport.identity import Realm, Role, post_of
from kagimori.transport.status import STATUS, status_of

PROTO = Path(__file__).resolve().parents[3] / "proto"
WORDS_OF_SECRETS = {"seed", "secret", "key", "pin", "password", "passphrase", "private"}
_TYPED = "the customer types it, and no answer holds it"
NOT_SECRET_AFTER_ALL = {
    "kagimori.admin.v1.Delivery.one_time_key": "encrypted to a key of the HSM's",
    "kagimori.admin.v1.MacMethod.key_algorithm": "the name of an algorithm",
    "kagimori.admin.v1.MacMethod.key_ciphertext": "encrypted to a key of the HSM's",
    "kagimori.admin.v1.TenantKeys.wrapping_key_version": "a number that names a key",
    "kagimori.admin.v1.TenantKeys.row_key_version": "a number that names a key",
    "kagimori.enrollment.v1.IssueSoftwareTokenRequest.activation_password": _TYPED,
    "kagimori.provisioning.v1.ProvisionIssuedTokenRequest.activation_password": _TYPED,
    "kagimori.provisioning.v1.ProvisionIssuedTokenRequest.key_pin": "a digest of a public key",
    "kagimori.provisioning.v1.ProvisionNewTokenRequest.key_pin": "a digest of a public key",
    "kagimori.provisioning.v1.ProvisioningKey.public_key": "public, as it says",
}
OCTETS_OF_APPS = {
    "kagimori.provisioning.v1.ProvisionIssuedTokenRequest.key_pin": "a digest",
    "kagimori.provisioning.v1.ProvisionIssuedTokenRequest.login_envelope": "sealed to the HSM",
    "kagimori.provisioning.v1.ProvisionIssuedTokenRequest.signing_envelope": "sealed to the HSM",
    "kagimori.provisioning.v1.ProvisionNewTokenRequest.key_pin": "a digest",
    "kagimori.provisioning.v1.ProvisionNewTokenRequest.login_envelope": "sealed to the HSM",
    "kagimori.provisioning.v1.ProvisionNewTokenRequest.signing_envelope": "sealed to the HSM",
    "kagimori.provisioning.v1.ProvisioningKey.public_key": "a public key",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """Return our protos, with their comments."""
    image = tmp_path_factory.mktemp("proto") / "image.binpb"
    protos = [str(path.relative_to(PROTO)) for path in PROTO.glob("kagimori/**/*.proto")]
    options = ["-I.", "--include_source_info", f"--descriptor_set_out={image}"]
    run([sys.executable, "-m", "grpc_tools.protoc", *options, *protos], cwd=PROTO, check=True)
    return list(FileDescriptorSet.FromString(image.read_bytes()).file)


def test_every_rpc_says_who_must_call_it(files: list[FileDescriptorProto]) -> None:
    comments = dict(rpcs_with_comments(files))
    assert comments, "no RPCs were found"
    for name, comment in comments.items():
        anybody = access.ALLOWED[name] == access.ANYBODY
        assert ("Anybody may call." if anybody else "The caller must") in comment, name


def test_every_rpc_has_a_row_and_every_row_an_rpc(files: list[FileDescriptorProto]) -> None:
    ours = {name for name in access.ALLOWED if name.startswith("/kagimori.")}
    assert ours == {name for name, _ in rpcs_with_comments(files)}


def test_every_row_is_of_a_service_that_is_served() -> None:
    services = (
        server.VERIFICATION,
        server.ENROLLMENT,
        server.ADMIN,
        server.HEALTH,
        server.REFLECTION,
        # By a listener of its own.
        provisioning_pb2.DESCRIPTOR.services_by_name["ProvisioningService"],
    )
    served = {name for service in services for name in access.methods(service)}
    assert set(access.ALLOWED) == served


def test_the_proto_comment_names_the_roles_of_the_row(files: list[FileDescriptorProto]) -> None:
    for name, comment in rpcs_with_comments(files):
        realm = Realm.AUTHORITY if "`_authority`" in comment else Realm.BANK
        named = {post_of(realm, role) for role in Role if f"`{role}`" in comment}
        everybody = access.ANYBODY if "Anybody may call." in comment else set()
        assert named | everybody == access.ALLOWED[name], name


def test_every_post_of_the_table_can_be_held() -> None:
    assert frozenset.union(*access.ALLOWED.values()) == access.ANYBODY


def test_a_service_without_rows_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: roles for name, roles in access.ALLOWED.items() if "VerifyOtp" not in name}
    monkeypatch.setattr(access, "ALLOWED", rows)
    with pytest.raises(access.UnlistedRpc, match=r"VerificationService/VerifyOtp"):
        access.require_rows([server.HEALTH, server.VERIFICATION])


def test_every_error_has_a_status() -> None:
    assert set(STATUS) == set(leaves(errors.AuthorityError))


def test_no_error_is_an_ok() -> None:
    assert grpc.StatusCode.OK not in STATUS.values()


def test_reasons_are_not_shared() -> None:
    reasons = [leaf.reason for leaf in leaves(errors.AuthorityError)]
    assert len(set(reasons)) == len(reasons)


def test_retry_info_keeps_fractions_of_a_second() -> None:
    status = status_of(errors.TokenBusy("busy", 0.25))
    assert status.code is grpc.StatusCode.UNAVAILABLE
    assert b"google.rpc.RetryInfo" in dict(status.trailing_metadata)["grpc-status-details-bin"]


def test_no_field_can_carry_a_clear_seed(files: list[FileDescriptorProto]) -> None:
    suspects = {
        name
        for name, field in fields(files)
        if set(field.name.split("_")) & WORDS_OF_SECRETS and name not in NOT_SECRET_AFTER_ALL
    }
    assert not suspects


def test_the_exceptions_are_still_there(files: list[FileDescriptorProto]) -> None:
    assert set(NOT_SECRET_AFTER_ALL) <= {name for name, _ in fields(files)}


def test_only_apps_send_octets_and_only_those(files: list[FileDescriptorProto]) -> None:
    octets = {
        name
        for name, field in fields(files)
        if field.type == FieldDescriptorProto.TYPE_BYTES and "admin" not in name
    }
    assert octets == set(OCTETS_OF_APPS)


def test_no_answer_holds_an_activation_password(files: list[FileDescriptorProto]) -> None:
    holders = [name for name, field in fields(files) if "password" in field.name]
    assert holders
    assert all("Request." in name for name in holders)


def leaves(kind: type[errors.AuthorityError]) -> Iterator[type[errors.AuthorityError]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for child in below:
        yield from leaves(child)


def rpcs_with_comments(files: list[FileDescriptorProto]) -> Iterator[tuple[str, str]]:
    """Yield full method names and comments; paths are those of descriptor.proto."""
    for file in files:
        comments = {tuple(at.path): at.leading_comments for at in file.source_code_info.location}
        for s, service in enumerate(file.service):
            for m, method in enumerate(service.method):
                name = f"/{file.package}.{service.name}/{method.name}"
                yield name, " ".join(comments.get((6, s, 2, m), "").split())


def fields(files: list[FileDescriptorProto]) -> Iterator[tuple[str, FieldDescriptorProto]]:
    for file in files:
        for message in file.message_type:
            yield from _fields(message, f"{file.package}.{message.name}")


def _fields(message: DescriptorProto, name: str) -> Iterator[tuple[str, FieldDescriptorProto]]:
    for field in message.field:
        yield f"{name}.{field.name}", field
    for nested in message.nested_type:
        yield from _fields(nested, f"{name}.{nested.name}")
