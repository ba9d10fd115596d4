"""Puts together what findings are tied to: the shipped catalogue and tenants' own frameworks."""

from collections.abc import Mapping
from dataclasses import dataclass

from litestar.di import Provide

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.framework_log import warn_left_out
from analysis_svc.adapters.framework_repository import FrameworkRepository
from analysis_svc.api.frameworks_controller import FrameworksController
from analysis_svc.api.own_frameworks_controller import OwnFrameworksController
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.manage_frameworks import ManageFrameworks
from analysis_svc.domain.tenant_catalogues import TenantCatalogues

CONTROLLERS = (FrameworksController, OwnFrameworksController)


@dataclass(frozen=True, slots=True)
class FrameworkParts:
    """The use cases and what is closed with the service."""

    catalogues: TenantCatalogues
    manage_frameworks: ManageFrameworks
    reading: BackgroundWork

    def dependencies(self) -> Mapping[str, Provide]:
        """Return what handlers ask for by name."""
        return {
            "catalogues": Provide(lambda: self.catalogues, sync_to_thread=False),
            "manage_frameworks": Provide(lambda: self.manage_frameworks, sync_to_thread=False),
        }

    async def close(self) -> None:
        """End the reading that nobody waits for."""
        await self.reading.close()


def compose_frameworks(database: Database, shipped: Catalogue) -> FrameworkParts:
    """Build the parts."""
    store = FrameworkRepository(database)
    # Apart from the work that keeps evidence, which must not stand behind it.
    reading = BackgroundWork()
    catalogues = TenantCatalogues(shipped, store, reading, report=warn_left_out)
    return FrameworkParts(catalogues, ManageFrameworks(shipped, store, catalogues), reading)
