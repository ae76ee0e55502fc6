# SPDX-License-Identifier: Apache-2.0
"""What the authority refuses, and what becomes of a set-up without an answer.

The statuses are those of the real server.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from kagimori.domain import errors as server
from kagimori_client import token as tokens
from kagimori_client.token import SetUpUnfinished, SoftwareToken, TokenError, Unavailable, look
from kagimori_client.token.line import MOST_SENDS
from kagimori_client.token.record import Draft, from_octets
from kagimori_client.token.safe import Safe
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE
from support.phones.token_authority import Served

SetUp = Callable[..., SoftwareToken]

REFUSALS: list[tuple[server.AuthorityError, type[TokenError]]] = [
    (server.ActivationRefused(), tokens.ActivationRefused),
    (server.ActivationExpired(), tokens.ActivationExpired),
    (server.AlreadyProvisioned(), tokens.AlreadyProvisioned),
    (server.NotOffered("SEALED_BY_APP"), tokens.NotOffered),
    (server.EnvelopeRefused("login_envelope", "was used before"), tokens.EnvelopeRefused),
    (server.InvalidField("key_pin", "is none of the tenant's"), tokens.InvalidField),
]
FAULTS: list[theirs.Said] = [
    server.MalformedMessage(),
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,  # without a reason: not the authority's word
]


@pytest.mark.parametrize(("said", "raised"), REFUSALS, ids=[e.reason for e, _ in REFUSALS])
def test_a_refusal_has_its_own_error_and_leaves_no_file(
    said: server.AuthorityError,
    raised: type[TokenError],
    served: Served,
    set_up: SetUp,
    file: Path,
) -> None:
    served.authority.says.append(said)
    with pytest.raises(raised) as refused:
        set_up()
    assert type(refused.value) is raised
    assert len(served.authority.sent) == 1
    assert not file.exists()


def test_a_refused_field_is_named(served: Served, set_up: SetUp) -> None:
    served.authority.says.append(server.InvalidField("key_pin", "is none of the tenant's"))
    with pytest.raises(tokens.InvalidField) as refused:
        set_up()
    assert (refused.value.field, refused.value.reason) == ("key_pin", "is none of the tenant's")


def test_too_many_tries_say_how_long_to_wait_and_can_be_resumed(
    served: Served, set_up: SetUp, file: Path
) -> None:
    served.authority.says.append(server.TooManyTries("too many set-ups", 41.5))
    with pytest.raises(tokens.TooManyTries) as refused:
        set_up()
    assert refused.value.seconds == 41.5
    assert len(served.authority.sent) == 1
    SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)


@pytest.mark.parametrize("said", FAULTS, ids=str)
def test_a_fault_is_not_asked_again_and_can_be_resumed(
    said: theirs.Said, served: Served, set_up: SetUp, file: Path
) -> None:
    served.authority.says.append(said)
    with pytest.raises(tokens.AuthorityFault):
        set_up()
    assert len(served.authority.sent) == 1
    assert look(file) == tokens.Cover(theirs.SERVICE_ID)


def test_unavailable_is_asked_again_with_the_same_envelopes(served: Served, set_up: SetUp) -> None:
    served.authority.says += [
        server.HsmUnavailable("the HSM gave no result", 0.05),
        grpc.StatusCode.UNAVAILABLE,
        server.Overloaded("too many wait", 0.05),
    ]
    token = set_up()
    assert len(served.authority.sent) == 4
    assert all(request == served.authority.sent[0] for request in served.authority.sent)
    login, _ = served.authority.seeds()
    assert login == token._record.seeds.login


def test_it_is_not_sent_as_often_as_wrong_passwords_void_an_issue(
    served: Served, set_up: SetUp
) -> None:
    served.authority.says += [grpc.StatusCode.UNAVAILABLE] * 10
    with pytest.raises(Unavailable):
        set_up()
    assert len(served.authority.sent) == MOST_SENDS < 5


def test_a_wait_that_does_not_fit_into_the_deadline_is_not_begun(
    served: Served, set_up: SetUp
) -> None:
    served.authority.says.append(server.HsmUnavailable("the HSM gave no result", 3600.0))
    with pytest.raises(Unavailable) as outage:
        set_up()
    assert outage.value.retry_after == 3600.0
    assert len(served.authority.sent) == 1


def test_the_draft_is_on_the_disk_before_it_is_sent(
    served: Served, set_up: SetUp, file: Path
) -> None:
    seen: list[object] = []

    def look_at_the_disk() -> None:
        seen.append(look(file))
        with pytest.raises(SetUpUnfinished):
            SoftwareToken.open(file, PASSPHRASE)
        request = served.authority.sent[-1]
        safe, _, body = Safe.unlock(file, PASSPHRASE)
        draft = from_octets(body)
        assert isinstance(draft, Draft)
        seen.append(draft.request == request)
        seen.append(draft.seeds.login == served.authority.seeds()[0])
        assert PASSPHRASE not in repr(safe)

    served.authority.says.append(look_at_the_disk)
    set_up()
    assert seen == [tokens.Cover(theirs.SERVICE_ID), True, True]
    assert look(file).finished


DIES = """
import os, sys
from pathlib import Path
from kagimori_client.token import AuthorityProfile, SoftwareToken
from kagimori_client.token import setting_up
setting_up._record = lambda *_: os._exit(9)
SoftwareToken.set_up(AuthorityProfile.load(Path(sys.argv[1])), service_id=sys.argv[2],
    user_id=sys.argv[3], activation_password=sys.argv[4], file=Path(sys.argv[5]),
    passphrase=sys.argv[6])
