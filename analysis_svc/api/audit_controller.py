"""/api/v1/audit: the tenant's hash-chained audit log."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter

from analysis_svc.api.audit_wire import AuditEventOut, AuditPage, ChainStateOut
from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.ports import AuditLog


class AuditController(Controller):
    """Read and verify the audit log of the caller's tenant."""

    path = "/api/v1/audit"
    tags = ("audit",)
    guards = (requires("audit:read"),)

    @get("/", summary="Read the audit log", responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        audit: Injected[AuditLog],
        before: Annotated[int | None, QueryParameter(ge=1, le=2**62)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> AuditPage:
        """Answer events newest first."""
        events = await audit.page(principal.tenant_id, before=before, limit=limit)
        return AuditPage(
            events=[
                AuditEventOut(
                    seq=event.seq,
                    at=event.at,
                    actor=event.actor,
                    action=event.action,
                    subject=event.subject,
                    detail=event.detail,
                    previous_hash=event.previous_hash.hex(),
                    hash=event.hash.hex(),
                )
                for event in events
            ],
            before=events[-1].seq if len(events) == limit and events[-1].seq > 1 else None,
        )

    @get("/verify", summary="Verify the audit log", responses=faults())
    async def verify(self, principal: Injected[Principal], audit: Injected[AuditLog]) -> ChainStateOut:
        """Recompute every hash; a changed, removed or inserted event shows."""
        state = await audit.verify(principal.tenant_id)
        return ChainStateOut(state.events, state.intact, state.broken_at, state.head)
