# SPDX-License-Identifier: Apache-2.0
"""One transaction, one text; one text, one transaction: the authority's and the app's."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final, Literal
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from kagimori.domain.errors import InvalidField
from kagimori.domain.transaction import (
    LARGEST_AMOUNT,
    LONGEST_NAME,
    LONGEST_REFERENCE,
    AccountType,
    Challenge,
    SigningProfile,
    Transaction,
    Transfer,
    check_challenge,
    question_of,
)
from support.transactions import CHALLENGE_ID, SERVICE_ID, encoded_by_app, read_by_app

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

CHARACTERS: Final = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ()-./,ｦｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ｢｣"
)
"""All that a name is written in but the space."""

FORMS: Final[list[Form]] = ["NFC", "NFD", "NFKC", "NFKD"]


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=count, max_size=count)


def words(longest: int, characters: str = CHARACTERS) -> st.SearchStrategy[str]:
    """Return names of up to ``longest`` characters."""
    word = st.text(characters, min_size=1, max_size=longest)
    return (
        st.lists(word, min_size=1, max_size=4)
        .map(" ".join)
        .map(lambda text: text[:longest].strip())
    )


def transfers_of(
    names: st.SearchStrategy[str], references: st.SearchStrategy[str]
) -> st.SearchStrategy[Transfer]:
    return st.builds(
        Transfer,
        digits(4),
        digits(3),
        st.sampled_from(AccountType),
        digits(7),
        names,
        st.integers(1, LARGEST_AMOUNT) | st.integers(1, 99),
        references,
    )


def challenges_of(transfers: st.SearchStrategy[Transfer]) -> st.SearchStrategy[Challenge]:
    several = st.lists(transfers, min_size=1, max_size=4).map(tuple)
    return st.builds(Challenge, digits(8), st.uuids().map(str), st.builds(Transaction, several))


transfers = transfers_of(words(LONGEST_NAME), st.just("") | words(LONGEST_REFERENCE))
challenges = challenges_of(transfers)

# Few words for everything, so that two of them are often nearly the same.
few_words = st.lists(st.sampled_from("AB"), max_size=3).map(" ".join)
alike = st.builds(
    Transfer,
    st.just("0001"),
    st.sampled_from(["001", "010"]),
    st.sampled_from(AccountType),
    st.sampled_from(["0000001", "0000010", "1000000"]),
    few_words.filter(bool) | st.just("0001 001 1 0000001 1"),
    st.sampled_from([1, 10, 11, 100]),
    few_words | st.just("0001 001 1 0000001"),
)
alike_challenges = st.builds(
    Challenge,
    st.just(SERVICE_ID),
    st.just(CHALLENGE_ID),
    st.lists(alike, min_size=1, max_size=3).map(lambda each: Transaction(tuple(each))),
)

anything = st.text(max_size=60) | st.text("0123456789 \n-Aa\uff71\u30a2\uff11", max_size=60)
odd_numbers = st.integers(-(10**12), 10**12)
odd_transfers = st.builds(
    Transfer,
    digits(4) | anything,
    digits(3) | anything,
    st.sampled_from(AccountType),
    digits(7) | anything,
    words(LONGEST_NAME) | anything,
    st.integers(1, LARGEST_AMOUNT) | odd_numbers,
    words(LONGEST_REFERENCE) | anything,
)


@st.composite
def with_one_odd(draw: st.DrawFn) -> Challenge:
    """Return a challenge of which one field, at most, is what somebody might send."""
    made = draw(challenges)
    odd = draw(odd_transfers)
    place = draw(st.integers(0, len(made.transaction.transfers) - 1))
    name = draw(st.sampled_from([each.name for each in fields(Transfer)]))
    several = list(made.transaction.transfers)
    several[place] = _with(several[place], name, getattr(odd, name))
    tenant = draw(st.just(made.tenant) | anything)
    challenge_id = draw(st.just(made.challenge_id) | anything | st.uuids().map(UUID.__str__))
    return Challenge(tenant, challenge_id, Transaction(tuple(several)))


@st.composite
def changed_by_one(draw: st.DrawFn) -> tuple[Challenge, Challenge]:
    """Return a challenge, and another one: one character of one field is another."""
    made = draw(challenges)
    place = draw(st.integers(0, len(made.transaction.transfers) - 1))
    one = made.transaction.transfers[place]
    name = draw(st.sampled_from(["bank", "branch", "account_number", "payee_name", "reference"]))
    text = getattr(one, name)
    assume(text)
    at = draw(st.integers(0, len(text) - 1))
    character = draw(
        st.sampled_from(CHARACTERS if "_n" in name or name == "reference" else "0123456789")
    )
    changed = _with(one, name, text[:at] + character + text[at + 1 :])
    several = list(made.transaction.transfers)
    several[place] = changed
    return made, Challenge(made.tenant, made.challenge_id, Transaction(tuple(several)))


def is_refused(of: Challenge, judge: Callable[[Challenge], object]) -> bool:
    try:
        judge(of)
    except (InvalidField, ValueError):
        return True
    return False


@given(challenges)
def test_what_is_encoded_is_read_back(made: Challenge) -> None:
    check_challenge(made)
    assert read_by_app(made.text) == made
    assert read_by_app(made.text).text == made.text
    assert encoded_by_app(made) == made.text


@given(challenges, challenges)
def test_two_challenges_never_encode_alike(one: Challenge, other: Challenge) -> None:
    assert (one == other) == (one.text == other.text) == (one.digest == other.digest)


@given(alike_challenges, alike_challenges)
def test_two_that_are_nearly_alike_never_encode_alike(one: Challenge, other: Challenge) -> None:
    assert (one == other) == (one.text == other.text) == (one.digest == other.digest)


@given(changed_by_one())
def test_one_character_of_one_field_makes_another_text(pair: tuple[Challenge, Challenge]) -> None:
    one, other = pair
    assert (one == other) == (one.text == other.text) == (one.digest == other.digest)


@given(challenges, st.data())
def test_what_is_moved_between_fields_and_transfers_makes_another_text(
    made: Challenge, data: st.DataObject
) -> None:
    several = list(made.transaction.transfers)
    move = data.draw(st.sampled_from(MOVES))
    moved = replace(made, transaction=Transaction(tuple(move(several))))
    assert (moved == made) == (moved.text == made.text) == (moved.digest == made.digest)


@given(challenges, st.integers(1, 10**6))
def test_the_same_transaction_again_is_another_text(made: Challenge, number: int) -> None:
    again = replace(made, challenge_id=str(UUID(int=UUID(made.challenge_id).int ^ number)))
    assert again.text != made.text


@given(with_one_odd())
def test_what_the_authority_refuses_the_app_refuses_and_nothing_else(made: Challenge) -> None:
    assert is_refused(made, check_challenge) == is_refused(made, encoded_by_app)


@given(st.text())
def test_a_text_that_is_read_is_the_encoding_of_what_is_read(text: str) -> None:
    try:
        made = read_by_app(text)
    except ValueError:
        return
    check_challenge(made)
    assert made.text == text


@given(challenges, st.data())
def test_a_text_with_one_character_changed_is_refused_or_another_challenge(
    made: Challenge, data: st.DataObject
) -> None:
    changed = data.draw(mutations(made.text))
    try:
        read = read_by_app(changed)
    except ValueError:
        return
    assert read != made
    check_challenge(read)
    assert read.text == changed


@given(words(LONGEST_NAME), st.data())
def test_a_name_in_another_form_of_unicode_is_itself_or_refused(
    name: str, data: st.DataObject
) -> None:
    form = data.draw(st.sampled_from(FORMS))
    wide = name.translate(WIDE)
    for other in (unicodedata.normalize(form, name), wide, unicodedata.normalize(form, wide)):
        assert other == name or is_refused(_named(other), check_challenge)


@given(words(LONGEST_NAME))
def test_two_names_of_one_compatible_form_are_one_name(name: str) -> None:
    # Each character is told by its own form, and forms do not run into each other.
    forms = {unicodedata.normalize("NFKD", each): each for each in (*CHARACTERS, " ")}
    assert len(forms) == len(CHARACTERS) + 1
    compatible = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name))
    assert "".join(forms[each] for each in compatible) == name


@given(transfers, transfers)
def test_two_payments_are_typed_alike_only_if_account_and_amount_are_one(
    one: Transfer, other: Transfer
) -> None:
    _assert_typed_apart(one, other)


@given(transfers, st.integers(0, 6), st.sampled_from("0123456789"))
def test_one_digit_of_an_account_makes_another_question(one: Transfer, at: int, digit: str) -> None:
    number = one.account_number
    _assert_typed_apart(one, replace(one, account_number=number[:at] + digit + number[at + 1 :]))


@given(transfers)
def test_digits_moved_between_account_and_amount_make_another_question(one: Transfer) -> None:
    digits = f"{one.account_number}{one.amount}"
    for shift in (1, 2, 3):
        account, amount = digits[shift : shift + 7], digits[:shift] + digits[shift + 7 :]
        if int(amount):
            _assert_typed_apart(one, replace(one, account_number=account, amount=int(amount)))


@given(transfers)
def test_a_question_that_was_typed_has_one_reading_and_fits(one: Transfer) -> None:
    question = question_of(SigningProfile.TYPED, _about(one)).text
    assert (question[:7], int(question[7:])) == (one.account_number, one.amount)
    assert question[7] != "0"
    assert question.isascii()
    assert 8 <= len(question) <= 20


def mutations(text: str) -> st.SearchStrategy[str]:
    """Return texts that differ from ``text`` in one character: another, none, one more."""
    character = st.sampled_from(CHARACTERS + " \n\ra\u30a2") | st.characters()
    at = st.integers(0, len(text) - 1)
    return st.one_of(
        st.builds(lambda at, other: text[:at] + other + text[at + 1 :], at, character),
        st.builds(lambda at: text[:at] + text[at + 1 :], at),
        st.builds(lambda at, other: text[:at] + other + text[at:], at, character),
        st.builds(lambda at: text[:at] + text[at:][:2][::-1] + text[at + 2 :], at),
        character.map(lambda other: text + other),
    ).filter(lambda changed: changed != text)


def _with(one: Transfer, name: str, text: Any) -> Transfer:  # noqa: ANN401 - any field
    return replace(one, **{name: text})


def _about(*several: Transfer) -> Challenge:
    return Challenge(SERVICE_ID, CHALLENGE_ID, Transaction(several))


def _named(name: str) -> Challenge:
    return _about(Transfer("0001", "123", AccountType.ORDINARY, "1234567", name, 1, ""))


def _assert_typed_apart(one: Transfer, other: Transfer) -> None:
    same = (one.account_number, one.amount) == (other.account_number, other.amount)
    questions = [question_of(SigningProfile.TYPED, _about(each)) for each in (one, other)]
    assert (questions[0] == questions[1]) == same


def _first(several: list[Transfer], **changes: Any) -> list[Transfer]:  # noqa: ANN401 - any field
    return [replace(several[0], **changes), *several[1:]]


def _swap_names(several: list[Transfer]) -> list[Transfer]:
    names = [each.payee_name for each in several]
    turned = [*names[1:], names[0]]
    return [replace(each, payee_name=name) for each, name in zip(several, turned, strict=True)]


def _swap_amounts(several: list[Transfer]) -> list[Transfer]:
    amounts = [each.amount for each in several][::-1]
    return [replace(each, amount=amount) for each, amount in zip(several, amounts, strict=True)]


def _move_a_yen(several: list[Transfer]) -> list[Transfer]:
    first, last = several[0], several[-1]
    if len(several) == 1 or first.amount == 1:
        return several
    given = replace(first, amount=first.amount - 1)
    return [given, *several[1:-1], replace(last, amount=last.amount + 1)]


MOVES: Final[list[Callable[[list[Transfer]], list[Transfer]]]] = [
    lambda all_: all_[::-1],
    lambda all_: [*all_, all_[0]],
    lambda all_: all_[1:] or all_,
    _swap_names,
    _swap_amounts,
    _move_a_yen,
    lambda all_: _first(all_, payee_name=all_[0].reference or "A", reference=all_[0].payee_name),
    lambda all_: _first(
        all_,
        payee_name=all_[0].payee_name[:-1] or "A",
        reference=all_[0].payee_name[-1] + all_[0].reference,
    ),
    lambda all_: _first(all_, payee_name=f"{all_[0].payee_name}{all_[0].reference}", reference=""),
    lambda all_: _first(all_, bank=all_[0].branch + all_[0].bank[3:], branch=all_[0].bank[:3]),
]
"""Ways to move what is in one field, or one transfer, to another."""

# U+FF21 is the full-width A, and so on; katakana are done by normalising.
WIDE: Final = {ord(each): ord(each) + 0xFEE0 for each in CHARACTERS if each.isascii()}
