# SPDX-License-Identifier: Apache-2.0
"""The import: all of a file or nothing of it, and never over another token."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lxml import etree

from development import oathtool
from development.vendor import Device, make_device
from fakes.import_vault import FakeImportVault, seed_of
from fakes.inventory import FakeInventory
from kagimori.application.inventory.import_tokens import (
    ImportOrder,
    ImportReport,
    ImportTokens,
    OrderRefused,
    Result,
)
from kagimori.domain.errors import StoreUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.token import NEVER, CustodyLabel, Token
from support.pskc_files import (
    CBC_KEY,
    FIGURE_6,
    FIGURE_6_KEY,
    KEYWRAP_KEY,
    RFC_SEED,
    VENDOR,
    all_of,
    changed,
    parsed,
    written,
)

TENANT = "20160003"
ORDER = ImportOrder(TENANT, "os-user:keeper", {}, activate=False, max_drift=10)
FLEET = [make_device(f"2V071601{number:04}") for number in range(3)]
SERIALS = [device.serial for device in FLEET]


@dataclass
class Authority:
    """The use case with its fakes. ``key`` is the vendor's transport key."""

    key: bytes = field(default=CBC_KEY, repr=False)
    inventory: FakeInventory = field(default_factory=FakeInventory)
    allow_host_transient: bool = True

    def import_(self, document: bytes, order: ImportOrder = ORDER) -> ImportReport:
        """Read a document and import it."""
        ids = itertools.count()
        vault = FakeImportVault({VENDOR: self.key}, self.allow_host_transient)
        use_case = ImportTokens(vault, self.inventory, lambda: f"{next(ids):032x}")
        return use_case(order, parsed(document))

    def token(self, serial: str) -> Token:
        """Return a token of the inventory."""
        return self.inventory.tokens[TENANT, serial]

    @property
    def serials(self) -> list[str]:
        """Return the serials of the inventory, sorted."""
        return sorted(serial for _, serial in self.inventory.tokens)


@pytest.fixture
def authority() -> Authority:
    return Authority()


def results(report: ImportReport) -> list[tuple[str, Result]]:
    return [(line.serial, line.result) for line in report.lines]


def test_the_rfc_s_own_token_gives_the_rfc_s_own_codes(authority: Authority) -> None:
    authority.key = FIGURE_6_KEY
    report = authority.import_(FIGURE_6.read_bytes())
    [line] = report.lines
    assert (line.result, line.note) == (Result.IMPORTED, CustodyLabel.HOST_TRANSIENT)
    token = authority.token("987654321")
    device = Device("987654321", seed_of(token.identity.seed), "SHA1", 8, 0)
    # RFC 4226, Appendix D: truncated decimal values of counters 0, 1 and 2.
    for counter, truncated in enumerate((1284755224, 1094287082, 137359152)):
        assert oathtool.event_code(device, counter) == str(truncated)[-8:].zfill(8)


def test_each_seed_comes_through_whole(authority: Authority, tmp_path: Path) -> None:
    report = authority.import_(written(tmp_path, FLEET))
    assert results(report) == [(serial, Result.IMPORTED) for serial in SERIALS]
    for device in FLEET:
        assert seed_of(authority.token(device.serial).identity.seed) == device.seed
    assert authority.inventory.actors == ["os-user:keeper"]


def test_a_key_wrap_is_opened_in_the_hsm(tmp_path: Path) -> None:
    authority = Authority(KEYWRAP_KEY, allow_host_transient=False)
    report = authority.import_(written(tmp_path, FLEET, KEYWRAP_KEY, "kw-aes256"))
    assert {line.note for line in report.lines} == {CustodyLabel.UNWRAPPED_IN_HSM}
    assert seed_of(authority.token(SERIALS[0]).identity.seed) == FLEET[0].seed


def test_a_token_is_born_in_stock_and_bound_by_its_row_mac(
    authority: Authority, tmp_path: Path
) -> None:
    device = Device("A1", RFC_SEED, digits=8, period=0, counter=7)
    authority.import_(written(tmp_path, [device]))
    token = authority.token("A1")
    assert (token.state, token.identity.subscriber) == (State.IN_STOCK, None)
    assert (token.last_step, token.drift) == (6, 0)
    assert token.identity.tenant == TENANT
    vault = FakeImportVault({})
    assert token.row_mac == vault.row_mac(token.identity)
    assert token.row_mac != vault.row_mac(replace(token.identity, serial="A2"))


