# SPDX-License-Identifier: Apache-2.0
"""The importing process: alone with the seeds, and gone when the file is read."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kagimori import bootstrap, config
from kagimori.adapters.pskc.file import ReadOptions, open_file
from kagimori.adapters.vault import harden_process
from kagimori.application.deliveries.import_tokens import (
    DeliveryRefused,
    ImportOrder,
    ImportTokens,
    OrderRefused,
)
from kagimori.application.deliveries.report import Sink, Summary
from kagimori.application.deliveries.vendor_file import Fault, VendorFile, VendorFileRefused
from kagimori.domain.tenant import TenantPolicy
from kagimori.processes.operator import operator


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which seeds may be known outside the HSM; nothing unless it is asked for."""

    host_transient: bool = False
    clear_text: bool = False


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the administrator asked for. ``tenant`` is a name, as the tenant was applied by.

    ``password`` is asked for only if the file needs one; ``sha256`` is what the
    vendor said by another way, None if he did not.
    """

    file: Path
    config: Path
    tenant: str
    reading: ReadOptions
    password: Callable[[], str] = field(repr=False)
    sha256: bytes | None = None
    allowed: Allowed = Allowed()
    assignments: Mapping[str, str] = field(repr=False, default_factory=dict)
    activate: bool = False
    dry_run: bool = False
    all_or_nothing: bool = False


def run(request: ImportRequest, sink: Sink, begun: Callable[[VendorFile], None]) -> Summary:
    """Import a vendor's file; ``sink`` is told what becomes of each token.

    The file is opened, and ``begun`` is called with it, before the HSM is logged
    in to. SIGINT and SIGTERM end the import after the batch. Raises `ConfigError`,
    `StartError`, `OrderRefused`, `DeliveryRefused`, `VendorFileRefused` or an
    `AuthorityError`; after each of them this run has imported nothing.
    """
    harden_process()
    configuration = config.load(request.config)
    policy = _tenant(bootstrap.tenants_in_force(configuration), request.tenant)
    order = _order(request, policy)
    with ExitStack() as closing:
        file, reading = _opened(request, closing)
        _compare(file, request.sha256)
        begun(file)
        import_tokens = closing.enter_context(
            bootstrap.importing(
                configuration,
                allow_host_transient=request.allowed.host_transient,
                allow_clear_text=request.allowed.clear_text,
            )
        )
        reopen = partial(open_file, request.file, reading)
        return asyncio.run(_imported(import_tokens, order, file, sink, reopen))


async def _imported(
    import_tokens: ImportTokens,
    order: ImportOrder,
    file: VendorFile,
    sink: Sink,
    reopen: Callable[[], AbstractContextManager[VendorFile]],
) -> Summary:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await import_tokens(order, file, sink, reopen, stop.is_set)


def _opened(request: ImportRequest, closing: ExitStack) -> tuple[VendorFile, ReadOptions]:
    """Open the file; only if it is encrypted under a password, ask for that."""
    reading = request.reading
    try:
        return closing.enter_context(open_file(request.file, reading)), reading
    except VendorFileRefused as refused:
        if refused.fault is not Fault.PASSWORD_NEEDED:
            raise
    reading = replace(reading, password=request.password())
    return closing.enter_context(open_file(request.file, reading)), reading


def _compare(file: VendorFile, sha256: bytes | None) -> None:
    if sha256 is not None and sha256 != file.digest:
        detail = f"the file's SHA-256 is {file.digest.hex()}, which is not what the vendor said"
        raise DeliveryRefused("DIGEST_DIFFERS", detail)


def _order(request: ImportRequest, policy: TenantPolicy) -> ImportOrder:
    return ImportOrder(
        tenant=policy.service_id,
        vendor=request.reading.vendor,
        actor=operator(),
        max_drift=policy.windows.max_drift,
        assignments=request.assignments,
        activate=request.activate,
        subscriber_names=policy.subscriber_names,
        custody=policy.custody,
        dry_run=request.dry_run,
        all_or_nothing=request.all_or_nothing,
    )


def _tenant(policies: Mapping[str, TenantPolicy], name: str) -> TenantPolicy:
    try:
        return policies[name]
    except KeyError:
        msg = f"no tenant is called {name!r}; there are {', '.join(sorted(policies))}"
        raise OrderRefused(msg) from None
