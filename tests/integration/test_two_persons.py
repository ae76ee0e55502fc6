# SPDX-License-Identifier: Apache-2.0
"""Two persons of a bank, by their certificates, on a real listener: who may do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from contracts.inventory.desk_contract import at_once
from development.certificates import AUTHORITY_TENANT, CertificateAuthority, new_authority
from kagimori.domain.lifecycle import State
from kagimori.domain.outcome import Outcome
from kagimori.domain.token import Kind
from kagimori.transport.server import DATABASE, HSM, AuthorityServer, UseCases, build_server
from kagimori_client import (
    NotAllowed,
    NotIdentified,
    NotOffered,
    NoToken,
    ProposalOpen,
    ProposalOver,
    RequestIdReused,
    SamePerson,
    UnknownProposal,
)
from kagimori_client.errors import InvalidRequest, KagimoriError
from kagimori_client.replacement_desk import ReplacementDesk
from kagimori_client.replacement_proposal import (
    ProposalState,
    ReplacementProposal,
    ReplacementReason,
)
from support.banks.branch import LONG_AGO, NEXT, Branch
from support.banks.registering import SECOND, Page, bank_of, code
from support.databases.database import TestDatabase
from support.served.transport import (
    PATIENCE,
    HsmOnTheDesk,
    ScriptedEnrollment,
    ScriptedVerify,
    on_loop,
    settings_of,
)
from support.tokens import OTHER_TENANT, SERIAL, SUBSCRIBER, TENANT

SUZUKI, TANAKA = "suzuki", "tanaka"
LOST = ReplacementReason.LOST
CLIENTS = 6

Call = Callable[[ReplacementDesk, UUID], object]


@dataclass
class House:
    """A listener, the branch whose rows it writes, and the bank's staff."""

    branch: Branch
    authority: CertificateAuthority
    target: str
    _open: ExitStack = field(default_factory=ExitStack)

    def desk(
        self, name: str = SUZUKI, tenant: str = TENANT, role: str = "operator"
    ) -> ReplacementDesk:
        """Connect with a certificate that is made for it."""
        who = self.authority.client(tenant, role, name)
        return self._open.enter_context(
            ReplacementDesk(
                self.target,
                certificate=who.certificate,
                private_key=who.private_key,
                authority_ca=self.authority.ca_file,
                timeout=PATIENCE,
            )
        )

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = TestDatabase(tmp_path)
    branch, authority = Branch(database), new_authority(tmp_path / "certificates")
    server = on_loop(started(branch, authority))
    house = House(branch, authority, f"localhost:{server.port}")
    try:
        yield house
    finally:
        house.close()
        on_loop(server.stop(grace=0.5))
        database.close()


async def started(branch: Branch, authority: CertificateAuthority) -> AuthorityServer:
    scripted = ScriptedEnrollment()
    use_cases = UseCases(
        ScriptedVerify(),
        scripted.require,
        scripted.use_cases(),
        HsmOnTheDesk(),
        assistance=branch.another_process(),
    )
    settings = settings_of(authority, tenants=frozenset({TENANT, OTHER_TENANT}))
    server = build_server(settings, use_cases, {HSM: _pinged, DATABASE: _pinged})
    await server.start()
    return server


async def _pinged() -> None:
    """Say that all is well."""


def refused(house: House, error: type[KagimoriError], call: Callable[[], object]) -> None:
    """See it refused, with nothing changed."""
    before = house.branch.rows()
    with pytest.raises(error) as raised:
        call()
    assert raised.type is error
    assert SUBSCRIBER not in str(raised.value)
    assert house.branch.rows() == before


def propose(desk: ReplacementDesk, _: UUID) -> object:
    return desk.propose(SUBSCRIBER, LOST)


def approve(desk: ReplacementDesk, proposal_id: UUID) -> object:
    return desk.approve(proposal_id, SUBSCRIBER)


def reject(desk: ReplacementDesk, proposal_id: UUID) -> object:
    return desk.reject(proposal_id)


def listing(desk: ReplacementDesk, _: UUID) -> object:
    return desk.open()


EVERY_CALL: list[Call] = [propose, approve, reject, listing]


# --- two persons ----------------------------------------------------------------


