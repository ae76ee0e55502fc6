# SPDX-License-Identifier: Apache-2.0
"""What every `InventoryStore` must do."""

from __future__ import annotations

import pytest

from contracts.store_bench import Bench, as_granted, claim_of, granted, succeed
from kagimori.application.inventory.ports import Added, Duplicate
from kagimori.application.ports import BySerial
from kagimori.domain.errors import InvalidField
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Profile, Token
from support.tokens import OTHER_TENANT, SERIAL, TENANT, identity, rfc4226, rfc6238, token

PROFILES = sorted({vector.profile for vector in rfc4226() + rfc6238()}, key=str)


def in_stock(serial: str) -> Token:
    return token(
        identity(token_id=f"id-{serial}", serial=serial, subscriber=None), state=State.IN_STOCK
    )


class InventoryContract:
    def test_adds_in_order_with_an_audit_row_each(self, bench: Bench) -> None:
        answers = bench.inventory.add([in_stock("A"), in_stock("B")], "hsm-admin-1")
        assert answers == [Added("A"), Added("B")]
        lines = [(row["actor"], row["action"], row["serial"]) for row in bench.rows("audit")]
        assert lines == [("hsm-admin-1", "IMPORT", "A"), ("hsm-admin-1", "IMPORT", "B")]

    @pytest.mark.parametrize("profile", PROFILES, ids=str)
    def test_a_token_comes_back_as_it_went_in(self, bench: Bench, profile: Profile) -> None:
        added = token(identity(profile), last_step=41)
        bench.inventory.add([added], "importer")
        assert granted(bench, claim_of(code_length=profile.digits)) == as_granted(added)

    def test_a_duplicate_is_reported_and_the_old_token_untouched(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")
        succeed(bench, 7)
        before = dict(bench.rows("tokens")[0])
        newcomer = token(identity(token_id="token-2", subscriber="subscriber-2"))
        assert bench.inventory.add([newcomer, in_stock("B")], "importer") == [
            Duplicate(SERIAL),
            Added("B"),
        ]
        assert before in map(dict, bench.rows("tokens"))

    def test_a_duplicate_within_one_batch_is_reported(self, bench: Bench) -> None:
        answers = bench.inventory.add([in_stock("A"), in_stock("A")], "importer")
        assert answers == [Added("A"), Duplicate("A")]

    def test_tenants_share_no_serials(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")
        theirs = token(identity(tenant=OTHER_TENANT))
        assert bench.inventory.add([theirs], "importer") == [Added(SERIAL)]
        assert granted(bench, claim_of(BySerial(SERIAL))).identity.tenant == TENANT

    def test_a_customer_has_one_token(self, bench: Bench) -> None:
        bench.inventory.add([token()], "importer")
        second = token(identity(token_id="token-2", serial="B"))
        with pytest.raises(InvalidField) as caught:
            bench.inventory.add([in_stock("C"), second], "importer")
        assert caught.value.field == "subscriber_ref"
        assert [row["serial"] for row in bench.rows("tokens")] == [SERIAL]

    def test_knows_its_serials(self, bench: Bench) -> None:
        bench.inventory.add([in_stock("A"), in_stock("B")], "importer")
        assert bench.inventory.known_serials(TENANT, ["A", "C", "B", "'"]) == {"A", "B"}
        assert bench.inventory.known_serials(OTHER_TENANT, ["A"]) == set()
        assert bench.inventory.known_serials(TENANT, []) == set()
