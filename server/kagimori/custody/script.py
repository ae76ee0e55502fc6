# SPDX-License-Identifier: Apache-2.0
"""The course of a ceremony: read, make, try, write down.

Nothing is made before everything is read; nothing is written down before
everything was tried.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from pkcs11.exceptions import PKCS11Error

from kagimori import key_policy
from kagimori.custody import components, keys, places, plan, public_halves, record, report
from kagimori.custody.attributes import Policy
from kagimori.custody.checks.examination import Examination
from kagimori.custody.cryptoki_names import name_of
from kagimori.custody.partitions import Hsm
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from kagimori.custody.keys import MadeKey, Order
    from kagimori.custody.partitions import Partition
    from kagimori.custody.plan import Plan


def hold(path: Path, console: Console) -> None:
    """Hold the ceremony that the file at ``path`` describes.

    Raises `CeremonyRefused` when it cannot begin or when a check fails; only a
    ceremony without a failed check leaves a record.
    """
    _forbid_core_dumps()
    the_plan, tenants = plan.read(path)
    os.environ.update(the_plan.environment)
    names = {policy.service_id: name for name, policy in tenants.items()}
    try:
        _refuse_unless_recordable(the_plan)
        _Ceremony(the_plan, names, console).run()
    except PKCS11Error as error:
        msg = f"the HSM failed: {name_of(error)}"
        raise CeremonyRefused(msg) from error
    except OSError as error:
        msg = f"cut off: {error}"
        raise CeremonyRefused(msg) from error


class _Ceremony:
    def __init__(self, the_plan: Plan, names: dict[str, str], console: Console) -> None:
        self._plan = the_plan
        self._names = names
        self._console = console
        self._policy = Policy(key_policy.policy(), the_plan.profile)

    def run(self) -> None:
        hsm = Hsm(self._plan, self._say)
        hsm.refuse_if_unfit()
        entered = components.collect(self._plan.vendor, self._say)
        orders = keys.orders(self._policy, self._names, entered, self._plan.generated)
        partitions = hsm.prepare()
        made = _make(partitions, orders)
        self._say(f"{len(made)} keys were made; now every one is tried")
        examination = Examination(self._policy, made, self._names, entered)
        examination.hold(partitions)
        self._conclude(examination)

    def _conclude(self, examination: Examination) -> None:
        report.show(examination.findings, self._console)
        passed = sum(finding.passed for finding in examination.findings)
        failed = len(examination.findings) - passed
        if failed:
            msg = f"{passed} checks passed, {failed} failed; no record was written"
            raise CeremonyRefused(msg)
        self._write_public_halves(examination.keys)
        canaries = list(examination.canaries.values())
        record.write(self._plan, examination.keys, canaries, passed)
        self._say(f"{passed} checks passed, 0 failed; record written to {self._plan.record}")

    def _write_public_halves(self, made: Sequence[MadeKey]) -> None:
        for key in made:
            if key.use in public_halves.USES:
                path, fingerprint = public_halves.write(self._plan.record, key)
                self._say(f"public half of {key.label} written to {path}: SHA-256 {fingerprint}")

    def _say(self, line: str) -> None:
        self._console.print(f"ceremony: {line}", highlight=False, soft_wrap=True, markup=False)


def _refuse_unless_recordable(the_plan: Plan) -> None:
    halves = [
        public_halves.path_of(the_plan.record, *vendor_use) for vendor_use in the_plan.generated
    ]
    for path in (the_plan.record, *halves):
        if path.exists():
            msg = f"{path} exists already: a ceremony is held once"
            raise CeremonyRefused(msg)
    places.prove_writable("record", the_plan.record)


def _make(partitions: Mapping[str, Partition], orders: Sequence[Order]) -> list[MadeKey]:
    made: list[MadeKey] = []
    for role, partition in partitions.items():
        for maker in ("security-officer", "user"):
            theirs = [o for o in orders if (o.spec.partition, o.spec.made_by) == (role, maker)]
            if theirs:
                with partition.logged_in(maker) as session:
                    made += [keys.make(session, order) for order in theirs]
    return made


def _forbid_core_dumps() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
