# SPDX-License-Identifier: Apache-2.0
"""A token is made before any bank knows its customer, and is kept as any other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from development import oathtool
from development.vendor import Device
from kagimori.domain import errors as server
from kagimori_client import token as tokens
from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.token import (
    AuthorityFault,
    Cover,
    FileTaken,
    HashAlgorithm,
    InvalidField,
    KeyNotPinned,
    OtpProfile,
    SetUpUnfinished,
    SoftwareToken,
    TokenError,
    Unavailable,
    look,
)
from kagimori_client.token.line import MOST_SENDS
from kagimori_client.token.record import Draft, from_octets
from kagimori_client.token.safe import Safe
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE, record, written
from support.phones.token_authority import Served, new_answer

SetUp = Callable[..., SoftwareToken]

UNTIL = datetime.fromtimestamp(theirs.REGISTER_BY, UTC)


def test_the_envelopes_hold_the_drawn_seeds_and_nobody_is_named(
    served: Served, set_up_new: SetUp
) -> None:
    drawn = iter([bytes(range(64)), bytes(range(100, 164))])
    set_up_new(draw=lambda _octets: next(drawn))
    (request,) = served.authority.sent_new
    assert served.authority.new_seeds() == (bytes(range(64)), bytes(range(100, 164)))
    assert request.service_id == theirs.SERVICE_ID
    assert request.key_pin.hex() == served.pins[0]
    assert served.authority.sent == []


def test_it_is_what_the_authority_says_also_after_it_was_kept(
    served: Served, set_up_new: SetUp, file: Path
) -> None:
    profile = pb.OtpProfile(hash_algorithm=pb.HASH_ALGORITHM_SHA256, digits=8, period=60, t0=90)
    until = Timestamp(seconds=theirs.REGISTER_BY, nanos=123_456_000)
    served.authority.usual_new = new_answer(
        profile=profile, transaction_signing=True, register_by=until
    )
    for mine in (set_up_new(), SoftwareToken.open(file, PASSPHRASE)):
        assert mine.profile == OtpProfile(HashAlgorithm.SHA256, 8, 60, 90)
        assert (mine.serial, mine.issuer) == (theirs.SERIAL, theirs.ISSUER)
        assert (mine.service_id, mine.transaction_signing) == (theirs.SERVICE_ID, True)
        assert mine.register_by == UNTIL.replace(microsecond=123_456)
        assert (mine.label, mine.clock) == (None, None)
    assert look(file) == Cover(theirs.SERVICE_ID, theirs.ISSUER, finished=True)


def test_what_is_changed_later_leaves_the_time_alone(set_up_new: SetUp, file: Path) -> None:
    set_up_new().relabel("給与口座")
    again = SoftwareToken.open(file, PASSPHRASE)
    assert (again.label, again.register_by) == ("給与口座", UNTIL)


def test_a_token_that_was_issued_has_no_such_time(set_up: SetUp, file: Path) -> None:
    assert set_up().register_by is None
    assert SoftwareToken.open(file, PASSPHRASE).register_by is None


def test_a_file_of_before_there_were_such_tokens_still_opens(file: Path) -> None:
    written(file)
    safe, cover, body = Safe.unlock(file, PASSPHRASE)
    assert b'"register_by": null' in body
    safe.write(cover, body.replace(b', "register_by": null', b""))
    assert b"register_by" not in Safe.unlock(file, PASSPHRASE)[2]
    token = SoftwareToken.open(file, PASSPHRASE)
    assert (token.serial, token.register_by) == (record().serial, None)


def test_oathtool_agrees_once_the_authority_is_gone(
    served: Served, set_up_new: SetUp, file: Path
) -> None:
    set_up_new()
    login, _ = served.authority.new_seeds()
    served.stop()
    token = SoftwareToken.open(file, PASSPHRASE)
    device = Device(theirs.SERIAL, login, digits=6, period=30)
    now = time.time()
    for step in range(20):
        assert token.code(now + step * 30) == oathtool.time_code(device, now, step)


@pytest.mark.parametrize("length", [6, 12, 32])
def test_a_serial_number_is_as_long_as_its_bank_wants_it(
    length: int, served: Served, set_up_new: SetUp
) -> None:
    served.authority.usual_new = new_answer(serial="K" * length)
    assert set_up_new().serial == "K" * length


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": ""},
        {"serial": "KG123"},
        {"serial": "K" * 33},
        {"serial": "kg0123456789"},
        {"issuer": "bank\x1b[2J"},
        {"profile": None},
        {"register_by": None},
        {"register_by": Timestamp(seconds=1 << 60)},
    ],
    ids=range(8),
)
def test_an_answer_that_makes_no_token_is_the_authoritys_fault_and_can_be_resumed(
    changes: dict[str, object], served: Served, set_up_new: SetUp, file: Path
) -> None:
    served.authority.says.append(new_answer(**changes))
    with pytest.raises(AuthorityFault):
        set_up_new()
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert (token.serial, token.register_by) == (theirs.SERIAL, UNTIL)
    assert served.authority.sent_new[0] == served.authority.sent_new[1]


REFUSALS: list[tuple[server.AuthorityError, type[TokenError]]] = [
    (server.NotOffered("x"), tokens.NotOffered),
    (server.EnvelopeRefused("login_envelope", "was used before"), tokens.EnvelopeRefused),
    (server.InvalidField("key_pin", "is none of the tenant's"), InvalidField),
]


@pytest.mark.parametrize(("said", "raised"), REFUSALS, ids=[e.reason for e, _ in REFUSALS])
def test_a_refusal_has_its_own_error_and_leaves_no_file(
    said: server.AuthorityError,
    raised: type[TokenError],
    served: Served,
    set_up_new: SetUp,
    file: Path,
) -> None:
    served.authority.says.append(said)
    with pytest.raises(raised):
        set_up_new()
    assert len(served.authority.sent_new) == 1
    assert not file.exists()


def test_a_flooded_authority_says_how_long_to_wait_and_it_can_be_resumed(
    served: Served, set_up_new: SetUp, file: Path
) -> None:
    served.authority.says.append(server.TooManyTries("too many new tokens", 3600.0))
    with pytest.raises(tokens.TooManyTries) as refused:
        set_up_new()
    assert refused.value.seconds == 3600.0
    assert len(served.authority.sent_new) == 1
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert token._record.seeds.login == served.authority.new_seeds()[0]


def test_unavailable_is_asked_again_with_the_same_envelopes(
    served: Served, set_up_new: SetUp
) -> None:
    served.authority.says += [
        server.HsmUnavailable("the HSM gave no result", 0.05),
        grpc.StatusCode.UNAVAILABLE,
    ]
    set_up_new()
    assert len(served.authority.sent_new) == 3
    assert all(sent == served.authority.sent_new[0] for sent in served.authority.sent_new)


def test_it_is_asked_so_often_and_no_more(served: Served, set_up_new: SetUp) -> None:
    served.authority.says += [grpc.StatusCode.UNAVAILABLE] * 10
    with pytest.raises(Unavailable):
        set_up_new()
    assert len(served.authority.sent_new) == MOST_SENDS


def test_the_draft_is_on_the_disk_before_it_is_sent(
    served: Served, set_up_new: SetUp, file: Path
) -> None:
    seen: list[object] = []

    def look_at_the_disk() -> None:
        with pytest.raises(SetUpUnfinished):
            SoftwareToken.open(file, PASSPHRASE)
        draft = from_octets(Safe.unlock(file, PASSPHRASE)[2])
        assert isinstance(draft, Draft)
        seen.append(draft.request == served.authority.sent_new[-1])
        seen.append(draft.seeds.login == served.authority.new_seeds()[0])

    served.authority.says.append(look_at_the_disk)
    set_up_new()
    assert seen == [True, True]
    assert look(file).finished


DIES = """
import os, sys
from pathlib import Path
from kagimori_client.token import AuthorityProfile, SoftwareToken
from kagimori_client.token import setting_up
setting_up._record = lambda *_: os._exit(9)
SoftwareToken.set_up_new(AuthorityProfile.load(Path(sys.argv[1])), service_id=sys.argv[2],
    file=Path(sys.argv[3]), passphrase=sys.argv[4])
