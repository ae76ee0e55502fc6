# SPDX-License-Identifier: Apache-2.0
"""AdminService: what the authority's own staff ask, and a bank's staff in twos."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NoReturn, Protocol

from kagimori.api.admin.v1.admin_pb2 import (
    GetHsmStatusRequest,
    GetHsmStatusResponse,
    ImportTokensRequest,
    ImportTokensResponse,
)
from kagimori.application.administration.hsm_status import HsmInspector
from kagimori.application.deliveries.receive import Announced
from kagimori.application.deliveries.report import Line
from kagimori.application.deliveries.vendor_file import VendorToken
from kagimori.domain.errors import HsmUnavailable, InvalidField
from kagimori.transport.assistance_servicer import (
    ASSISTS_NOBODY,
    Assistance,
    AssistanceServicer,
)
from kagimori.transport.call import Call
from kagimori.transport.import_mapping import announced_of, batch_of, response_of
from kagimori.transport.mapping import hsm_status_of

_RETRY_AFTER: Final = 60.0
"""Seconds."""


class Reception(Protocol):
    """A delivery that is being received."""

    async def take(self, tokens: Sequence[VendorToken]) -> list[Line]:
        """Return what became of each token, when it is durable; the errors are the domain's."""
        ...

    async def finish(self) -> None:
        """Note that all of the delivery has come."""
        ...


class Receive(Protocol):
    """The use case behind `ImportTokens`."""

    def __call__(self, announced: Announced, actor: str) -> AbstractAsyncContextManager[Reception]:
        """Begin to receive a delivery; the errors are the domain's."""
        ...


def receives_nothing(announced: Announced, actor: str) -> NoReturn:
    """Stand for the use case in a process that has no HSM to open a delivery."""
    del announced, actor
    raise HsmUnavailable("this process takes no deliveries in", _RETRY_AFTER)


class AdminServicer(AssistanceServicer):
    """Serves kagimori.admin.v1.AdminService."""

    def __init__(
        self, hsm: HsmInspector, receive: Receive, assistance: Assistance = ASSISTS_NOBODY
    ) -> None:
        """``hsm`` is asked at every call, ``receive`` at every stream of tokens.

        ``assistance`` is what a bank's own staff ask.
        """
        super().__init__(assistance)
        self._hsm = hsm
        self._receive = receive

    async def GetHsmStatus(  # noqa: N802 - the RPC's name
        self, _request: GetHsmStatusRequest, call: Call
    ) -> GetHsmStatusResponse:
        """Look at the HSM, now."""
        status = await self._hsm.status()
        call.facts["answering"] = str(status.answering)
        return hsm_status_of(status)

    async def ImportTokens(  # noqa: N802 - the RPC's name
        self, requests: AsyncIterator[ImportTokensRequest], call: Call
    ) -> AsyncIterator[ImportTokensResponse]:
        """Take a delivery in, and answer each of its batches when it is durable."""
        first = await anext(requests, None)
        if first is None:
            raise InvalidField("delivery", "must be the first message")
        announced = announced_of(first)
        call.facts.update(_facts_of(announced))
        counted: Counter[str] = Counter()
        try:
            async with self._receive(announced, call.identity.name) as reception:
                async for request in requests:
                    lines = await reception.take(batch_of(request))
                    counted.update(line.result.value for line in lines)
                    yield response_of(lines)
                await reception.finish()
        finally:
            call.facts["results"] = dict(counted)


def _facts_of(announced: Announced) -> dict[str, object]:
    return {
        "service_id": announced.tenant,
        "delivery": announced.digest.hex(),
        "dry_run": announced.dry_run,
    }
