# SPDX-License-Identifier: Apache-2.0
"""A token is set up over TLS: what is drawn, sealed and sent, and to which key."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from development import oathtool
from development.certificates import new_authority
from development.vendor import Device
from kagimori_client.api.provisioning.v1 import provisioning_pb2 as pb
from kagimori_client.token import (
    AuthorityFault,
    FileTaken,
    HashAlgorithm,
    InvalidField,
    KeyNotPinned,
    OtpProfile,
    SoftwareToken,
    Unavailable,
    pin_of,
)
from support.phones import token_authority as theirs
from support.phones.software_tokens import PASSPHRASE
from support.phones.token_authority import Served, answer
from support.tokens import Vector, rfc6238

SetUp = Callable[..., SoftwareToken]

HASHES = {
    "SHA1": pb.HASH_ALGORITHM_SHA1,
    "SHA256": pb.HASH_ALGORITHM_SHA256,
    "SHA512": pb.HASH_ALGORITHM_SHA512,
}


def drawing(*seeds: bytes) -> Callable[[int], bytes]:
    """Return a draw of these seeds, in this order."""
    left = iter(seeds)

    def draw(octets: int) -> bytes:
        seed = next(left)
        assert len(seed) == octets
        return seed

    return draw


@pytest.mark.parametrize("oaep_hash", list(theirs.OAEP_HASHES), ids=["SHA1", "SHA256"])
def test_the_envelopes_hold_the_drawn_seeds_and_nothing_else(
    oaep_hash: int, served: Served, set_up: SetUp
) -> None:
    served.authority.keys.clear()
    served.authority.offer(0, oaep_hash)
    login, signing = bytes(range(64)), bytes(range(100, 164))
    set_up(draw=drawing(login, signing))
    (request,) = served.authority.sent
    assert served.authority.seeds() == (login, signing)
    assert len(request.login_envelope) == len(request.signing_envelope) == 384
    assert (request.service_id, request.user_id) == (theirs.SERVICE_ID, theirs.USER_ID)
    assert request.activation_password == theirs.ACTIVATION_PASSWORD
    assert request.key_pin.hex() == served.pins[0]
    assert served.authority.asked_for_keys == [theirs.SERVICE_ID]


def test_no_two_tokens_have_a_seed_or_an_envelope_in_common(
    served: Served, set_up: SetUp, tmp_path: Path
) -> None:
    drawn: list[object] = []
    for number in range(3):
        set_up(file=tmp_path / f"token-{number}")
        request = served.authority.sent[-1]
        drawn += [*served.authority.seeds(), request.login_envelope, request.signing_envelope]
    assert len(set(drawn)) == 12


def test_a_token_is_what_the_authority_says(served: Served, set_up: SetUp, file: Path) -> None:
    profile = pb.OtpProfile(hash_algorithm=pb.HASH_ALGORITHM_SHA256, digits=6, period=30, t0=90)
    served.authority.usual = answer(profile=profile, transaction_signing=True)
    token = set_up()
    again = SoftwareToken.open(file, PASSPHRASE)
    for mine in (token, again):
        assert mine.profile == OtpProfile(HashAlgorithm.SHA256, 6, 30, 90)
        assert (mine.serial, mine.issuer) == (theirs.SERIAL, theirs.ISSUER)
        assert (mine.service_id, mine.transaction_signing) == (theirs.SERVICE_ID, True)
        assert (mine.label, mine.clock) == (None, None)


@pytest.mark.parametrize("vector", rfc6238(), ids=lambda v: f"{v.profile.hash} T={v.step}")
def test_a_token_set_up_with_the_rfcs_seed_shows_the_rfcs_codes(
    vector: Vector, served: Served, set_up: SetUp
) -> None:
    name = vector.profile.hash.value
    profile = pb.OtpProfile(hash_algorithm=HASHES[name], digits=8, period=30)
    served.authority.usual = answer(profile=profile)
    token = set_up(draw=drawing(vector.seed.ljust(64, b"\0"), bytes(64)))
    assert token.code(vector.step * 30) == vector.code


def test_oathtool_agrees_once_the_authority_is_gone(
    served: Served, set_up: SetUp, file: Path
) -> None:
    set_up()
    login, _ = served.authority.seeds()
    served.stop()
    token = SoftwareToken.open(file, PASSPHRASE)
    device = Device(theirs.SERIAL, login, digits=8, period=60)
    now = time.time()
    for step in range(50):
        assert token.code(now + step * 60) == oathtool.time_code(device, now, step)


def test_the_first_pinned_key_is_used(served: Served, set_up: SetUp) -> None:
    served.authority.keys.clear()
    pins = [served.authority.offer(number) for number in (2, 1, 0)]
    both = replace(served.profile, pins={theirs.SERVICE_ID: (pins[2], pins[1])})
    set_up(profile=both)
    assert served.authority.sent[0].key_pin.hex() == pins[1]
    served.authority.seeds()


def test_after_a_rotation_the_pin_of_the_next_key_will_do(served: Served, set_up: SetUp) -> None:
    served.authority.keys.clear()
    following = served.authority.offer(1)
    set_up(profile=replace(served.profile, pins={theirs.SERVICE_ID: (*served.pins, following)}))
    assert served.authority.sent[0].key_pin.hex() == following


@pytest.mark.parametrize("offered", [[], [1], [1, 2]])
def test_no_seed_is_sent_to_a_key_that_is_not_pinned(
    offered: list[int], served: Served, set_up: SetUp, file: Path
) -> None:
    served.authority.keys.clear()
    for number in offered:
        served.authority.offer(number)
    with pytest.raises(KeyNotPinned):
        set_up()
    assert served.authority.sent == []
    assert not file.exists()


def _unfit_keys() -> dict[str, pb.ProvisioningKey]:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    sha256 = pb.HASH_ALGORITHM_SHA256
    der = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    short = theirs.public_key(theirs.private_key(9, 2048))
    good = theirs.public_key(theirs.private_key(0))
    return {
        "curve": pb.ProvisioningKey(public_key=der, oaep_hash=sha256),
        "short": pb.ProvisioningKey(public_key=short, oaep_hash=sha256),
        "garbage": pb.ProvisioningKey(public_key=b"garbage", oaep_hash=sha256),
        "no hash": pb.ProvisioningKey(public_key=good),
        "SHA512": pb.ProvisioningKey(public_key=good, oaep_hash=pb.HASH_ALGORITHM_SHA512),
    }


@pytest.mark.parametrize("name", ["curve", "short", "garbage", "no hash", "SHA512"])
def test_an_unfit_key_is_not_used_even_if_it_is_pinned(
    name: str, served: Served, set_up: SetUp
) -> None:
    key = _unfit_keys()[name]
    served.authority.keys[:] = [key]
    pins = {theirs.SERVICE_ID: (pin_of(key.public_key),)}
    with pytest.raises(AuthorityFault):
        set_up(profile=replace(served.profile, pins=pins))
    assert served.authority.sent == []


def test_another_authoritys_certificate_is_no_authority(
    served: Served, set_up: SetUp, tmp_path: Path
) -> None:
    stranger = new_authority(tmp_path / "stranger").ca_file.read_bytes()
    with pytest.raises(Unavailable):
        set_up(profile=replace(served.profile, authority_ca=stranger), timeout=3)
    assert served.authority.asked_for_keys == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("service_id", "1011223"),
        ("service_id", "99999999"),
        ("user_id", "99980000000"),
        ("user_id", "99980000000x"),
        ("activation_password", "123"),
        ("activation_password", "123456789"),
        ("activation_password", "48a9"),
        ("passphrase", "short"),
    ],
)
def test_a_malformed_field_is_refused_before_anything_is_sent(
    field: str, value: str, served: Served, set_up: SetUp, file: Path
) -> None:
    with pytest.raises(InvalidField) as refused:
        set_up(**{field: value})
    assert refused.value.field == field
    assert value not in str(refused.value)
    assert served.authority.asked_for_keys == []
    assert not file.exists()


def test_a_library_may_allow_a_shorter_passphrase(set_up: SetUp, file: Path) -> None:
    set_up(passphrase="1234", shortest_passphrase=4)
    assert SoftwareToken.open(file, "1234").serial == theirs.SERIAL


def test_no_other_tokens_file_is_touched(served: Served, set_up: SetUp, file: Path) -> None:
    file.write_text("mine")
    with pytest.raises(FileTaken):
        set_up()
    assert (file.read_text(), served.authority.asked_for_keys) == ("mine", [])


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_positive(timeout: float, set_up: SetUp) -> None:
    with pytest.raises(InvalidField, match="timeout"):
        set_up(timeout=timeout)


def test_a_short_draw_is_no_seed(served: Served, set_up: SetUp) -> None:
    with pytest.raises(ValueError, match="64 octets"):
        set_up(draw=lambda _octets: b"short")
    assert served.authority.sent == []


def _profile(**changes: int) -> pb.OtpProfile:
    usual = {"hash_algorithm": 1, "digits": 8, "period": 60}
    return pb.OtpProfile(**(usual | changes))  # type: ignore[arg-type] # by number, as on the wire


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": "KG1"},
        {"serial": "kg0123456789"},
        {"issuer": "bank\x1b[2J"},
        {"issuer": "x" * 101},
        {"profile": _profile(digits=9)},
        {"profile": _profile(period=0)},
        {"profile": _profile(hash_algorithm=0)},
        {"profile": _profile(hash_algorithm=77)},
        {"profile": None},
    ],
)
def test_an_answer_that_makes_no_token_is_the_authoritys_fault_and_can_be_resumed(
    changes: dict[str, object], served: Served, set_up: SetUp, file: Path
) -> None:
    served.authority.says.append(answer(**changes))
    with pytest.raises(AuthorityFault):
        set_up()
    token = SoftwareToken.resume(served.profile, file=file, passphrase=PASSPHRASE)
    assert token.serial == theirs.SERIAL
    assert served.authority.sent[0] == served.authority.sent[1]