"""


def test_an_app_that_dies_after_the_authoritys_commit_is_finished_with_the_same_envelopes(
    served: Served, file: Path, tmp_path: Path
) -> None:
    profile = served.write_profile(tmp_path / "authority.toml")
    arguments = [str(profile), theirs.SERVICE_ID, str(file), PASSPHRASE]
    done = subprocess.run([sys.executable, "-c", DIES, *arguments], check=False)
    assert (done.returncode, len(served.authority.sent_new)) == (9, 1)
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert served.authority.sent_new[0] == served.authority.sent_new[1]
    assert token.register_by == UNTIL
    assert token._record.seeds.login == served.authority.new_seeds()[0]


def test_no_seed_is_sent_to_a_key_that_is_not_pinned(
    served: Served, set_up_new: SetUp, file: Path
) -> None:
    served.authority.keys.clear()
    served.authority.offer(1)
    with pytest.raises(KeyNotPinned):
        set_up_new()
    assert served.authority.sent_new == []
    assert not file.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_id", "1011223"),
        ("service_id", "99999999"),
        ("service_id", "１０１１２２３１"),  # noqa: RUF001 - full-width on purpose
        ("passphrase", "short"),
        ("timeout", 0),
    ],
)
def test_a_malformed_field_is_refused_before_anything_is_sent(
    field: str, value: object, served: Served, set_up_new: SetUp, file: Path
) -> None:
    with pytest.raises(InvalidField) as refused:
        set_up_new(**{field: value})
    assert refused.value.field == field
    assert served.authority.asked_for_keys == []
    assert not file.exists()


def test_no_other_tokens_file_is_touched(served: Served, set_up_new: SetUp, file: Path) -> None:
    file.write_text("mine")
    with pytest.raises(FileTaken):
        set_up_new()
    assert (file.read_text(), served.authority.asked_for_keys) == ("mine", [])


def test_no_repr_shows_the_serial_or_a_seed(served: Served, set_up_new: SetUp, file: Path) -> None:
    served.authority.says.append(grpc.StatusCode.INTERNAL)
    with pytest.raises(AuthorityFault):
        set_up_new(draw=lambda _octets: b"\xa5" * 64)
    draft = from_octets(Safe.unlock(file, PASSPHRASE)[2])
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert repr(token) == f"<SoftwareToken of {theirs.SERVICE_ID}>"
    shown = repr(draft) + repr(token._record) + repr(token)
    request = served.authority.sent_new[0]
    for secret in (b"\xa5" * 64, request.login_envelope, request.signing_envelope):
        assert repr(secret)[2:-1] not in shown
