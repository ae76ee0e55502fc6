# SPDX-License-Identifier: Apache-2.0
"""Waiting on an event loop for what the extension's threads do."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from kagimori.core._core import Bell

P = ParamSpec("P")
T = TypeVar("T")

_BELLS: Final[WeakKeyDictionary[AbstractEventLoop, Bell]] = WeakKeyDictionary()


def ended(
    begin: Callable[Concatenate[Bell, Future[T], P], None], *args: P.args, **kwargs: P.kwargs
) -> Future[T]:
    """Begin what a method of the extension does on a thread of its own.

    Return the future of what it comes to. Cancelling it undoes nothing.
    """
    loop = asyncio.get_running_loop()
    future: Future[T] = loop.create_future()
    begin(_bell_of(loop), future, *args, **kwargs)
    return future


def _bell_of(loop: AbstractEventLoop) -> Bell:
    bell = _BELLS.get(loop)
    if bell is None:
        bell = _BELLS[loop] = Bell()
        loop.add_reader(bell.fileno(), bell.collect)
    return bell
