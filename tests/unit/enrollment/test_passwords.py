# SPDX-License-Identifier: Apache-2.0
"""Activation passwords at rest: right for one user ID only, and as slow for nobody."""

from __future__ import annotations

from argon2 import extract_parameters
from argon2.low_level import Type

from fakes.vault import FakeVault
from kagimori.adapters.argon2 import Argon2Cost, Argon2id
from kagimori.application.enrollment.passwords import Passwords
from kagimori.application.enrollment.ports import SealedPassword
from kagimori.domain.enrollment import ActivationPassword
from support.tokens import OTHER_TENANT, TENANT
from support.waiting import waited

USER_ID = "999800000001"
PASSWORD = ActivationPassword("482915")
CHEAP = Argon2Cost(memory=8, passes=1)


class CountingHash(Argon2id):
    """Says what it has checked."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.checked: list[str] = []

    async def matches(self, hashed: str, mac: bytes) -> bool:
        self.checked.append(hashed)
        return await super().matches(hashed, mac)


def passwords(hasher: Argon2id | None = None) -> Passwords:
    return Passwords(FakeVault(), hasher or Argon2id(CHEAP))


def right(guard: Passwords, password: str, sealed: SealedPassword | None, **other: str) -> bool:
    place = {"tenant": TENANT, "user_id": USER_ID, **other}
    return waited(
        guard.is_right(place["tenant"], place["user_id"], ActivationPassword(password), sealed)
    )


def test_only_the_password_itself_is_right() -> None:
    guard = passwords()
    sealed = waited(guard.sealed(TENANT, USER_ID, PASSWORD))
    assert right(guard, "482915", sealed)
    assert not right(guard, "482916", sealed)
    assert not right(guard, "4829150", sealed)


def test_it_is_right_for_one_user_id_of_one_bank() -> None:
    guard = passwords()
    sealed = waited(guard.sealed(TENANT, USER_ID, PASSWORD))
    assert not right(guard, "482915", sealed, user_id="999800000002")
    assert not right(guard, "482915", sealed, tenant=OTHER_TENANT)


def test_the_same_password_is_kept_differently_each_time() -> None:
    guard = passwords()
    first, second = (waited(guard.sealed(TENANT, USER_ID, PASSWORD)) for _ in range(2))
    assert first.hash != second.hash
    assert "argon2" not in repr(first)


def test_nobodys_password_costs_the_same_and_is_never_right() -> None:
    hasher = CountingHash()
    guard = passwords(hasher)
    assert not right(guard, "482915", None)
    (checked,) = hasher.checked
    sealed = waited(guard.sealed(TENANT, USER_ID, PASSWORD))
    assert extract_parameters(checked) == extract_parameters(sealed.hash)


def test_a_hash_costs_what_owasp_asks_for() -> None:
    hasher = Argon2id()
    parameters = extract_parameters(waited(hasher.hashed(b"mac")))
    assert parameters.type is Type.ID
    cost = (parameters.memory_cost, parameters.time_cost, parameters.parallelism)
    assert cost == (19_456, 2, 1)
    hasher.close()


def test_a_hash_fits_its_column() -> None:
    assert len(waited(Argon2id(CHEAP).hashed(bytes(64)))) <= 160
