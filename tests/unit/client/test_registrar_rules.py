# SPDX-License-Identifier: Apache-2.0
"""Every rule that the authority names to a bank has an error of its own in the client."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest

import kagimori_client
from kagimori.api.types.v1 import types_pb2
from kagimori.domain import errors as server
from kagimori.transport.status import write_refusal
from kagimori_client import CallRefused, KagimoriError, NotNow
from kagimori_client.api.types.v1.types_pb2 import Refusal
from kagimori_client.status import error_of_refusal

ID: Final = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")

TOLD_TO_APPS_ONLY: Final = {server.ActivationExpired, server.AlreadyProvisioned}
"""Rules of the set-up: a bank does not set apps up."""

ERRORS: Final = [
    server.LiveToken(),
    server.ReissueTooEarly("2012-04-26"),
    server.NotProvisioned(),
    server.AlreadyActive(),
    server.NoToken(),
    server.NotLocked(),
    server.NotOffered("software tokens"),
    server.NotInStock(),
    server.TokenExpired(),
    server.NotAssigned(),
    server.NotHardware(),
    server.ReplacementNotBegun(),
    server.ReplacementExpired(),
    server.SameToken(),
    server.NoGridCard(),
    server.ChallengeOver(),
    server.CannotSign(),
    server.TransactionChanged(),
    server.SamePerson(),
    server.ProposalOver(),
    server.ProposalOpen(),
]
NAMED_AND_NOT_THERE: Final = [server.UnknownSerial(), server.UnknownProposal()]


def test_these_are_all_the_rules_there_are() -> None:
    rules = set(server.NotNow.__subclasses__()) - TOLD_TO_APPS_ONLY
    assert {type(error) for error in ERRORS} == rules


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).reason)
def test_a_rule_has_the_same_name_on_both_sides(error: server.NotNow) -> None:
    told = told_of(error)
    assert type(told) is getattr(kagimori_client, type(error).__name__)
    assert isinstance(told, NotNow)
    assert told.args[0] == str(error)


@pytest.mark.parametrize("error", [server.ActivationExpired(), server.AlreadyProvisioned()])
def test_a_rule_without_an_error_of_its_own_forbids_all_the_same(error: server.NotNow) -> None:
    assert type(error) in TOLD_TO_APPS_ONLY
    assert type(told_of(error)) is NotNow


@pytest.mark.parametrize("error", NAMED_AND_NOT_THERE, ids=lambda error: type(error).reason)
def test_what_a_bank_names_and_has_not_is_its_own_matter(error: server.AuthorityError) -> None:
    told = told_of(error)
    assert type(told) is getattr(kagimori_client, type(error).__name__)
    assert isinstance(told, CallRefused)


def told_of(error: server.AuthorityError) -> KagimoriError:
    """Return what the client makes of the server's words; a refusal says what a status says."""
    refusal = types_pb2.Refusal()
    write_refusal(error, refusal)
    return error_of_refusal(Refusal.FromString(refusal.SerializeToString()), ID)
