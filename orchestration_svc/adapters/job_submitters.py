"""Whether a job's submitter may still have work done: looked up again by whoever runs the job."""

from uuid import UUID

from orchestration_svc.adapters.revocations import Revocations
from orchestration_svc.adapters.tenant_repository import TenantRepository
from orchestration_svc.domain.job import EndReason


class RegisteredSubmitters:
    """Asks the list of tenants and the list of revoked tokens.

    A token that has expired since does not matter: the work was asked for while it was good.
    """

    def __init__(self, tenants: TenantRepository, revocations: Revocations) -> None:
        self._tenants = tenants
        self._revocations = revocations

    async def refusal(self, tenant_id: UUID, token_id: str) -> EndReason | None:
        """Return why not, None when all is well.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when nobody can say.
        """
        if await self._revocations.is_revoked(token_id):
            return EndReason.SUBMITTER_REVOKED
        if await self._tenants.by_id(tenant_id) is None:
            return EndReason.TENANT_GONE
        return None
