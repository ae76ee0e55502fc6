# SPDX-License-Identifier: Apache-2.0
"""AdminService: what the authority's own staff ask."""

from __future__ import annotations

from kagimori.api.admin.v1.admin_pb2 import GetHsmStatusRequest, GetHsmStatusResponse
from kagimori.application.administration.hsm_status import HsmInspector
from kagimori.transport.call import Call
from kagimori.transport.mapping import hsm_status_of


class AdminServicer:
    """Serves kagimori.admin.v1.AdminService."""

    def __init__(self, hsm: HsmInspector) -> None:
        """``hsm`` is asked at every call."""
        self._hsm = hsm

    async def GetHsmStatus(  # noqa: N802 - the RPC's name
        self, _request: GetHsmStatusRequest, call: Call
    ) -> GetHsmStatusResponse:
        """Look at the HSM, now."""
        status = await self._hsm.status()
        call.facts["answering"] = str(status.answering)
        return hsm_status_of(status)
