# SPDX-License-Identifier: Apache-2.0
"""The importing process: alone with the seeds, and gone when the file is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kagimori import bootstrap, config
from kagimori.adapters.pskc.file import read_file
from kagimori.adapters.vault import harden_process
from kagimori.application.inventory.import_tokens import (
    ImportOrder,
    ImportReport,
    ImportTokens,
    OrderRefused,
)
from kagimori.domain.tenant import TenantPolicy
from kagimori.processes.operator import operator


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the administrator asked for. ``tenant`` is a name, as the tenant was applied by."""

    file: Path
    config: Path
    tenant: str
    vendor: str
    allow_host_transient: bool
    assignments: Mapping[str, str] = field(repr=False)
    activate: bool


def run(request: ImportRequest) -> ImportReport:
    """Import a vendor's file and return what became of each token.

    The file is read to its end before the HSM is logged in to. Raises
    `ConfigError`, `StartError`, `OrderRefused`, `VendorFileRefused` or an
    `AuthorityError`; after each of them nothing was imported.
    """
    harden_process()
    configuration = config.load(request.config)
    policy = _tenant(bootstrap.tenants_in_force(configuration), request.tenant)
    file = read_file(request.file, request.vendor)
    order = ImportOrder(
        tenant=policy.service_id,
        actor=operator(),
        assignments=request.assignments,
        activate=request.activate,
        max_drift=policy.windows.max_drift,
        subscriber_names=policy.subscriber_names,
        custody=policy.custody,
    )
    with bootstrap.importing(
        configuration, allow_host_transient=request.allow_host_transient
    ) as authority:
        return ImportTokens(authority.vault, authority.inventory)(order, file)


def _tenant(policies: Mapping[str, TenantPolicy], name: str) -> TenantPolicy:
    try:
        return policies[name]
    except KeyError:
        msg = f"no tenant is called {name!r}; there are {', '.join(sorted(policies))}"
        raise OrderRefused(msg) from None
