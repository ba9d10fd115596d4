"""What a tenant's answers depend on besides the hand-over, as one short word that changes with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from mapper_svc.domain.label_model import ModelUnavailableError
from mapper_svc.domain.ports import ModelRouter
from mapper_svc.domain.tenant_settings import CurrentChoices, TenantSettings

_LENGTH = 24


@dataclass(frozen=True, slots=True)
class MappingVersion:
    """What a tenant is answered with.

    Attributes:
        word: changes with everything that an answer depends on besides the hand-over.
        model: id of the model's release that serves the tenant, or None.
    """

    word: str
    model: str | None


class MappingVersions:
    """Tells the version of a tenant's mapping, so that callers know for how long an answer holds.

    Args:
        made_of: what is the same for everybody as long as this process lives.
        settings: knows what each tenant chose.
        router: knows which model serves a tenant; None in a service without one.
    """

    def __init__(
        self, made_of: Sequence[str], settings: TenantSettings, router: ModelRouter | None = None
    ) -> None:
        self._made_of = sha256("\n".join(made_of).encode()).digest()
        self._settings = settings
        self._router = router

    async def of(self, tenant_id: UUID) -> MappingVersion | None:
        """Return what holds for the tenant now; None when it is not known. Never fails."""
        return self.under(await self._settings.of(tenant_id), tenant_id)

    def under(self, current: CurrentChoices, tenant_id: UUID) -> MappingVersion | None:
        """Return what holds under these settings of the tenant; None when it is not known."""
        if current.note:
            return None  # it says that they could not be read
        try:
            routed = None if self._router is None else self._router.pick(tenant_id)
        except ModelUnavailableError:
            return None
        model = None if routed is None else routed.version
        # Settings are the tenant's own: the same number of two tenants says nothing.
        said = f"{tenant_id}/{current.version}/{model!r}"
        word = sha256(self._made_of + said.encode()).hexdigest()[:_LENGTH]
        return MappingVersion(word, None if model is None else model.version)