def test_the_second_person_sees_and_approves_what_the_first_proposed(house: House) -> None:
    house.branch.hand_out()
    suzuki, tanaka = house.desk(SUZUKI), house.desk(TANAKA)
    made = suzuki.propose(SUBSCRIBER, ReplacementReason.STOLEN)
    assert (made.serial, made.reason) == (SERIAL, ReplacementReason.STOLEN)
    assert (made.state, made.proposed_by, made.decided_by) == (ProposalState.PROPOSED, SUZUKI, "")
    assert made.approve_by is not None
    assert (made.approve_by - made.proposed_at).total_seconds() == 3 * 3600
    assert tanaka.open() == [made]
    approved = tanaka.approve(made.proposal_id, SUBSCRIBER)
    assert (approved.state, approved.decided_by) == (ProposalState.APPROVED, TANAKA)
    assert approved.complete_by is not None
    assert approved.approve_by is None
    assert tanaka.open() == []
    # Sent again, by whoever, it is the same.
    assert tanaka.approve(made.proposal_id, SUBSCRIBER) == approved
    assert house.desk("yamada").approve(made.proposal_id, SUBSCRIBER) == approved
    lines = house.branch.database.run("SELECT * FROM audit ORDER BY id")
    acts = [(line["actor"], line["action"]) for line in lines if line["action"] != "IMPORT"]
    assert acts == [(SUZUKI, "PROPOSE"), (TANAKA, "APPROVE")]


def test_one_person_twice_is_refused(house: House) -> None:
    house.branch.hand_out()
    made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
    # A second certificate, with a key of its own, is the same person's.
    for desk in (house.desk(SUZUKI), house.desk(SUZUKI)):
        refused(house, SamePerson, partial(approve, desk, made.proposal_id))
    assert house.branch.replacements() == []
    assert [each.state for each in house.desk(TANAKA).open()] == [ProposalState.PROPOSED]


def test_nor_is_he_faster_than_the_rule(house: House) -> None:
    house.branch.hand_out()
    made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
    names = [SUZUKI] * CLIENTS + [TANAKA]
    told = at_once([partial(attempt, house.desk(name), made.proposal_id) for name in names])
    assert told[:-1] == [SamePerson] * CLIENTS
    approved = told[-1]
    assert isinstance(approved, ReplacementProposal)
    assert approved.decided_by == TANAKA
    (begun,) = house.branch.replacements()
    assert begun["proposal_id"] == str(made.proposal_id)


def test_of_two_who_approve_at_once_both_hear_the_same(house: House) -> None:
    house.branch.hand_out()
    made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
    names = [TANAKA, "yamada", "sato"]
    told = at_once([partial(attempt, house.desk(name), made.proposal_id) for name in names])
    assert isinstance(told[0], ReplacementProposal)
    assert told == [told[0]] * len(names)
    assert told[0].decided_by in names
    assert len(house.branch.replacements()) == 1


def attempt(desk: ReplacementDesk, proposal_id: UUID) -> object:
    """Return the proposal, or the error's class."""
    try:
        return desk.approve(proposal_id, SUBSCRIBER)
    except KagimoriError as error:
        return type(error)


# --- others ---------------------------------------------------------------------


@pytest.mark.parametrize("call", EVERY_CALL)
@pytest.mark.parametrize(
    ("tenant", "role"),
    [
        (TENANT, "registrar"),
        (TENANT, "channel"),
        (AUTHORITY_TENANT, "operator"),
        (AUTHORITY_TENANT, "hsm-admin"),
        (AUTHORITY_TENANT, "auditor"),
    ],
)
def test_nobody_else_has_a_say_in_it(house: House, tenant: str, role: str, call: Call) -> None:
    house.branch.hand_out()
    made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
    stranger = house.desk(TANAKA, tenant, role)
    refused(house, NotAllowed, partial(call, stranger, made.proposal_id))


def test_another_banks_operators_have_their_own_proposals(house: House) -> None:
    house.branch.hand_out()
    house.branch.hand_out(tenant=OTHER_TENANT)
    made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
    theirs = house.desk(TANAKA, OTHER_TENANT)
    refused(house, UnknownProposal, partial(approve, theirs, made.proposal_id))
    refused(house, UnknownProposal, partial(reject, theirs, made.proposal_id))
    assert theirs.open() == []
    own = theirs.propose(SUBSCRIBER, LOST)
    refused(house, UnknownProposal, partial(approve, house.desk(TANAKA), own.proposal_id))
    # Another bank's suzuki is another person.
    assert house.desk(SUZUKI, OTHER_TENANT).approve(own.proposal_id, SUBSCRIBER).decided_by


def test_a_bank_that_is_not_served_is_nobody(house: House) -> None:
    made = uuid4()
    for call in EVERY_CALL:
        refused(house, NotIdentified, partial(call, house.desk(TANAKA, "99999999"), made))


# --- refusals as a client has them ------------------------------------------------


def test_a_rejection_is_anybodys_and_final(house: House) -> None:
    house.branch.hand_out()
    suzuki, tanaka = house.desk(SUZUKI), house.desk(TANAKA)
    made = suzuki.propose(SUBSCRIBER, LOST)
    rejected = suzuki.reject(made.proposal_id)
    assert (rejected.state, rejected.decided_by) == (ProposalState.REJECTED, SUZUKI)
    assert tanaka.reject(made.proposal_id) == rejected
    refused(house, ProposalOver, partial(approve, tanaka, made.proposal_id))


