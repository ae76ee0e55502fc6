# SPDX-License-Identifier: Apache-2.0
"""The names that a bank's code imports, and the branches that it catches by."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

import kagimori_client
from kagimori_client import (
    AlreadyActive,
    AuthorityFault,
    CallRefused,
    CannotSign,
    ChallengeOver,
    GridAnswerRejected,
    GridCardLocked,
    InvalidRequest,
    KagimoriError,
    LiveToken,
    NoGridCard,
    NotAllowed,
    NotAssigned,
    NotHardware,
    NotIdentified,
    NotInStock,
    NotLocked,
    NotNow,
    NotOffered,
    NoToken,
    NotProvisioned,
    OtpRefused,
    OtpRejected,
    OtpReplayed,
    Outage,
    ProposalOpen,
    ProposalOver,
    RefusedPart,
    ReissueTooEarly,
    ReplacementExpired,
    ReplacementNotBegun,
    RequestIdReused,
    SamePerson,
    SameToken,
    TokenExpired,
    TokenLocked,
    TokenNotActive,
    TransactionChanged,
    TriesSpent,
    Unavailable,
    UnknownProposal,
    UnknownSerial,
    UnknownToken,
    errors,
)

ID = UUID("0192b3c4-5d6e-7f80-9123-456789abcdef")
BRANCHES: dict[type[KagimoriError], set[type[KagimoriError]]] = {
    OtpRefused: {
        OtpRejected,
        OtpReplayed,
        TokenLocked,
        TokenNotActive,
        UnknownToken,
        GridAnswerRejected,
        GridCardLocked,
        TriesSpent,
    },
    NotNow: {
        LiveToken,
        ReissueTooEarly,
        NotProvisioned,
        AlreadyActive,
        NoToken,
        NotLocked,
        NotOffered,
        NotInStock,
        TokenExpired,
        NotAssigned,
        NotHardware,
        ReplacementNotBegun,
        ReplacementExpired,
        SameToken,
        NoGridCard,
        ChallengeOver,
        CannotSign,
        TransactionChanged,
        SamePerson,
        ProposalOver,
        ProposalOpen,
    },
    CallRefused: {
        InvalidRequest,
        RequestIdReused,
        UnknownSerial,
        UnknownProposal,
        NotIdentified,
        NotAllowed,
    },
    Outage: {Unavailable, AuthorityFault},
}


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(kagimori_client.__all__) == kagimori_client.__all__
    for name in kagimori_client.__all__:
        assert inspect.getdoc(getattr(kagimori_client, name)), name


def test_every_error_is_exported() -> None:
    defined = {kind.__name__ for kind in _errors()}
    assert len(defined) > len(BRANCHES)
    assert defined <= set(kagimori_client.__all__)


def _errors() -> list[type[KagimoriError]]:
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    return [kind for kind in kinds if issubclass(kind, KagimoriError)]


def test_the_tree_has_these_branches_and_no_other() -> None:
    assert set(KagimoriError.__subclasses__()) == set(BRANCHES)
    for branch, leaves in BRANCHES.items():
        assert set(branch.__subclasses__()) == leaves


def test_every_refusal_says_what_it_is_about() -> None:
    about: dict[RefusedPart, set[type[KagimoriError]]] = {part: set() for part in RefusedPart}
    for kind in OtpRefused.__subclasses__():
        about[kind.part].add(kind)
    assert about[RefusedPart.GRID_CARD] == {GridAnswerRejected, GridCardLocked}
    assert about[RefusedPart.CUSTOMER] == {TriesSpent}


@pytest.mark.parametrize(
    "error",
    [
        OtpRejected(ID, 4),
        InvalidRequest("code", "must be 6 to 10 ASCII digits", ID),
        NotAllowed("the caller must hold role channel", ID),
        LiveToken("the customer has a token already", ID),
        ReissueTooEarly("a new token can be issued from tomorrow on", ID, None),
        Unavailable("no answer", ID, 1.5),
    ],
)
def test_every_error_says_its_request_id(error: KagimoriError) -> None:
    assert error.request_id == ID
    assert str(ID) in str(error)


@pytest.mark.parametrize(
    "error",
    [
        NoToken("the customer has no token", None),
        InvalidRequest("subscriber_ref", "must be a str", None),
        Unavailable("no answer", None, 1.5),
    ],
)
def test_an_error_without_a_request_id_says_nothing_of_one(error: KagimoriError) -> None:
    assert error.request_id is None
    assert str(error) == error.args[0]


def test_the_client_needs_nothing_of_the_server() -> None:
    home = Path(kagimori_client.__file__).parents[1]
    script = (
        "import sys, kagimori_client; print([m for m in sys.modules if m.startswith('kagimori.')])"
    )
    path = [str(home), *(path for path in sys.path if "site-packages" in path)]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
