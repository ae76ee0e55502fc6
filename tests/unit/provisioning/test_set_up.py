# SPDX-License-Identifier: Apache-2.0
"""An app is set up once, by its own envelopes, with the answer that it may have lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from kagimori.application.provisioning import new_token
from kagimori.application.provisioning.store import Provisioning
from kagimori.application.provisioning.wish import Done
from kagimori.domain.errors import (
    ActivationRefused,
    AlreadyProvisioned,
    EnvelopeRefused,
    HsmUnavailable,
    LiveToken,
    NotOffered,
)
from kagimori.domain.tenant import SoftwareTokens
from kagimori.domain.token import CustodyLabel, Hash, MovingFactor, Profile, TokenIdentity
from support.banks.provisioning import POLICY, Scene
from support.databases.enrolments import NOBODY, SUBSCRIBER, TENANT, enrolment, outcomes
from support.phones.app import App, key_ring, public_key, sealed_to
from support.tokens import OTHER_TENANT
from support.waiting import waited


def test_the_seeds_that_the_app_drew_become_a_token(scene: Scene) -> None:
    app = App()
    done = scene.ask(app.asks())
    assert re.fullmatch(r"KG[0-9A-HJ-NP-Z]{10}", done.serial)
    assert done == Done(
        done.serial,
        Profile(MovingFactor.TIME, Hash.SHA1, digits=8, period=60, t0=0),
        "熊本県信用組合",
        transaction_signing=True,
    )
    (token,) = scene.database.run("SELECT * FROM tokens")
    (signing,) = scene.database.run("SELECT * FROM signing_seeds")
    assert scene.hsm.opened[token["blob"]] == app.login_seed
    assert scene.hsm.opened[signing["blob"]] == app.signing_seed
    assert (token["serial"], token["subscriber"], token["state"]) == (
        done.serial,
        SUBSCRIBER,
        "ASSIGNED",
    )
    assert re.fullmatch(r"[0-9a-f]{32}", token["token_id"])
    assert signing["token_id"] == enrolment(scene.database)["token_id"] == token["token_id"]
    assert token["row_mac"] != signing["row_mac"]
    assert outcomes(scene.database) == ["PROVISIONED"]


def test_the_tenants_hash_and_digits_are_the_tokens(scene: Scene) -> None:
    tokens = SoftwareTokens(Hash.SHA256, digits=6, period=30)
    scene.policies[TENANT] = replace(POLICY, tokens=tokens)
    done = scene.ask(App().asks())
    assert done.profile == Profile(MovingFactor.TIME, Hash.SHA256, digits=6, period=30)
    assert not done.transaction_signing


def test_whoever_lost_the_answer_gets_the_same_again(scene: Scene) -> None:
    app = App()
    first = scene.ask(app.asks())
    scene.policies[TENANT] = replace(POLICY, tokens=replace(POLICY.tokens, digits=6))
    for _ in range(7):
        assert scene.ask(app.asks()) == first
    assert len(scene.database.run("SELECT * FROM tokens")) == 1
    assert enrolment(scene.database)["tries"] == 0


def test_the_same_call_twice_at_once_is_one_token(scene: Scene) -> None:
    app = App()

    async def at_once() -> list[Done]:
        return await asyncio.gather(*(scene.provision(app.asks()) for _ in range(4)))

    answers = waited(at_once())
    assert len(set(answers)) == 1
    assert len(scene.database.run("SELECT * FROM tokens")) == 1


def test_another_app_comes_too_late(scene: Scene) -> None:
    scene.ask(App().asks())
    with pytest.raises(AlreadyProvisioned):
        scene.ask(App().asks())
    assert outcomes(scene.database) == ["PROVISIONED", "ALREADY"]
    assert enrolment(scene.database)["tries"] == 0


def test_a_wrong_password_learns_nothing_of_a_set_up_app(scene: Scene) -> None:
    app = App()
    scene.ask(app.asks())
    for _ in range(6):
        with pytest.raises(ActivationRefused):
            scene.ask(app.asks("24680"))
    assert enrolment(scene.database)["state"] == "PROVISIONED"


def test_an_envelope_under_another_tenants_key_costs_no_try(scene: Scene) -> None:
    theirs = App(public_key(OTHER_TENANT))
    for field, login, signing in (
        ("login_envelope", theirs.login_envelope, App().signing_envelope),
        ("signing_envelope", App().login_envelope, theirs.signing_envelope),
    ):
        asked = App().asks(login_envelope=login, signing_envelope=signing)
        for _ in range(6):
            with pytest.raises(EnvelopeRefused) as caught:
                scene.ask(asked)
            assert caught.value.field == field
    assert enrolment(scene.database)["tries"] == 0
    scene.ask(App().asks())


# 57 to 63 octets are padded: see the contract of envelopes.
@pytest.mark.parametrize("octets", [0, 20, 56, 65])
def test_a_seed_of_another_length_is_refused(scene: Scene, octets: int) -> None:
    short = sealed_to(public_key().public_key, bytes(octets))
    with pytest.raises(EnvelopeRefused) as caught:
        scene.ask(App().asks(signing_envelope=short))
    assert caught.value.field == "signing_envelope"
    assert outcomes(scene.database) == ["UNFIT"]
    assert enrolment(scene.database)["state"] == "ISSUED"


@pytest.mark.parametrize("field", ["login_envelope", "signing_envelope"])
def test_an_envelope_of_another_customers_is_refused(scene: Scene, field: str) -> None:
    app = App()
    scene.ask(app.asks())
    scene.issue(user_id=NOBODY, subscriber="customer-2")
    replayed = App().asks(user_id=NOBODY, **{field: getattr(app, field)})
    with pytest.raises(EnvelopeRefused, match="was used before") as caught:
        scene.ask(replayed)
    assert caught.value.field == field
    row = enrolment(scene.database, NOBODY)
    assert (row["state"], row["tries"]) == ("ISSUED", 0)
    assert len(scene.database.run("SELECT * FROM tokens")) == 1


def test_one_envelope_is_not_two(scene: Scene) -> None:
    app = App()
    with pytest.raises(EnvelopeRefused) as caught:
        scene.ask(app.asks(signing_envelope=app.login_envelope))
    assert caught.value.field == "signing_envelope"
    assert enrolment(scene.database)["tries"] == 0


def test_an_envelope_with_the_modulus_added_is_no_other_envelope(scene: Scene) -> None:
    app, key = App(), public_key()
    number = int.from_bytes(app.login_envelope) + key.modulus
    while number >= 1 << (8 * key.octets):
        app = App()
        number = int.from_bytes(app.login_envelope) + key.modulus
    with pytest.raises(EnvelopeRefused) as caught:
        scene.ask(app.asks(login_envelope=number.to_bytes(key.octets)))
    assert caught.value.field == "login_envelope"


def test_an_older_key_stays_good(scene: Scene) -> None:
    scene.keys = key_ring(TENANT, versions=(1, 2))
    scene.provision = scene.another(scene.provision._limits)
    app = App(public_key(TENANT, 1))
    scene.ask(app.asks())
    (token,) = scene.database.run("SELECT * FROM tokens")
    assert scene.hsm.opened[token["blob"]] == app.login_seed


def test_the_newest_key_comes_first() -> None:
    keys = key_ring(TENANT, versions=(1, 3, 2))
    assert [key.version for key in keys.of(TENANT)] == [3, 2, 1]


def test_a_tenant_that_refuses_the_custody_gets_none(scene: Scene) -> None:
    custody = frozenset({CustodyLabel.GENERATED_IN_HSM})
    scene.policies[TENANT] = replace(POLICY, custody=custody)
    with pytest.raises(NotOffered):
        scene.ask(App().asks())
    assert scene.hsm.passwords == 0


def test_a_serial_that_is_taken_is_drawn_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["KG00000000A1", "KG00000000A1", "KG00000000A1", "KG00000000A2"])
    monkeypatch.setattr(new_token, "_serial", lambda _length: next(drawn))
    scene.issue(user_id=NOBODY, subscriber="customer-2")
    assert scene.ask(App().asks()).serial == "KG00000000A1"
    assert scene.ask(App().asks(user_id=NOBODY)).serial == "KG00000000A2"


def test_a_customer_who_got_another_token_meanwhile_keeps_that(scene: Scene) -> None:
    scene.ask(App().asks())
    scene.database.run("UPDATE enrollments SET state = 'ISSUED', token_id = NULL")
    with pytest.raises(LiveToken):
        scene.ask(App().asks())
    assert enrolment(scene.database)["tries"] == 0


@pytest.mark.parametrize("down", ["password_mac", "seal_envelopes", "row_macs"])
def test_an_hsm_that_is_away_costs_no_try(scene: Scene, down: str) -> None:
    app = App()
    scene.hsm.down.add(down)
    for _ in range(6):
        with pytest.raises(HsmUnavailable):
            scene.ask(app.asks())
    assert set(outcomes(scene.database)) == {"NO_RESULT"}
    scene.hsm.down.clear()
    scene.ask(app.asks())


def test_an_hsm_that_is_away_gives_no_wrong_guess_back(scene: Scene) -> None:
    scene.hsm.down |= {"seal_envelopes", "row_macs"}
    for _ in range(5):
        with pytest.raises(ActivationRefused):
            scene.ask(App().asks("24680"))
    assert enrolment(scene.database)["state"] == "VOID"


def test_whoever_is_released_during_the_set_up_gets_no_token(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_macs = scene.hsm.row_macs

    async def released_meanwhile(identities: Sequence[TokenIdentity]) -> list[bytes]:
        scene.database.run(
            "UPDATE enrollments SET state = 'RELEASED', released_on = '2003-07-16',"
            " generation = generation + 1"
        )
        return await row_macs(identities)

    monkeypatch.setattr(scene.hsm, "row_macs", released_meanwhile)
    with pytest.raises(ActivationRefused):
        scene.ask(App().asks())
    assert enrolment(scene.database)["state"] == "RELEASED"
    assert scene.database.run("SELECT * FROM tokens") == []
    assert Provisioning.DONE not in outcomes(scene.database)
