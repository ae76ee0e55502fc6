# SPDX-License-Identifier: Apache-2.0
"""An HSM that is slow, or that does not answer: SoftHSM behind the shim."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from kagimori.adapters.vault import HsmVault, Sessions
from kagimori.application.ports import NoMatch, Search, SearchAnswer, SearchFailed
from kagimori.domain.code import Otp
from kagimori.domain.errors import HsmUnavailable
from kagimori.domain.lifecycle import State
from kagimori.domain.token import Token
from kagimori.domain.window import Window
from support.custody.hsm import HsmFiles, fresh_hsm, python_environment
from support.custody.shim import SOFTHSM, Shim, ensure_built
from support.custody.vault import hsm_of
from support.tokens import EVENT, TENANT, identity
from support.waiting import ping, search

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM"),
]

Opener = Callable[..., HsmVault]

FOR_EVER = 600_000
"""Milliseconds: longer than any test."""
WINDOW = Window(5, 5, 5)
WRONG = Otp("00000000")
"""It has more digits than the tokens' codes, so that it is nobody's."""

# Ends its own process: a call that hangs is still under way.
CLOSES = """
import threading
from pathlib import Path
from integration.test_slow_hsm import *
files, shim = HsmFiles(Path(sys.argv[1])), Shim(Path(sys.argv[2]))
how = Sessions(1, wait=0.2, cache_entries=8, cache_seconds=60)
vault = HsmVault.open(hsm_of(files, shim.path), how)
shim.hang("C_UnwrapKey", FOR_EVER, times=1)
answer = complaint(vault)
vault.close()
print(answer, "closed", flush=True)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> HsmFiles:
    return fresh_hsm(tmp_path_factory.mktemp("hsm"), {"abukuma": TENANT})


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory, files: HsmFiles) -> Iterator[Shim]:
    """The module-wide shim: a process loads it once."""
    ensure_built()
    shim = Shim(tmp_path_factory.mktemp("shim"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shim.environment.items():
            patch.setenv(name, value)
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        yield shim


@pytest.fixture
def opened(files: HsmFiles, shim: Shim) -> Opener:
    def opened(sessions: int, wait: float = 1.0) -> HsmVault:
        how = Sessions(sessions, wait, cache_entries=4096, cache_seconds=600)
        return HsmVault.open(hsm_of(files, shim.path), how)

    return opened


@contextmanager
def using(vault: HsmVault, shim: Shim) -> Iterator[HsmVault]:
    """Close it whatever happens: a module has one user in a process."""
    try:
        yield vault
    finally:
        shim.clear()
        vault.close()


def wrong_codes(vault: HsmVault, count: int) -> list[Search]:
    """One HMAC's worth of work for each of ``count`` tokens."""
    seed = vault.decoy(TENANT).identity.seed
    rows = [identity(EVENT, seed=seed, token_id=f"token-{n}") for n in range(count)]
    tokens = [Token(row, vault.row_mac(row), State.ACTIVE) for row in rows]
    return [Search(token, WINDOW, WRONG) for token in tokens]


def word(answer: SearchAnswer) -> tuple[str, int]:
    """Return what helps, and what counts as evaluated; nothing and 1 for a plain no."""
    if isinstance(answer, SearchFailed):
        (note,) = answer.error.__notes__
        return note.rpartition("(recovery: ")[2].rstrip(")"), answer.evaluated
    assert answer == NoMatch()
    return "", 1


def complaint(vault: HsmVault) -> str:
    """Return what helps a vault that does not answer a ping; nothing if it does."""
    try:
        ping(vault)
    except HsmUnavailable as error:
        return word(SearchFailed(error, 0))[0]
    return ""


def wait_until_it_moves(vault: HsmVault) -> None:
    for _ in range(1000):
        if not vault.is_hung():
            return
        time.sleep(0.01)
    pytest.fail("the vault stays hung")


def test_one_hung_call_costs_one_attempt_and_blocks_one_session(opened: Opener, shim: Shim) -> None:
    with using(opened(2), shim) as vault:
        searches = wrong_codes(vault, 24)
        assert {word(answer) for answer in search(vault, searches)} == {("", 1)}
        shim.hang("C_Sign", FOR_EVER, times=1)
        shim.reset()
        assert not vault.is_hung()

        first = [word(answer) for answer in search(vault, searches)]
        assert first.count(("hung", 1)) == 1
        assert set(first) == {("hung", 1), ("busy", 0), ("", 1)}
        assert vault.is_hung()

        second = [word(answer) for answer in search(vault, searches)]
        refused = {("", 1): ("", 1)}
        assert second == [refused.get(answer, ("hung", 0)) for answer in first]

        shim.clear()
        wait_until_it_moves(vault)
        answered = first.count(("", 1)) + second.count(("", 1))
        assert shim.counts()["C_SignInit"] == answered + 1
        assert {word(answer) for answer in search(vault, searches)} == {("", 1)}


def test_a_seed_that_hangs_in_its_opening_is_not_searched_twice(opened: Opener, shim: Shim) -> None:
    with using(opened(1), shim) as vault:
        before, after = wrong_codes(vault, 2)
        shim.hang("C_UnwrapKey", FOR_EVER, times=1)
        first = search(vault, [before, after])
        assert [word(answer) for answer in first] == [("hung", 1), ("busy", 0)]
        shim.clear()
        wait_until_it_moves(vault)
        assert search(vault, [before, after]) == [NoMatch(), NoMatch()]


def test_a_ping_is_not_held_for_ever(opened: Opener, shim: Shim) -> None:
    with using(opened(1), shim) as vault:
        searches = wrong_codes(vault, 1)
        shim.hang("C_UnwrapKey", FOR_EVER, times=1)
        assert [complaint(vault), complaint(vault)] == ["hung", "hung"]
        assert vault.is_hung()
        assert search(vault, searches) == [NoMatch()]  # its session does not hang
        shim.clear()
        wait_until_it_moves(vault)
        ping(vault)


def test_closing_leaves_a_call_behind_that_hangs(files: HsmFiles, tmp_path: Path) -> None:
    ensure_built()
    shim = Shim(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", CLOSES, str(files.directory), str(tmp_path)],
        env={
            **python_environment(),
            **shim.environment,
            "SOFTHSM2_CONF": str(files.conf),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "hung closed\n", done.stderr


def test_a_device_that_is_gone_fails_every_search_and_is_found_again(
    opened: Opener, shim: Shim
) -> None:
    with using(opened(2), shim) as vault:
        searches = wrong_codes(vault, 8)
        shim.fail("*", "CKR_DEVICE_REMOVED")
        answers = {word(answer) for answer in search(vault, searches)}
        assert (answers, complaint(vault)) == ({("device", 0)}, "device")
        assert not vault.is_hung()
        shim.clear()
        assert {word(answer) for answer in search(vault, searches)} == {("", 1)}
        ping(vault)


def test_a_closed_vault_has_no_result(opened: Opener, shim: Shim) -> None:
    vault = opened(1)
    with using(vault, shim):
        searches = wrong_codes(vault, 2)
    assert [word(answer) for answer in search(vault, searches)] == [("fatal", 0)] * 2
    assert complaint(vault) == "fatal"
    assert not vault.is_hung()
    with pytest.raises(HsmUnavailable):
        vault.fingerprint(TENANT, b"message")


def test_unknown_names_do_not_meet_in_one_session(opened: Opener, shim: Shim) -> None:
    with using(opened(1), shim) as vault:
        decoys = [vault.decoy(TENANT) for _ in range(8)]
        assert len({decoy.identity.token_id for decoy in decoys}) > 1
        opened_before = vault.opened()
        answers = search(vault, [Search(decoy, WINDOW, WRONG) for decoy in decoys])
        assert answers == [NoMatch()] * 8
        assert vault.opened() - opened_before == len({id(decoy) for decoy in decoys})


def test_a_network_hsm_is_as_fast_as_it_has_sessions(opened: Opener, shim: Shim) -> None:
    rates = {}
    for sessions, rounds in ((1, 1), (32, 8)):
        with using(opened(sessions, wait=60), shim) as vault:
            searches = wrong_codes(vault, 256)
            search(vault, searches)
            shim.latency(1000)
            rates[sessions] = rate(vault, searches, rounds)
    assert rates[32] >= 8 * rates[1]


def rate(vault: HsmVault, searches: Sequence[Search], rounds: int) -> float:
    """Return searches per second of four threads with batches of 64."""

    def work(batch: Sequence[Search]) -> int:
        found = [search(vault, batch) for _ in range(rounds)]
        return sum(answer == NoMatch() for answers in found for answer in answers)

    with ThreadPoolExecutor(4) as threads:
        begin = time.perf_counter()
        done = sum(threads.map(work, [searches[at::4] for at in range(4)]))
        taken = time.perf_counter() - begin
    assert done == rounds * len(searches)
    return done / taken
