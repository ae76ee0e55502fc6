# SPDX-License-Identifier: Apache-2.0
"""``kagimori print-cards`` says why it prints nothing, and changes nothing then."""

from __future__ import annotations

from pathlib import Path

import pytest

from development import environment
from support.custody.hsm import MODULE
from support.post.print_shop import NOW, certificate_of, key_of
from support.post.printing import ALL, NOTHING, WRONG_USAGE, PrintDesk

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


def test_a_dry_run_checks_everything_and_writes_nothing(desk: PrintDesk) -> None:
    before = sorted(desk.place.directory.iterdir())
    code, said = desk.run("--dry-run")
    assert code == ALL, said
    assert "3 cards can be printed" in said
    assert desk.column("number") == []
    assert sorted(desk.place.directory.iterdir()) == before


def test_a_file_that_is_there_is_not_written_over(desk: PrintDesk) -> None:
    desk.target.write_bytes(b"cards of last year")
    for options in ([], ["--dry-run"]):
        code, said = desk.run(*options)
        assert (code, desk.column("number")) == (NOTHING, [])
        assert "File exists" in said
        assert "nothing was printed" in said
    assert desk.target.read_bytes() == b"cards of last year"


def test_a_bad_list_is_refused_by_line(desk: PrintDesk) -> None:
    desk.write_list("4711", "4712", "4711")
    code, said = desk.run()
    assert (code, desk.column("number")) == (NOTHING, [])
    assert "line 3 is the same customer as line 1" in said
    assert not desk.target.exists()


@pytest.mark.parametrize("tenant", ["kakeshin", "kenshin"])
def test_a_tenant_without_grid_cards_is_refused(desk: PrintDesk, tenant: str) -> None:
    code, said = desk.run(tenant=tenant)
    assert (code, desk.column("number")) == (NOTHING, [])
    assert "does not offer it: registration.grid_card" in said


def test_a_tenant_that_does_not_accept_the_label_is_refused(desk: PrintDesk) -> None:
    desk.change_tenants((', "CELLS_PRINTED"', ""))
    code, said = desk.run()
    assert (code, desk.column("number")) == (NOTHING, [])
    assert "custody CELLS_PRINTED" in said


def test_a_tenant_that_nobody_knows_is_refused(desk: PrintDesk) -> None:
    code, said = desk.run(tenant="nobody")
    assert (code, desk.column("number")) == (NOTHING, [])
    assert "no tenant is called 'nobody'; there are abukuma" in said


def test_a_certificate_that_has_expired_is_refused(desk: PrintDesk) -> None:
    desk.shop.certificate.write_bytes(certificate_of(key_of(0), ends=NOW))
    code, said = desk.run()
    assert (code, desk.column("number")) == (NOTHING, [])
    assert f"{desk.shop.certificate}: it expired at" in said


@pytest.mark.parametrize("option", ["--certificate", "--subscribers"])
def test_a_file_that_is_not_there_is_named(desk: PrintDesk, tmp_path: Path, option: str) -> None:
    code, said = desk.run(option, tmp_path / "nowhere")
    assert (code, desk.column("number")) == (NOTHING, [])
    assert f"{tmp_path / 'nowhere'}: No such file or directory" in said


def test_a_file_that_is_too_large_is_not_read_on(desk: PrintDesk, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)
    for option in ("--certificate", "--subscribers"):
        code, said = desk.run(option, large)
        assert (code, desk.column("number")) == (NOTHING, [])
        assert f"{large}: it is too large" in said


def test_a_missing_option_is_wrong_usage(desk: PrintDesk) -> None:
    done = environment.kagimori("print-cards", desk.target, "--config", desk.place.config)
    assert done.returncode == WRONG_USAGE
