# SPDX-License-Identifier: Apache-2.0
"""A token is made before its customer is known, once for the same envelopes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kagimori.application.provisioning import new_token
from kagimori.application.provisioning.wish import Done, DoneNew
from kagimori.domain.errors import (
    AuthorityError,
    EnvelopeRefused,
    HsmUnavailable,
    InvalidField,
    NotOffered,
    StoreUnavailable,
)
from kagimori.domain.tenant import Registration, SoftwareTokens
from kagimori.domain.token import (
    CustodyLabel,
    Hash,
    Kind,
    MovingFactor,
    Profile,
    Purpose,
    SealedSeed,
    TokenIdentity,
)
from support.banks.provisioning import FAMILY_B, POLICY, Scene
from support.databases.enrolments import TENANT
from support.phones.app import App, key_ring, public_key, sealed_to
from support.tokens import OTHER_TENANT
from support.waiting import waited

KAKESHIN = OTHER_TENANT
DAY = 86_400_000_000
"""Microseconds."""


def phone(version: int = 1) -> App:
    """Return an app of the bank whose customers register tokens by serial number."""
    return App(public_key(KAKESHIN, version))


def rows(scene: Scene, table: str) -> Sequence[dict[str, Any]]:
    return scene.database.run(f"SELECT * FROM {table}")  # noqa: S608 - our own


def audited(scene: Scene) -> list[tuple[str, str]]:
    return [(row["action"], row["actor"]) for row in rows(scene, "audit")]


def test_the_seeds_that_the_app_drew_become_a_token_of_nobodys(scene: Scene) -> None:
    app = phone()
    made = scene.make(app.asks_anew())
    assert re.fullmatch(r"KG[0-9A-HJ-NP-Z]{10}", made.done.serial)
    profile = Profile(MovingFactor.TIME, Hash.SHA1, digits=6, period=30, t0=0)
    assert made.done == Done(made.done.serial, profile, "かけしん", transaction_signing=False)
    (token,) = rows(scene, "tokens")
    (signing,) = rows(scene, "signing_seeds")
    assert scene.hsm.opened[token["blob"]] == app.login_seed
    assert scene.hsm.opened[signing["blob"]] == app.signing_seed
    assert (token["tenant"], token["subscriber"], token["state"]) == (KAKESHIN, None, "IN_STOCK")
    assert signing["token_id"] == token["token_id"]
    assert audited(scene) == [("PROVISION_NEW", "app")]
    assert scene.hsm.passwords == 0


def test_both_row_macs_are_over_a_token_without_a_customer(scene: Scene) -> None:
    made = scene.make(phone().asks_anew())
    (token,), (signing,) = rows(scene, "tokens"), rows(scene, "signing_seeds")
    identities = [
        TokenIdentity(
            KAKESHIN,
            token["token_id"],
            made.done.serial,
            None,
            Kind.SOFTWARE,
            purpose,
            made.done.profile,
            SealedSeed(
                row["blob"],
                row["wrap_format"],
                row["key_version"],
                row["seed_length"],
                CustodyLabel.SEALED_BY_APP,
            ),
        )
        for purpose, row in ((Purpose.AUTHENTICATION, token), (Purpose.SIGNING, signing))
    ]
    macs = waited(scene.hsm.row_macs(identities))
    assert [token["row_mac"], signing["row_mac"]] == macs
    assert macs[0] != macs[1]


@pytest.mark.parametrize("days", [1, 30, 365])
def test_it_waits_as_long_as_the_tenants_rule_says(scene: Scene, days: int) -> None:
    scene.policies[KAKESHIN] = replace(FAMILY_B, registration=Registration(unclaimed_days=days))
    made = scene.make(phone().asks_anew())
    (token,) = rows(scene, "tokens")
    assert token["not_after"] - token["not_before"] == days * DAY
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert made.register_by == epoch + timedelta(microseconds=token["not_after"])


@pytest.mark.parametrize("length", [6, 12, 32])
def test_a_serial_number_is_as_long_as_customers_may_type_it(scene: Scene, length: int) -> None:
    scene.policies[KAKESHIN] = replace(FAMILY_B, registration=Registration(serial_length=length))
    serial = scene.make(phone().asks_anew()).done.serial
    assert re.fullmatch(r"KG[0-9A-HJ-NP-Z]+", serial)
    assert len(serial) == length


def test_the_tenants_hash_digits_and_signing_are_the_tokens(scene: Scene) -> None:
    tokens = SoftwareTokens(Hash.SHA256, digits=8, period=60, transaction_signing=True)
    scene.policies[KAKESHIN] = replace(FAMILY_B, tokens=tokens)
    done = scene.make(phone().asks_anew()).done
    assert done.profile == Profile(MovingFactor.TIME, Hash.SHA256, digits=8, period=60)
    assert done.transaction_signing


def test_whoever_lost_the_answer_gets_the_same_again_at_no_work_of_the_hsms(scene: Scene) -> None:
    app = phone()
    first = scene.make(app.asks_anew())
    longer = Registration(unclaimed_days=90)
    tokens = SoftwareTokens(digits=8)
    scene.policies[KAKESHIN] = replace(FAMILY_B, registration=longer, tokens=tokens)
    for _ in range(5):
        assert scene.make(app.asks_anew(peer="elsewhere")) == first
    assert scene.hsm.sealings == 1
    assert len(rows(scene, "tokens")) == 1
    assert len(rows(scene, "audit")) == 1


def test_the_answer_is_the_same_once_a_customer_has_it(scene: Scene) -> None:
    app = phone()
    first = scene.make(app.asks_anew())
    scene.database.run(
        "UPDATE tokens SET subscriber = 'customer-1', state = 'ACTIVE', not_after = NULL"
    )
    assert scene.make(app.asks_anew()) == first


def test_the_same_call_twice_at_once_is_one_token(scene: Scene) -> None:
    app = phone()
    both = [scene.provision_new, scene.another_new(scene.provision_new._limits)]

    async def at_once() -> list[DoneNew]:
        return await asyncio.gather(*(both[n % 2](app.asks_anew()) for n in range(6)))

    assert len(set(waited(at_once()))) == 1
    assert len(rows(scene, "tokens")) == 1
    assert len(rows(scene, "signing_seeds")) == 1
    assert len(rows(scene, "envelopes")) == 2


def test_a_token_whose_time_is_over_is_not_given_again(scene: Scene) -> None:
    app = phone()
    scene.make(app.asks_anew())
    scene.database.run("UPDATE tokens SET not_after = 1")
    with pytest.raises(EnvelopeRefused, match="was used before"):
        scene.make(app.asks_anew())
    # Another app's token ends it: its seeds go, and it stays used.
    scene.make(phone().asks_anew())
    assert ("EXPIRE", "authority") in audited(scene)
    assert len(rows(scene, "signing_seeds")) == 1
    with pytest.raises(EnvelopeRefused, match="was used before"):
        scene.make(app.asks_anew())


@pytest.mark.parametrize("field", ["login_envelope", "signing_envelope"])
def test_an_envelope_of_another_token_is_refused(scene: Scene, field: str) -> None:
    app = phone()
    scene.make(app.asks_anew())
    with pytest.raises(EnvelopeRefused, match="was used before") as caught:
        scene.make(phone().asks_anew(**{field: getattr(app, field)}))
    assert caught.value.field == field
    assert len(rows(scene, "tokens")) == 1


@pytest.mark.parametrize(
    ("field", "other"),
    [("login_envelope", "signing_envelope"), ("signing_envelope", "login_envelope")],
)
def test_an_envelope_in_the_others_place_is_used_all_the_same(
    scene: Scene, field: str, other: str
) -> None:
    app = phone()
    scene.make(app.asks_anew())
    with pytest.raises(EnvelopeRefused, match="was used before") as caught:
        scene.make(phone().asks_anew(**{field: getattr(app, other)}))
    assert caught.value.field == field


def test_envelopes_that_set_an_issued_token_up_make_no_new_one(scene: Scene) -> None:
    # A bank of both families.
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    app = App()
    scene.ask(app.asks())
    with pytest.raises(EnvelopeRefused, match="was used before"):
        scene.make(app.asks_anew())
    assert len(rows(scene, "tokens")) == 1


def test_envelopes_that_made_a_new_token_set_no_issued_one_up(scene: Scene) -> None:
    scene.policies[TENANT] = replace(POLICY, registration=Registration())
    app = App()
    scene.make(app.asks_anew())
    with pytest.raises(EnvelopeRefused, match="was used before"):
        scene.ask(app.asks())
    (token,) = rows(scene, "tokens")
    assert token["subscriber"] is None


@pytest.mark.parametrize("field", ["login_envelope", "signing_envelope"])
@pytest.mark.parametrize("octets", [0, 20, 56, 65])
def test_a_seed_of_another_length_is_refused_by_name(scene: Scene, field: str, octets: int) -> None:
    short = sealed_to(public_key(KAKESHIN).public_key, bytes(octets))
    with pytest.raises(EnvelopeRefused) as caught:
        scene.make(phone().asks_anew(**{field: short}))
    assert caught.value.field == field
    assert rows(scene, "tokens") == []


OTHER_PIN = public_key(TENANT).pin
BAD_FIELDS: list[tuple[str, object, type[AuthorityError]]] = [
    ("service_id", "", InvalidField),
    ("service_id", "2016000２", InvalidField),  # noqa: RUF001 - full-width on purpose
    ("service_id", "99999999", InvalidField),
    ("key_pin", b"", InvalidField),
    ("key_pin", bytes(32), EnvelopeRefused),
    ("key_pin", OTHER_PIN, EnvelopeRefused),
    ("login_envelope", b"", InvalidField),
    ("login_envelope", bytes(255), InvalidField),
    ("login_envelope", b"\xff" * 256, EnvelopeRefused),
    ("signing_envelope", bytes(257), InvalidField),
    ("signing_envelope", b"\xff" * 256, EnvelopeRefused),
]


# Numbered: a pin is drawn anew in each process, and all must collect the same names.
@pytest.mark.parametrize(("field", "value", "error"), BAD_FIELDS, ids=range(len(BAD_FIELDS)))
def test_a_bad_field_is_named_and_nothing_is_counted(
    scene: Scene, field: str, value: object, error: type[AuthorityError]
) -> None:
    with pytest.raises(error) as caught:
        scene.make(phone().asks_anew(**{field: value}))
    assert getattr(caught.value, "field", None) == field
    assert scene.hsm.sealings == 0
    for table in ("audit", "tries", "tokens", "envelopes"):
        assert rows(scene, table) == []


def test_one_envelope_is_not_two(scene: Scene) -> None:
    app = phone()
    with pytest.raises(EnvelopeRefused) as caught:
        scene.make(app.asks_anew(signing_envelope=app.login_envelope))
    assert caught.value.field == "signing_envelope"


def test_an_older_key_stays_good(scene: Scene) -> None:
    scene.keys = key_ring(KAKESHIN, versions=(1, 2))
    scene.provision_new = scene.another_new(scene.provision_new._limits)
    app = phone(1)
    scene.make(app.asks_anew())
    (token,) = rows(scene, "tokens")
    assert scene.hsm.opened[token["blob"]] == app.login_seed


def test_a_bank_whose_tokens_are_issued_by_letter_makes_none(scene: Scene) -> None:
    with pytest.raises(NotOffered):
        scene.make(App().asks_anew())
    assert (rows(scene, "tokens"), rows(scene, "tries")) == ([], [])


def test_a_bank_that_refuses_the_custody_makes_none(scene: Scene) -> None:
    custody = frozenset({CustodyLabel.UNWRAPPED_IN_HSM})
    scene.policies[KAKESHIN] = replace(FAMILY_B, custody=custody)
    with pytest.raises(NotOffered):
        scene.make(phone().asks_anew())
    assert (rows(scene, "tokens"), rows(scene, "tries")) == ([], [])


def test_a_serial_that_is_taken_is_drawn_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["KG00000000A1", "KG00000000A1", "KG00000000A1", "KG00000000A2"])
    monkeypatch.setattr(new_token, "_serial", lambda _length: next(drawn))
    assert scene.make(phone().asks_anew()).done.serial == "KG00000000A1"
    assert scene.make(phone().asks_anew()).done.serial == "KG00000000A2"


def test_where_no_serial_is_free_nothing_is_made(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_token, "_serial", lambda _length: "KG00000000A1")
    scene.make(phone().asks_anew())
    with pytest.raises(StoreUnavailable):
        scene.make(phone().asks_anew())
    assert len(rows(scene, "tokens")) == 1


@pytest.mark.parametrize("down", ["seal_envelopes", "row_macs"])
def test_an_hsm_that_is_away_leaves_the_envelopes_unused(scene: Scene, down: str) -> None:
    app = phone()
    scene.hsm.down.add(down)
    for _ in range(3):
        with pytest.raises(HsmUnavailable):
            scene.make(app.asks_anew())
    assert (rows(scene, "tokens"), rows(scene, "envelopes")) == ([], [])
    scene.hsm.down.clear()
    assert scene.make(app.asks_anew()).done.serial


def test_no_repr_shows_a_secret() -> None:
    asked = phone().asks_anew()
    shown = repr(asked)
    for envelope in (asked.login_envelope, asked.signing_envelope):
        assert repr(envelope)[2:-1] not in shown