def test_the_same_request_tells_what_became_of_it(house: House) -> None:
    house.branch.hand_out()
    suzuki, request_id = house.desk(SUZUKI), uuid4()
    made = suzuki.propose(SUBSCRIBER, LOST, request_id=request_id)
    assert suzuki.propose(SUBSCRIBER, LOST, request_id=request_id) == made
    refused(house, ProposalOpen, lambda: suzuki.propose(SUBSCRIBER, LOST))
    refused(house, RequestIdReused, lambda: suzuki.propose(NEXT, LOST, request_id=request_id))
    house.branch.database.run("UPDATE proposals SET approve_by = ?", LONG_AGO)
    late = suzuki.propose(SUBSCRIBER, LOST, request_id=request_id)
    assert (late.state, late.approve_by) == (ProposalState.EXPIRED, None)
    refused(house, ProposalOver, partial(approve, house.desk(TANAKA), made.proposal_id))


def test_what_cannot_be_is_said(house: House) -> None:
    suzuki = house.desk(SUZUKI)
    refused(house, NoToken, partial(propose, suzuki, uuid4()))
    refused(house, UnknownProposal, partial(approve, suzuki, uuid4()))
    policies = house.branch.policies
    policies[TENANT] = replace(policies[TENANT], registration=None)
    for call in EVERY_CALL:
        refused(house, NotOffered, partial(call, suzuki, uuid4()))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("", LOST), "subscriber_ref"),
        (("x" * 65, LOST), "subscriber_ref"),
        ((4711, LOST), "subscriber_ref"),
        ((SUBSCRIBER, "LOST"), "reason"),
        ((SUBSCRIBER, None), "reason"),
    ],
    ids=["none", "long", "number", "word", "no-reason"],
)
def test_a_wrong_argument_is_named(house: House, arguments: Any, named: str) -> None:  # noqa: ANN401 - wrong ones
    with pytest.raises(InvalidRequest) as raised:
        house.desk().propose(*arguments)
    assert raised.value.field == named


def test_a_proposal_is_named_by_its_uuid(house: House) -> None:
    wrong: Any = str(uuid4())
    for call in (approve, reject):
        with pytest.raises(InvalidRequest) as raised:
            call(house.desk(), wrong)
        assert raised.value.field == "proposal_id"


def test_the_log_names_persons_and_proposals_and_no_customer(house: House) -> None:
    house.branch.hand_out()
    suzuki, tanaka = house.desk(SUZUKI), house.desk(TANAKA)
    with capture_logs() as logs:
        made = suzuki.propose(SUBSCRIBER, LOST)
        with pytest.raises(SamePerson):
            suzuki.approve(made.proposal_id, SUBSCRIBER)
        tanaka.open()
        tanaka.approve(made.proposal_id, SUBSCRIBER)
    told = [(entry["caller"], entry.get("reason"), entry.get("proposal")) for entry in logs]
    assert told == [
        (SUZUKI, None, "PROPOSED"),
        (SUZUKI, "SAME_PERSON", None),
        (TANAKA, None, None),
        (TANAKA, None, "APPROVED"),
    ]
    ids = [entry.get("proposal_id") for entry in logs]
    assert ids == [str(made.proposal_id), str(made.proposal_id), None, str(made.proposal_id)]
    assert SUBSCRIBER not in str(logs)


# --- and then the customer --------------------------------------------------------


@pytest.mark.parametrize("state", [State.ACTIVE, State.LOCKED])
@pytest.mark.parametrize("kind", Kind)
def test_the_customer_completes_what_two_persons_agreed_on(
    house: House, kind: Kind, state: State
) -> None:
    bank = bank_of(house.branch.database)
    try:
        page = Page(bank)
        page.registered(SERIAL, kind)
        page.stock(SECOND)
        page.change_token(SERIAL, state=state)
        made = house.desk(SUZUKI).propose(SUBSCRIBER, LOST)
        house.desk(TANAKA).approve(made.proposal_id, SUBSCRIBER)
        if state is State.ACTIVE:
            # Until then it works.
            assert page.log_in(code(1)) is Outcome.ACCEPTED
        answer = page.complete(code(0, SECOND))
        assert answer.verdict.outcome is Outcome.ACCEPTED
        assert (answer.serial_after, answer.serial_before) == (SECOND, SERIAL)
        assert page.log_in(code(1, SECOND)) is Outcome.ACCEPTED
        # Nobody has the old one in hand: it never goes to another customer.
        old = page.row(SERIAL)
        assert (old["state"], old["subscriber"], bytes(old["blob"])) == ("RETIRED", None, b"")
    finally:
        bank.close()
