# SPDX-License-Identifier: Apache-2.0
"""What several kinds of processes are made of, and how each may refuse to start."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from kagimori import key_policy
from kagimori.adapters.sql.connection import open_database
from kagimori.adapters.sql.database import Database
from kagimori.adapters.sql.revision import is_current
from kagimori.adapters.sql.sqlite import BUSY_HOUR
from kagimori.adapters.vault import Hsm, PartitionLogin, Sessions
from kagimori.bootstrap.record import canaries_of
from kagimori.bootstrap.refusals import StartError, refusals
from kagimori.config import Config, HsmSection, PinSource


@contextmanager
def opened_database(config: Config, cache: int = BUSY_HOUR) -> Iterator[Database]:
    """Open the database, whose schema must be current; close it with the block.

    ``cache`` is how many kibibytes of a file are kept in memory.
    """
    url, password = config.database.url, config.database.secret()
    with refusals():
        if not is_current(url, password):
            raise StartError("the database's schema is not current: run `kagimori database`")
        database = open_database(url, password, cache)
    try:
        yield database
    finally:
        database.close()


def hsm_of(section: HsmSection) -> Hsm:
    """Return how to open the HSM for every tenant with keys; raise `StartError`."""
    if not section.module.is_file():
        raise StartError(f"hsm.module: no such file: {section.module}")
    provider = provider_of(section)
    # The module reads its environment when it is loaded, which is after this.
    os.environ.update(section.environment)
    return Hsm(
        module=str(section.module),
        provider=provider,
        serving=login_of(section.partition, section.pin),
        canaries=canaries_of(section.ceremony_record, provider.wrap_format),
    )


def provider_of(section: HsmSection) -> key_policy.Provider:
    """Return the profile of the HSM's maker; raise `StartError`."""
    try:
        return key_policy.provider(section.provider)
    except KeyError:
        known = ", ".join(key_policy.provider_names())
        raise StartError(f"hsm.provider: must be one of {known}") from None


@contextmanager
def turn_at_the_door(section: HsmSection) -> Iterator[None]:
    """Let one process of this authority open the HSM at a time.

    A file-backed module writes to its partition at every login, and a process
    that starts just then finds half of it; a PIN is not tried twice for that.
    """
    with section.ceremony_record.open("rb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def login_of(label: str, pin: PinSource) -> PartitionLogin:
    """Return where to log in, and with which PIN."""
    return PartitionLogin(label, pin.read(f"partition {label}").get_secret_value())


def sessions_of(section: HsmSection) -> Sessions:
    """Return how a serving process uses the HSM."""
    return Sessions(
        section.sessions, section.wait_seconds, section.cache_entries, section.cache_seconds
    )