"""


def test_an_app_that_dies_after_the_authoritys_commit_is_finished_with_the_same_envelopes(
    served: Served, file: Path, tmp_path: Path
) -> None:
    profile = served.write_profile(tmp_path / "authority.toml")
    typed = [theirs.SERVICE_ID, theirs.USER_ID, theirs.ACTIVATION_PASSWORD]
    arguments = [str(profile), *typed, str(file), PASSPHRASE]
    done = subprocess.run([sys.executable, "-c", DIES, *arguments], check=False)
    assert (done.returncode, len(served.authority.sent)) == (9, 1)
    with pytest.raises(SetUpUnfinished):
        SoftwareToken.open(file, PASSPHRASE)
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert served.authority.sent[0] == served.authority.sent[1]
    assert token._record.seeds.login == served.authority.seeds()[0]
    assert SoftwareToken.open(file, PASSPHRASE).code(0) == token.code(0)


def test_a_token_that_is_set_up_is_resumed_without_a_word(
    served: Served, set_up: SetUp, file: Path
) -> None:
    set_up()
    served.stop()
    assert SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE).code(0)


def test_a_resumed_set_up_that_is_refused_is_over(
    served: Served, set_up: SetUp, file: Path
) -> None:
    served.authority.says += [grpc.StatusCode.INTERNAL, server.ActivationRefused()]
    with pytest.raises(tokens.AuthorityFault):
        set_up()
    with pytest.raises(tokens.ActivationRefused):
        SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert not file.exists()


def test_once_set_up_the_file_no_longer_holds_the_password(set_up: SetUp, file: Path) -> None:
    set_up()
    _, _, body = Safe.unlock(file, PASSPHRASE)
    assert theirs.ACTIVATION_PASSWORD.encode() not in body
    assert b"request" not in body


def test_no_error_or_log_line_holds_a_secret(
    served: Served, set_up: SetUp, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seed = b"\xa5" * 64
    told = ""
    for said in [*(error for error, _ in REFUSALS), *FAULTS, grpc.StatusCode.UNAVAILABLE]:
        served.authority.says.extend([said] * MOST_SENDS)
        with pytest.raises(TokenError) as raised:
            set_up(draw=lambda _octets: seed, timeout=3)
        told += "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        served.authority.says.clear()
        file.unlink(missing_ok=True)
    told += caplog.text
    secrets = (theirs.USER_ID, theirs.ACTIVATION_PASSWORD, PASSPHRASE, seed.hex(), repr(seed)[2:-1])
    assert not [secret for secret in secrets if secret in told]