def test_a_time_based_token_has_no_spent_step(authority: Authority, tmp_path: Path) -> None:
    authority.import_(written(tmp_path, FLEET))
    assert authority.token(SERIALS[0]).last_step == NEVER


@pytest.mark.parametrize(("activate", "state"), [(False, State.ASSIGNED), (True, State.ACTIVE)])
def test_only_assigned_tokens_change_hands(
    authority: Authority, tmp_path: Path, *, activate: bool, state: State
) -> None:
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1"}, activate=activate)
    authority.import_(written(tmp_path, FLEET), order)
    assert authority.token(SERIALS[1]).state is state
    assert authority.token(SERIALS[1]).identity.subscriber == "customer-1"
    assert authority.token(SERIALS[0]).state is State.IN_STOCK


@pytest.mark.parametrize(
    "assignments",
    [
        {"2V0716019999": "customer-1"},
        {SERIALS[0]: ""},
        {SERIALS[0]: "c" * 65},
        {SERIALS[0]: "customer\t1"},
        {SERIALS[0]: "customer-1", SERIALS[1]: "customer-1"},
    ],
)
def test_an_assignment_that_cannot_be_refuses_the_order(
    authority: Authority, tmp_path: Path, assignments: dict[str, str]
) -> None:
    with pytest.raises(OrderRefused) as refused:
        authority.import_(written(tmp_path, FLEET), replace(ORDER, assignments=assignments))
    assert "customer" not in str(refused.value)
    assert authority.serials == []


def test_a_serial_of_the_inventory_is_reported_and_left_alone(
    authority: Authority, tmp_path: Path
) -> None:
    authority.import_(written(tmp_path, FLEET[:1]))
    before = authority.token(SERIALS[0])
    stranger = make_device(SERIALS[0])
    report = authority.import_(written(tmp_path, [stranger, FLEET[1]]))
    assert results(report) == [(SERIALS[0], Result.DUPLICATE), (SERIALS[1], Result.IMPORTED)]
    assert authority.token(SERIALS[0]) == before


def test_the_same_file_again_changes_nothing(authority: Authority, tmp_path: Path) -> None:
    document = written(tmp_path, FLEET)
    authority.import_(document)
    before = dict(authority.inventory.tokens)
    report = authority.import_(document, replace(ORDER, assignments={SERIALS[0]: "customer-1"}))
    assert report.count(Result.DUPLICATE) == len(FLEET)
    assert authority.inventory.tokens == before


def test_a_serial_twice_in_a_file_is_its_first_token(authority: Authority, tmp_path: Path) -> None:
    report = authority.import_(written(tmp_path, [FLEET[0], make_device(SERIALS[0])]))
    assert results(report) == [(SERIALS[0], Result.IMPORTED), (SERIALS[0], Result.DUPLICATE)]
    assert seed_of(authority.token(SERIALS[0]).identity.seed) == FLEET[0].seed


def test_a_duplicate_s_seed_is_not_looked_at(authority: Authority, tmp_path: Path) -> None:
    def spoil(root: etree._Element) -> None:
        all_of(root, "//pskc:ValueMAC")[1].text = "AAAA"

    document = changed(written(tmp_path, [FLEET[0], make_device(SERIALS[0])]), spoil)
    report = authority.import_(document)
    assert results(report) == [(SERIALS[0], Result.IMPORTED), (SERIALS[0], Result.DUPLICATE)]


def test_a_serial_that_another_import_took_meanwhile_is_a_duplicate(tmp_path: Path) -> None:
    class Blind(FakeInventory):
        def known_serials(self, tenant: str, serials: object) -> set[str]:
            del tenant, serials
            return set()

    authority = Authority(inventory=Blind())
    document = written(tmp_path, FLEET)
    authority.import_(document)
    before = dict(authority.inventory.tokens)
    assert authority.import_(document).count(Result.DUPLICATE) == len(FLEET)
    assert authority.inventory.tokens == before


def test_one_wrong_mac_refuses_the_whole_file(authority: Authority, tmp_path: Path) -> None:
    def flip(root: etree._Element) -> None:
        value = all_of(root, "//pskc:EncryptedValue//xenc:CipherValue")[1]
        text = value.text or ""
        value.text = ("B" if text[0] == "A" else "A") + text[1:]

    report = authority.import_(changed(written(tmp_path, FLEET), flip))
    assert results(report) == [
        (SERIALS[0], Result.HELD_BACK),
        (SERIALS[1], Result.REFUSED),
        (SERIALS[2], Result.HELD_BACK),
    ]
    assert report.lines[1].note.startswith("MAC_MISMATCH")
    assert authority.serials == []


