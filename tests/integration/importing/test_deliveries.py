# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` against the real HSM: what comes in, once, and what is said of it."""

from __future__ import annotations

import csv
import hashlib
import signal
import subprocess
import time
from pathlib import Path

import pytest

from development import environment
from development.environment import command
from development.vendor import make_device
from support.custody.hsm import MODULE
from support.databases.postgres import Cluster
from support.vendors.import_desk import ALL, BROKE_OFF, FLEET, NOTHING, SERIALS, SOME_LEFT_OUT, Desk
from support.vendors.pskc_files import with_mac_spoilt

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not MODULE.exists(), reason="no SoftHSM"),
]


def test_cbc_comes_in_through_locked_memory(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET))
    assert code == ALL, said
    assert said.rstrip().endswith("import: 3 imported, 0 duplicates, 0 refused")
    assert desk.column("serial") == SERIALS
    assert set(desk.column("custody")) == {"HOST_TRANSIENT"}
    assert set(desk.column("state")) == {"IN_STOCK"}


def test_a_key_wrap_stays_in_the_hsm(desk: Desk) -> None:
    file = desk.deliver(FLEET, "kagi-keywrap")
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert code == ALL, said
    assert set(desk.column("custody")) == {"UNWRAPPED_IN_HSM"}
    assert said.count("UNWRAPPED_IN_HSM") == len(FLEET)


def test_the_same_goes_for_postgresql(desk: Desk) -> None:
    with Cluster.running() as cluster:
        text = desk.place.config.read_text()
        url = cluster.create_database()
        desk.place.config.write_text(text.replace(f"sqlite:///{desk.place.database}", url))
        assert environment.apply_tenants(desk.place).returncode == 0
        file = desk.deliver(FLEET, "kagi-keywrap")
        for detail in ("UNWRAPPED_IN_HSM", "by an earlier run"):
            code, said = desk.run(file, vendor="kagi-keywrap")
            assert code == ALL, said
            assert said.count(detail) == len(FLEET)


def test_no_seed_is_in_the_database_or_the_report(desk: Desk, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    _, said = desk.import_(desk.deliver(FLEET), "--report", str(report))
    stored = b"".join(path.read_bytes() for path in desk.place.database.parent.glob("kagimori.db*"))
    for device in FLEET:
        assert device.seed not in stored
        assert device.seed.hex() not in said + report.read_text()


def test_cbc_must_be_asked_for(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "HOST_TRANSIENT_NOT_ALLOWED" in said
    assert "--allow-host-transient" in said


# --- again, and dry --------------------------------------------------------------------


def test_the_same_file_again_is_all_in_and_changes_nothing(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    desk.import_(file)
    before = desk.rows()
    code, said = desk.import_(file)
    assert (code, desk.rows()) == (ALL, before)
    assert said.count("by an earlier run") == len(FLEET)


def test_a_duplicate_is_reported_and_not_overwritten(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    code, said = desk.import_(desk.deliver([make_device(SERIALS[0]), FLEET[1]]))
    assert code == SOME_LEFT_OUT
    assert said.rstrip().endswith("import: 1 imported, 1 duplicates, 0 refused")
    assert desk.rows()[0] == before[0]


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET), "--dry-run")
    assert (code, desk.rows()) == (ALL, [])
    assert said.rstrip().endswith("import: 3 importable, 0 duplicates, 0 refused")


def test_the_report_has_a_line_for_each_serial(desk: Desk, tmp_path: Path) -> None:
    file, report = desk.deliver(FLEET), tmp_path / "report.csv"
    file.write_bytes(with_mac_spoilt(file.read_bytes()))
    assert desk.import_(file, "--report", str(report))[0] == SOME_LEFT_OUT
    with report.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["serial"] for row in rows] == SERIALS
    assert [(row["result"], row["custody"], row["reason"]) for row in rows] == [
        ("IMPORTED", "HOST_TRANSIENT", ""),
        ("IMPORTED", "HOST_TRANSIENT", ""),
        ("REFUSED", "", "MAC_MISMATCH"),
    ]
    assert all(int(row["line"]) > 1 for row in rows)
    assert not report.with_name("report.csv.part").exists()


def test_a_large_import_is_summed_up(desk: Desk) -> None:
    file = desk.bulk(120)
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert code == ALL, said
    assert "tokens a second" in said
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said
    assert "KAGI00000007" not in said


def test_sigterm_ends_it_after_the_batch_and_another_run_goes_on(desk: Desk) -> None:
    file = desk.bulk(5_000)
    options = ("--config", desk.place.config, "--tenant", "abukuma", "--vendor", "kagi-keywrap")
    with subprocess.Popen(
        command("import-tokens", file, *options), stderr=subprocess.PIPE, text=True
    ) as running:
        while not desk.column("serial"):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate()
    assert running.returncode == BROKE_OFF, said
    assert "run it again to go on" in said
    # Whole batches of 256.
    assert len(desk.column("serial")) % 256 == 0
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert (code, len(desk.column("serial"))) == (ALL, 5_000), said
