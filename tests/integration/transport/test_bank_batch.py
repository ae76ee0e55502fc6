# SPDX-License-Identifier: Apache-2.0
"""The client's batches: for each offer what the single call returns or raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from kagimori.domain import errors
from kagimori.domain.outcome import Outcome, Verdict
from kagimori.transport.verification.codes import LARGEST_BATCH
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    InvalidRequest,
    KagimoriError,
    NotAllowed,
    Offer,
    Operation,
    OtpRejected,
    Receipt,
    RequestIdReused,
    Unavailable,
)
from kagimori_client.batch import LARGEST
from support.served.transport import ScriptedVerify, Served

CODE = "755224"
REF = "customer-4711"


@pytest.fixture
def bank(served: Served) -> Iterator[BankChannel]:
    with open_bank(served) as bank:
        yield bank


def open_bank(served: Served, role: str = "channel") -> BankChannel:
    identity = served.bank(role)
    return BankChannel(
        served.target,
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=served.authority.ca_file,
        timeout=30.0,
    )


def offers(count: int) -> list[Offer]:
    return [Offer(CODE, subscriber_ref=REF) for _ in range(count)]


def test_each_offer_has_its_own_answer(bank: BankChannel, verify: ScriptedVerify) -> None:
    verify.answers.append(Verdict(Outcome.REJECTED, attempts_left=4))
    rejected, accepted = bank.verify_batch(offers(2))
    assert isinstance(rejected, OtpRejected)
    assert rejected.attempts_left == 4
    assert isinstance(accepted, Receipt)
    assert accepted.number == "1234567"


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestIdReused(),
        errors.RecordTampered(),
        errors.StoreUnavailable("the database gave no answer", 3600.0),
        errors.Overloaded("too many", 3600.0),
        KeyError(CODE),
    ],
)
def test_an_offer_fails_as_the_single_call_fails(
    bank: BankChannel, verify: ScriptedVerify, error: Exception
) -> None:
    offer = Offer(CODE, serial="2V0716016FK2", operation=Operation.TRANSFER)
    verify.answers.extend([error, error])
    with pytest.raises(KagimoriError) as raised:
        bank.verify(
            CODE, serial="2V0716016FK2", operation=offer.operation, request_id=offer.request_id
        )
    (answer,) = bank.verify_batch([offer])
    assert type(answer) is type(raised.value)
    assert vars(answer) == vars(raised.value)
    assert str(answer) == str(raised.value)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("code", {"code": "75522"}),
        ("code", {"code": CODE.encode()}),
        ("subject", {"subscriber_ref": None}),
        ("operation", {"operation": "LOGIN"}),
        ("subscriber_ref", {"subscriber_ref": "x" * 65}),
    ],
)
def test_a_wrong_offer_touches_no_other(
    bank: BankChannel, verify: ScriptedVerify, field: str, changed: dict[str, Any]
) -> None:
    good, bad = offers(2)
    bad = replace(bad, **changed)
    first, second, third = bank.verify_batch([good, bad, *offers(1)])
    assert isinstance(first, Receipt)
    assert isinstance(third, Receipt)
    assert isinstance(second, InvalidRequest)
    assert (second.field, second.request_id) == (field, bad.request_id)
    with pytest.raises(InvalidRequest) as raised:
        bank.verify(
            bad.code,
            subscriber_ref=bad.subscriber_ref,
            operation=bad.operation,
            request_id=bad.request_id,
        )
    assert vars(second) == vars(raised.value)
    assert len(verify.asked) == 2


def test_only_what_has_no_answer_is_asked_again(bank: BankChannel, verify: ScriptedVerify) -> None:
    asked = offers(3)
    verify.answers.extend(
        [
            errors.TokenBusy("busy", 0.05),
            Verdict(Outcome.REPLAYED, attempts_left=5),
            errors.Overloaded("too many", 0.05),
        ]
    )
    answers = bank.verify_batch(asked)
    assert [type(answer).__name__ for answer in answers] == ["Receipt", "OtpReplayed", "Receipt"]
    again = [str(asked[0].request_id), str(asked[2].request_id)]
    assert [each["request_id"] for each in verify.asked[3:]] == again


def test_an_outage_that_lasts_concerns_its_offers_alone(
    bank: BankChannel, verify: ScriptedVerify
) -> None:
    asked = offers(2)
    verify.answers.append(errors.StoreUnavailable("the database gave no answer", 3600.0))
    out, accepted = bank.verify_batch(asked)
    assert isinstance(out, Unavailable)
    assert (out.retry_after, out.request_id) == (3600.0, asked[0].request_id)
    assert isinstance(accepted, Receipt)
    assert len(verify.asked) == 2
    # The same offer once more: it keeps its request_id.
    bank.verify_batch([asked[0]])
    assert verify.asked[-1]["request_id"] == str(asked[0].request_id)


def test_a_call_that_is_refused_is_refused_for_every_offer(
    served: Served, verify: ScriptedVerify
) -> None:
    asked = offers(2)
    with open_bank(served, role="registrar") as bank:
        answers = bank.verify_batch(asked)
    assert [type(answer) for answer in answers] == [NotAllowed, NotAllowed]
    names = [cast("KagimoriError", answer).request_id for answer in answers]
    assert names == [offer.request_id for offer in asked]
    assert not verify.asked


def test_an_authority_that_is_not_there_answers_no_offer(served: Served) -> None:
    identity = served.bank()
    with BankChannel(
        "localhost:1",
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=served.authority.ca_file,
        timeout=0.5,
    ) as bank:
        assert [type(answer) for answer in bank.verify_batch(offers(3))] == [Unavailable] * 3


def test_the_bounds_are_the_authoritys(bank: BankChannel, verify: ScriptedVerify) -> None:
    assert LARGEST == LARGEST_BATCH
    assert all(isinstance(answer, Receipt) for answer in bank.verify_batch(offers(LARGEST)))
    verify.asked.clear()
    for wrong in ([], offers(LARGEST + 1), [Offer(CODE, subscriber_ref="銀" * 30_000)]):
        with pytest.raises(ValueError, match="offers must"):
            bank.verify_batch(wrong)
    with pytest.raises(TypeError, match="Offer"):
        bank.verify_batch(cast("Any", [CODE]))
    with pytest.raises(TypeError, match="request_id"):
        bank.verify_batch([replace(offers(1)[0], request_id=cast("Any", "4711"))])
    with pytest.raises(ValueError, match="timeout"):
        bank.verify_batch(offers(1), timeout=0)
    assert not verify.asked


def test_an_offer_shows_neither_code_nor_customer() -> None:
    shown = repr(Offer(CODE, subscriber_ref=REF))
    assert CODE not in shown
    assert REF not in shown


def test_errors_are_values_of_no_fault_of_ours(bank: BankChannel, verify: ScriptedVerify) -> None:
    verify.answers.extend([errors.RequestIdReused(), KeyError(CODE)])
    reused, fault = bank.verify_batch(offers(2))
    assert isinstance(reused, RequestIdReused)
    assert isinstance(fault, AuthorityFault)
    assert CODE not in str(fault)
