# SPDX-License-Identifier: Apache-2.0
"""The import: token by token, never over another one, and to be run again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from fakes.delivery_vault import FakeDeliveryVault, seed_of
from fakes.stock import FakeStock
from kagimori.adapters.spool import spool
from kagimori.application.inventory.import_tokens import (
    DeliveryRefused,
    ImportOrder,
    ImportTokens,
    OrderRefused,
)
from kagimori.application.inventory.ports import NewToken, SeedRefused, SeedToSeal
from kagimori.application.inventory.report import Ending, Line, Result, Summary
from kagimori.application.inventory.vendor_file import (
    EncryptedSeed,
    Fault,
    Head,
    InClear,
    PasswordKey,
    PreSharedKey,
    TokenFault,
    VendorFileRefused,
    VendorToken,
)
from kagimori.domain.device import Device, Validity
from kagimori.domain.errors import HsmUnavailable, StoreUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import SubscriberNames
from kagimori.domain.token import CustodyLabel, Hash, MovingFactor, Profile, SealedSeed, Token
from support.deliveries import (
    HEAD_WITH_MAC,
    KEY,
    VENDOR,
    MemoryFile,
    Told,
    seed_number,
    seed_under,
    serial_number,
    spoiled,
    token,
)

TENANT = "20160003"
ORDER = ImportOrder(TENANT, VENDOR, "os-user:keeper", max_drift=10)
FLEET = [token(number) for number in range(5)]
SERIALS = [one.serial for one in FLEET]


@dataclass
class Authority:
    """The use case with its fakes."""

    stock: FakeStock = field(default_factory=FakeStock)
    vault: FakeDeliveryVault = field(
        default_factory=lambda: FakeDeliveryVault({VENDOR: KEY}, allow_host_transient=False)
    )
    batch: int = 2
    told: Told = field(default_factory=Told)

    def import_(
        self,
        file: MemoryFile | Sequence[VendorToken | TokenFault],
        order: ImportOrder = ORDER,
        stop: Callable[[], bool] = lambda: False,
        reopened: MemoryFile | None = None,
    ) -> Summary:
        """Import a file to its end."""
        read = file if isinstance(file, MemoryFile) else MemoryFile(file)
        use_case = ImportTokens(self.vault, self.stock, spool, self.batch)
        reopen = (reopened or read).reopened
        return asyncio.run(use_case(order, read, self.told, reopen, stop))

    @property
    def results(self) -> list[tuple[str, Result]]:
        """Return what was told, token by token."""
        return [(line.serial, line.result) for line in self.told.lines]

    def token(self, serial: str) -> Token:
        """Return a token of the stock."""
        return self.stock.tokens[TENANT, serial]

    @property
    def serials(self) -> list[str]:
        """Return the serials of the stock."""
        return sorted(serial for _, serial in self.stock.tokens)


@pytest.fixture
def authority() -> Authority:
    return Authority()


def all_are(result: Result) -> list[tuple[str, Result]]:
    return [(serial, result) for serial in SERIALS]


# --- what comes in -----------------------------------------------------------------


def test_each_seed_comes_through_whole(authority: Authority) -> None:
    summary = authority.import_(FLEET)
    assert authority.results == all_are(Result.IMPORTED)
    for number, serial in enumerate(SERIALS):
        assert seed_of(authority.token(serial).identity.seed) == seed_number(number)
    assert {actor for actor, _, _ in authority.stock.audit} == {"os-user:keeper"}
    assert (summary.ending, summary.taken, summary.left_out) == (Ending.COMPLETE, 5, 0)
    assert summary.custody == {CustodyLabel.UNWRAPPED_IN_HSM: 5}


def test_a_report_s_line_says_where_the_file_tells_of_the_token(authority: Authority) -> None:
    authority.import_(FLEET)
    assert authority.told.lines[2] == Line(
        SERIALS[2], Result.IMPORTED, 3, CustodyLabel.UNWRAPPED_IN_HSM
    )
    assert authority.told.position == len(FLEET)


def test_a_token_is_born_in_stock_and_bound_by_its_row_mac(authority: Authority) -> None:
    event = Profile(MovingFactor.EVENT, Hash.SHA1, digits=8, period=0)
    authority.import_([token(0, profile=event, last_step=6)])
    born = authority.token(SERIALS[0])
    assert (born.state, born.identity.subscriber) == (State.IN_STOCK, None)
    assert (born.last_step, born.drift, born.identity.tenant) == (6, 0, TENANT)

    def mac_of(serial: str) -> bytes:
        changed = replace(born.identity, serial=serial)
        [mac] = asyncio.run(authority.vault.row_macs([changed]))
        return mac

    assert born.row_mac == mac_of(SERIALS[0])
    assert born.row_mac != mac_of("ANOTHER")


def test_what_the_vendor_says_of_the_device_is_kept(authority: Authority) -> None:
    device = Device("KagiTech", "K1")
    validity = Validity(None, datetime.now(UTC) + timedelta(days=1))
    authority.import_([token(0, device=device, validity=validity, drift=-3)])
    new = authority.stock.news[TENANT, SERIALS[0]]
    assert (new.device, new.validity, new.token.drift) == (device, validity, -3)


def test_token_ids_tell_nothing_and_never_repeat(authority: Authority) -> None:
    authority.import_(FLEET)
    ids = {one.identity.token_id for one in authority.stock.tokens.values()}
    assert len(ids) == len(FLEET)
    assert all(len(token_id) == 32 and int(token_id, 16) for token_id in ids)


def test_the_delivery_is_noted_as_read_to_its_end(authority: Authority) -> None:
    authority.import_(FLEET)
    [(delivery, noted)] = authority.stock.deliveries.items()
    assert (noted.tenant, noted.vendor, noted.actor) == (TENANT, VENDOR, "os-user:keeper")
    assert delivery in authority.stock.finished


# --- assignments -------------------------------------------------------------------


@pytest.mark.parametrize(("activate", "state"), [(False, State.ASSIGNED), (True, State.ACTIVE)])
def test_only_assigned_tokens_change_hands(
    authority: Authority, *, activate: bool, state: State
) -> None:
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1"}, activate=activate)
    authority.import_(FLEET, order)
    assert authority.token(SERIALS[1]).state is state
    assert authority.token(SERIALS[1]).identity.subscriber == "customer-1"
    assert authority.token(SERIALS[0]).state is State.IN_STOCK


@pytest.mark.parametrize("names", SubscriberNames)
def test_an_assignment_is_kept_as_the_tenant_wants_it(
    authority: Authority, names: SubscriberNames
) -> None:
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1"}, subscriber_names=names)
    authority.import_(FLEET, order)
    digest = authority.vault.fingerprint(TENANT, b"name customer-1").hex()
    kept = authority.token(SERIALS[1]).identity.subscriber
    assert kept == (digest if names is SubscriberNames.HMAC else "customer-1")
    assert len(digest) == 64


@pytest.mark.parametrize(
    "assignments",
    [
        {SERIALS[0]: ""},
        {SERIALS[0]: "c" * 65},
        {SERIALS[0]: "customer\t1"},
        {SERIALS[0]: "customer-1", SERIALS[1]: "customer-1"},
    ],
)
def test_an_assignment_that_cannot_be_refuses_the_order(
    authority: Authority, assignments: dict[str, str]
) -> None:
    with pytest.raises(OrderRefused) as refused:
        authority.import_(FLEET, replace(ORDER, assignments=assignments))
    assert "customer" not in str(refused.value)
    assert (authority.serials, authority.stock.deliveries) == ([], {})


def test_an_assignment_of_what_the_file_does_not_have_is_told_at_the_end(
    authority: Authority,
) -> None:
    order = replace(ORDER, assignments={"NOWHERE": "customer-1", SERIALS[0]: "customer-2"})
    summary = authority.import_(FLEET, order)
    assert authority.results == [*all_are(Result.IMPORTED), ("NOWHERE", Result.NOT_IN_FILE)]
    assert (summary.taken, summary.left_out) == (5, 1)


def test_a_customer_who_has_a_token_gets_no_second_one_and_holds_up_nobody(
    authority: Authority,
) -> None:
    authority.batch = 5
    authority.import_([token(9)], replace(ORDER, assignments={serial_number(9): "customer-1"}))
    order = replace(ORDER, assignments={SERIALS[1]: "customer-1", SERIALS[2]: "customer-2"})
    authority.import_(FLEET, order)
    assert authority.results == [
        (serial, Result.REFUSED if serial == SERIALS[1] else Result.IMPORTED) for serial in SERIALS
    ]
    assert authority.told.lines[1].reason == "CUSTOMER_HAS_TOKEN"
    assert authority.token(SERIALS[2]).identity.subscriber == "customer-2"
    assert SERIALS[1] not in authority.serials


def test_neither_order_nor_report_shows_a_subscriber(authority: Authority) -> None:
    order = replace(ORDER, assignments={SERIALS[0]: "customer-1", "NOWHERE": "customer-2"})
    summary = authority.import_(FLEET, order)
    assert "customer" not in repr(order) + repr(authority.told) + repr(summary)


# --- what is there already ------------------------------------------------------------


def test_a_serial_of_the_stock_is_reported_and_left_alone(authority: Authority) -> None:
    authority.import_(FLEET[:1])
    before = authority.token(SERIALS[0])
    stranger = token(0, seed=seed_under(KEY, bytes(24)))
    authority.import_([replace(stranger, seed=token(7).seed), FLEET[1]])
    assert authority.results == [(SERIALS[0], Result.DUPLICATE), (SERIALS[1], Result.IMPORTED)]
    assert authority.token(SERIALS[0]) == before


def test_the_same_file_again_changes_nothing_and_says_it_is_all_in(authority: Authority) -> None:
    authority.import_(FLEET)
    before = dict(authority.stock.tokens)
    summary = authority.import_(FLEET, replace(ORDER, assignments={SERIALS[0]: "customer-1"}))
    assert authority.results == all_are(Result.IMPORTED)
    assert {line.detail for line in authority.told.lines} == {"by an earlier run"}
    assert summary.left_out == 0
    assert authority.stock.tokens == before


def test_a_file_that_is_another_one_has_duplicates(authority: Authority) -> None:
    authority.import_(FLEET)
    summary = authority.import_(MemoryFile(FLEET, digest=b"another" * 4))
    assert authority.results == all_are(Result.DUPLICATE)
    assert summary.taken == 0


def test_a_serial_of_another_tenant_is_another_token(authority: Authority) -> None:
    authority.import_(FLEET)
    other = replace(ORDER, tenant="10112001")
    authority.import_(FLEET, other)
    assert authority.results == all_are(Result.IMPORTED)
    assert len(authority.stock.tokens) == 2 * len(FLEET)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_serial_twice_in_a_file_is_its_first_token(authority: Authority, batch: int) -> None:
    authority.batch = batch
    again = token(0, seed=token(8).seed)
    authority.import_([FLEET[0], again, FLEET[1]])
    assert [result for _, result in authority.results] == [
        Result.IMPORTED,
        Result.DUPLICATE,
        Result.IMPORTED,
    ]
    assert authority.told.lines[1].reason == "IN_FILE_TWICE"
    assert seed_of(authority.token(SERIALS[0]).identity.seed) == seed_number(0)


def test_a_duplicate_s_seed_is_not_looked_at(authority: Authority) -> None:
    authority.import_([FLEET[0], replace(spoiled(1), serial=SERIALS[0])])
    assert authority.results == [(SERIALS[0], Result.IMPORTED), (SERIALS[0], Result.DUPLICATE)]


class Blind(FakeStock):
    """A stock that another import fills between a look and the writing."""

    looks = 0

    async def known(self, tenant: str, serials: Sequence[str]) -> dict[str, object]:  # type: ignore[override]
        self.looks += 1
        return {} if self.looks == 1 else dict(await super().known(tenant, serials))


@pytest.mark.parametrize(
    ("digest", "result"), [(b"", Result.IMPORTED), (b"another" * 4, Result.DUPLICATE)]
)
def test_a_serial_that_another_run_brought_in_meanwhile_is_whose_it_is(
    digest: bytes, result: Result
) -> None:
    first = Authority()
    first.import_(FLEET)
    second = Authority(stock=Blind(**vars(first.stock)), batch=5)
    before = dict(second.stock.tokens)
    second.import_(MemoryFile(FLEET, digest=digest))
    assert second.results == all_are(result)
    assert second.stock.tokens == before


# --- one seed behind two serials --------------------------------------------------------


def test_twins_of_one_batch_are_both_refused(authority: Authority) -> None:
    authority.batch = 5
    authority.import_([FLEET[0], FLEET[1], token(2, seed=FLEET[0].seed)])
    assert [result for _, result in authority.results] == [
        Result.REFUSED,
        Result.IMPORTED,
        Result.REFUSED,
    ]
    assert {authority.told.lines[place].reason for place in (0, 2)} == {"SEED_TWICE"}
    assert SERIALS[0] in authority.told.lines[2].detail
    assert authority.serials == [SERIALS[1]]


def test_the_first_of_two_twins_is_condemned_when_the_second_comes_later(
    authority: Authority,
) -> None:
    authority.batch = 1
    summary = authority.import_([FLEET[0], FLEET[1], token(2, seed=FLEET[0].seed)])
    assert authority.results == [
        (SERIALS[0], Result.IMPORTED),
        (SERIALS[1], Result.IMPORTED),
        (SERIALS[2], Result.REFUSED),
        (SERIALS[0], Result.CONDEMNED),
    ]
    assert SERIALS[0] in authority.told.lines[2].detail
    assert authority.token(SERIALS[0]).state is State.DEFECTIVE
    assert authority.token(SERIALS[1]).state is State.IN_STOCK
    assert (summary.taken, summary.left_out) == (1, 2)


def test_twins_of_one_batch_are_found_when_the_first_came_in_by_an_earlier_run(
    authority: Authority,
) -> None:
    file = MemoryFile([FLEET[0], token(2, seed=FLEET[0].seed)], digest=b"d" * 32)
    authority.import_(MemoryFile(FLEET[:1], digest=file.digest))
    authority.import_(file)
    assert authority.results == [
        (SERIALS[0], Result.IMPORTED),
        (SERIALS[2], Result.REFUSED),
        (SERIALS[0], Result.CONDEMNED),
    ]
    assert authority.token(SERIALS[0]).state is State.DEFECTIVE


def test_a_twin_of_another_delivery_s_token_is_not_condemned(authority: Authority) -> None:
    authority.import_(MemoryFile(FLEET[:1], digest=b"first" * 6))
    authority.batch = 1
    authority.import_([FLEET[0], token(2, seed=FLEET[0].seed)])
    assert authority.results == [(SERIALS[0], Result.DUPLICATE), (SERIALS[2], Result.REFUSED)]
    assert authority.token(SERIALS[0]).state is State.IN_STOCK


# --- what is refused, and keeps no other out -----------------------------------------------

SHORT = EncryptedSeed("kw-aes256", seed_under(KEY, bytes(16)).ciphertext[:16])
BAD: dict[str, tuple[VendorToken | TokenFault, str]] = {
    "a seed that was changed": (spoiled(3), "UNWRAP_FAILED"),
    "a short seed": (token(3, seed=SHORT), "SEED_TOO_SHORT"),
    "an unknown algorithm": (token(3, seed=EncryptedSeed("rot13", bytes(32))), "UNSUPPORTED_"),
    "CBC": (token(3, seed=EncryptedSeed("aes256-cbc", bytes(48))), "HOST_TRANSIENT_NOT_ALLOWED"),
    "a stray MAC": (token(3, seed=seed_under(KEY, bytes(24))), "MAC_MISSING"),
    "a clock that runs away": (token(3, drift=-11), "DRIFT_TOO_LARGE"),
    "five digits": (token(3, profile=replace(FLEET[0].profile, digits=5)), "BAD_VALUE"),
    "eleven digits": (token(3, profile=replace(FLEET[0].profile, digits=11)), "BAD_VALUE"),
    "a step of 121 s": (token(3, profile=replace(FLEET[0].profile, period=121)), "BAD_VALUE"),
    "no step": (token(3, profile=replace(FLEET[0].profile, period=0)), "BAD_VALUE"),
    "a serial in lower case": (token(3, serial="2v07"), "BAD_SERIAL"),
    "a validity that is over": (
        token(3, validity=Validity(None, datetime(2020, 1, 1, tzinfo=UTC))),
        "EXPIRED",
    ),
    "what the reader refused": (
        TokenFault(SERIALS[3], 77, Fault.UNSUPPORTED, "a policy"),
        "UNSUPPORTED",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_bad_token_keeps_no_other_out(authority: Authority, name: str, batch: int) -> None:
    bad, reason = BAD[name]
    authority.batch = batch
    summary = authority.import_([*FLEET[:3], bad, FLEET[4]])
    good = [serial for serial in SERIALS if serial != SERIALS[3]]
    assert authority.serials == good
    line = authority.told.lines[3]
    assert (line.result, line.serial, line.line) == (Result.REFUSED, bad.serial, bad.line)
    assert line.reason.startswith(reason)
    assert (summary.ending, summary.taken, summary.left_out) == (Ending.COMPLETE, 4, 1)


@pytest.mark.parametrize("name", BAD)
def test_with_all_or_nothing_a_bad_token_keeps_all_out(authority: Authority, name: str) -> None:
    bad, reason = BAD[name]
    order = replace(ORDER, all_or_nothing=True)
    summary = authority.import_([*FLEET[:3], bad, FLEET[4]], order)
    assert summary.is_held_back
    assert (authority.serials, authority.stock.deliveries) == ([], {})
    assert authority.told.lines[3].reason.startswith(reason)
    assert authority.results[0] == (SERIALS[0], Result.IMPORTABLE)


def test_a_wrong_mac_is_seen_before_anything_is_opened(authority: Authority) -> None:
    good, other = seed_under(KEY, bytes(24)), seed_under(KEY, bytes([1] * 24))
    swapped = EncryptedSeed("kw-aes256", other.ciphertext, good.mac)
    file = MemoryFile([token(0, seed=good), token(1, seed=swapped)], HEAD_WITH_MAC)
    authority.import_(file)
    assert [line.reason for line in authority.told.lines] == ["", "MAC_MISMATCH"]


def test_a_custody_label_that_the_tenant_does_not_accept_is_refused(authority: Authority) -> None:
    order = replace(ORDER, custody=frozenset({CustodyLabel.GENERATED_IN_HSM}))
    summary = authority.import_(FLEET, order)
    assert authority.results == all_are(Result.REFUSED)
    assert {line.reason for line in authority.told.lines} == {"CUSTODY_NOT_ACCEPTED"}
    assert {line.custody for line in authority.told.lines} == {CustodyLabel.UNWRAPPED_IN_HSM}
    assert (summary.taken, authority.serials) == (0, [])


# --- what is refused as a whole ----------------------------------------------------------


def clear_file() -> MemoryFile:
    clear = EncryptedSeed("clear", bytes(20))
    return MemoryFile([token(0, seed=clear)], Head(InClear()))


def password_file(password: str) -> MemoryFile:
    key = PasswordKey(password, b"salt" * 4, 1000, 32, Hash.SHA1)
    return MemoryFile(FLEET, Head(key))


WHOLE = {
    "another vendor's key": (MemoryFile([spoiled(n) for n in range(9)]), "WRONG_KEY"),
    "a wrong password": (password_file("qwertz"), "WRONG_KEY"),
    "an unknown vendor": (MemoryFile(FLEET, Head(PreSharedKey("nobody"))), "UNKNOWN_VENDOR"),
    "clear text": (clear_file(), "CLEAR_TEXT_NOT_ALLOWED"),
    "a MAC key that does not open": (
        MemoryFile(
            FLEET,
            replace(HEAD_WITH_MAC, encryption=PreSharedKey("other")),
        ),
        "WRONG_KEY",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_a_file_that_no_key_opens_is_refused_in_one_sentence(
    authority: Authority, name: str, *, all_or_nothing: bool
) -> None:
    file, reason = WHOLE[name]
    authority.vault.vendors["other"] = bytes(32)
    authority.vault.allow_host_transient = isinstance(file.head.encryption, PasswordKey)
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(file, replace(ORDER, all_or_nothing=all_or_nothing))
    assert refused.value.reason == reason
    assert (authority.serials, authority.told.lines) == ([], [])
    assert "qwertz" not in str(refused.value)


def test_a_password_must_be_asked_for(authority: Authority) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(password_file("qwerty"))
    assert refused.value.reason == "HOST_TRANSIENT_NOT_ALLOWED"


def test_a_key_that_has_opened_a_seed_is_doubted_no_more(authority: Authority) -> None:
    authority.batch = 1
    authority.import_([FLEET[0], *[spoiled(number) for number in range(1, 5)]])
    assert [result for _, result in authority.results] == [Result.IMPORTED] + [Result.REFUSED] * 4


def test_duplicates_say_nothing_of_a_key(authority: Authority) -> None:
    authority.batch = 1
    authority.import_(MemoryFile(FLEET[:1], digest=b"another" * 4))
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_([FLEET[0], *[spoiled(number) for number in range(1, 5)]])
    assert refused.value.reason == "WRONG_KEY"


def test_what_an_earlier_run_opened_speaks_for_the_key(authority: Authority) -> None:
    file = MemoryFile([FLEET[0], spoiled(1)])
    for _ in range(2):
        authority.import_(file)
        assert [result for _, result in authority.results] == [Result.IMPORTED, Result.REFUSED]


# --- how it ends -------------------------------------------------------------------------

HALF = VendorFileRefused(Fault.TRUNCATED, "the file ends in the middle", 4711)


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_half_a_file_is_half_an_import(authority: Authority, batch: int) -> None:
    authority.batch = batch
    summary = authority.import_(MemoryFile(FLEET[:3], breaks=HALF))
    assert (summary.ending, summary.trouble) == (Ending.BROKE_OFF, HALF)
    assert authority.serials == SERIALS[:3]
    assert authority.stock.finished == {}


def test_with_all_or_nothing_half_a_file_is_nothing(authority: Authority) -> None:
    order = replace(ORDER, all_or_nothing=True)
    summary = authority.import_(MemoryFile(FLEET[:3], breaks=HALF), order)
    assert (summary.ending, summary.is_held_back) == (Ending.BROKE_OFF, True)
    assert (authority.serials, authority.stock.deliveries) == ([], {})


def test_an_end_that_is_asked_for_comes_after_the_batch(authority: Authority) -> None:
    asked = itertools.count()
    summary = authority.import_(FLEET, stop=lambda: next(asked) >= 2)
    assert summary.ending is Ending.INTERRUPTED
    assert authority.serials == SERIALS[:4]
    assert authority.results == all_are(Result.IMPORTED)[:4]
    authority.import_(FLEET)
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.serials == SERIALS


class Away(FakeStock):
    """A stock whose database goes away after the first batch."""

    async def add(self, delivery_id: str, tokens: Sequence[NewToken], actor: str) -> list[object]:  # type: ignore[override]
        if self.tokens:
            raise StoreUnavailable("no answer", 1.0)
        return list(await super().add(delivery_id, tokens, actor))


def test_an_outage_of_the_store_is_heard_and_what_is_reported_stands() -> None:
    authority = Authority(Away())
    summary = authority.import_(FLEET)
    assert (summary.ending, str(summary.trouble)) == (Ending.FAILED, "no answer")
    assert authority.results == all_are(Result.IMPORTED)[:2]
    assert authority.serials == SERIALS[:2]


@dataclass
class Failing(FakeDeliveryVault):
    """An HSM that goes away after so many batches."""

    lasts: int = 1

    async def seal(
        self, tenant: str, head: Head, seeds: Sequence[SeedToSeal]
    ) -> list[SealedSeed | SeedRefused]:
        self.lasts -= 1
        if self.lasts < 0:
            raise HsmUnavailable("the HSM is away", 1.0)
        return await super().seal(tenant, head, seeds)


@pytest.mark.parametrize("lasts", [0, 1, 2])
def test_an_outage_of_the_hsm_leaves_whole_batches(lasts: int) -> None:
    authority = Authority(vault=Failing({VENDOR: KEY}, lasts=lasts))
    summary = authority.import_(FLEET)
    assert summary.ending is Ending.FAILED
    assert authority.serials == SERIALS[: 2 * lasts]
    assert authority.results == all_are(Result.IMPORTED)[: 2 * lasts]


# --- dry runs, and all or nothing ----------------------------------------------------------


def test_a_dry_run_does_all_but_the_writing(authority: Authority) -> None:
    order = replace(ORDER, dry_run=True, assignments={SERIALS[0]: "c", "NOWHERE": "d"})
    summary = authority.import_([*FLEET[:3], spoiled(3), FLEET[0]], order)
    assert [result for _, result in authority.results] == [
        *[Result.IMPORTABLE] * 3,
        Result.REFUSED,
        Result.DUPLICATE,
        Result.NOT_IN_FILE,
    ]
    assert summary.dry_run
    assert authority.stock == FakeStock()


def test_all_or_nothing_reads_twice_and_reports_once(authority: Authority) -> None:
    summary = authority.import_(FLEET, replace(ORDER, all_or_nothing=True))
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.told.restarts == 2
    assert summary.results == {Result.IMPORTED: 5}
    assert not summary.dry_run


def test_all_or_nothing_is_nothing_where_an_assignment_is_not_in_the_file(
    authority: Authority,
) -> None:
    order = replace(ORDER, all_or_nothing=True, assignments={"NOWHERE": "customer-1"})
    assert authority.import_(FLEET, order).is_held_back
    assert authority.stock == FakeStock()


def test_duplicates_are_no_reason_for_nothing(authority: Authority) -> None:
    authority.import_(MemoryFile(FLEET[:2], digest=b"earlier" * 4))
    summary = authority.import_(FLEET, replace(ORDER, all_or_nothing=True))
    assert (summary.taken, summary.left_out) == (3, 2)
    assert authority.serials == SERIALS


def test_a_file_that_changes_between_the_readings_is_refused(authority: Authority) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        authority.import_(
            FLEET, replace(ORDER, all_or_nothing=True), reopened=MemoryFile(FLEET[:4])
        )
    assert refused.value.reason == "CHANGED"
    assert authority.serials == []


def test_an_interrupted_second_reading_is_completed_by_another_run(authority: Authority) -> None:
    order = replace(ORDER, all_or_nothing=True)
    asked = itertools.count()
    # Three batches and the end are asked for in the first reading.
    authority.import_(FLEET, order, stop=lambda: next(asked) >= 5)
    assert authority.serials == SERIALS[:2]
    authority.import_(FLEET, order)
    assert authority.results == all_are(Result.IMPORTED)
    assert authority.serials == SERIALS