def test_swapped_ciphertexts_are_refused(authority: Authority, tmp_path: Path) -> None:
    def swap(root: etree._Element) -> None:
        first, second = all_of(root, "//pskc:EncryptedValue//xenc:CipherValue")[:2]
        first.text, second.text = second.text, first.text

    report = authority.import_(changed(written(tmp_path, FLEET), swap))
    assert [line.result for line in report.lines] == [Result.REFUSED] * 2 + [Result.HELD_BACK]
    assert authority.serials == []


def test_a_seed_behind_two_serials_is_refused_macs_and_all(
    authority: Authority, tmp_path: Path
) -> None:
    def copy(root: etree._Element) -> None:
        for what in ("//pskc:EncryptedValue//xenc:CipherValue", "//pskc:ValueMAC"):
            first, second = all_of(root, what)[:2]
            second.text = first.text

    report = authority.import_(changed(written(tmp_path, FLEET), copy))
    assert [line.result for line in report.lines] == [Result.REFUSED] * 2 + [Result.HELD_BACK]
    assert report.lines[0].note.startswith("SEED_TWICE")
    assert authority.serials == []


def test_a_good_seed_in_the_inventory_outlives_a_refused_file(
    authority: Authority, tmp_path: Path
) -> None:
    authority.import_(written(tmp_path, FLEET[:1]))
    before = dict(authority.inventory.tokens)
    report = authority.import_(written(tmp_path, FLEET, key=bytes(16)))
    assert [line.result for line in report.lines] == [Result.DUPLICATE] + [Result.REFUSED] * 2
    assert authority.inventory.tokens == before


def test_cbc_needs_to_be_asked_for(tmp_path: Path) -> None:
    authority = Authority(allow_host_transient=False)
    report = authority.import_(written(tmp_path, FLEET))
    assert {line.note.partition(":")[0] for line in report.lines} == {"HOST_TRANSIENT_NOT_ALLOWED"}
    assert authority.serials == []


def test_a_custody_label_that_the_tenant_does_not_accept_refuses_the_file(
    authority: Authority, tmp_path: Path
) -> None:
    order = replace(ORDER, custody=frozenset({CustodyLabel.UNWRAPPED_IN_HSM}))
    report = authority.import_(written(tmp_path, FLEET[:1]), order)
    assert [line.result for line in report.lines] == [Result.REFUSED]
    assert report.lines[0].note.startswith("CUSTODY_NOT_ACCEPTED")
    assert authority.serials == []


def test_a_clock_error_the_tenant_would_not_follow_is_not_taken_from_a_file(
    authority: Authority, tmp_path: Path
) -> None:
    def drift(root: etree._Element) -> None:
        for data, steps in zip(all_of(root, "//pskc:Data"), ("10", "-11"), strict=True):
            pskc = "{urn:ietf:params:xml:ns:keyprov:pskc}"
            element = etree.SubElement(data, f"{pskc}TimeDrift")
            etree.SubElement(element, f"{pskc}PlainValue").text = steps

    report = authority.import_(changed(written(tmp_path, FLEET[:2]), drift))
    assert [line.result for line in report.lines] == [Result.HELD_BACK, Result.REFUSED]
    assert report.lines[1].note.startswith("DRIFT_TOO_LARGE")


def test_an_outage_of_the_store_imports_nothing_and_is_heard(tmp_path: Path) -> None:
    class Down(FakeInventory):
        def add(self, tokens: object, actor: str) -> list[object]:  # type: ignore[override]
            del tokens, actor
            raise StoreUnavailable("no answer", 1.0)

    authority = Authority(inventory=Down())
    with pytest.raises(StoreUnavailable):
        authority.import_(written(tmp_path, FLEET))


def test_token_ids_tell_nothing_and_never_repeat(tmp_path: Path) -> None:
    inventory = FakeInventory()
    use_case = ImportTokens(FakeImportVault({VENDOR: CBC_KEY}), inventory)
    use_case(ORDER, parsed(written(tmp_path, FLEET)))
    ids = {token.identity.token_id for token in inventory.tokens.values()}
    assert len(ids) == len(FLEET)
    assert all(len(token_id) == 32 and int(token_id, 16) for token_id in ids)


def test_neither_order_nor_report_shows_a_subscriber(authority: Authority, tmp_path: Path) -> None:
    order = replace(ORDER, assignments={SERIALS[0]: "customer-1"})
    report = authority.import_(written(tmp_path, FLEET), order)
    assert "customer-1" not in repr(order) + repr(report)
