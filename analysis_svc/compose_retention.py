"""Puts together what decides how long data is kept."""

from litestar.di import Provide

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.erasure_repository import ErasureRepository
from analysis_svc.adapters.hold_repository import HoldRepository
from analysis_svc.adapters.settings_repository import SettingsRepository
from analysis_svc.api.retention_controller import ErasuresController, LegalHoldsController
from analysis_svc.api.settings_controller import SettingsController
from analysis_svc.domain.change_settings import ChangeSettings
from analysis_svc.domain.erasures import Erasures, SubjectHash
from analysis_svc.domain.legal_holds import LegalHolds

RETENTION_CONTROLLERS = (SettingsController, LegalHoldsController, ErasuresController)


def retention_dependencies(database: Database, subject_hash: SubjectHash) -> dict[str, Provide]:
    """Return what the controllers ask for, by name.

    Args:
        database: where it is kept.
        subject_hash: turns a person's name into what is kept of it.
    """
    change_settings = ChangeSettings(SettingsRepository(database))
    legal_holds = LegalHolds(HoldRepository(database))
    erasures = Erasures(ErasureRepository(database), subject_hash)
    return {
        "change_settings": Provide(lambda: change_settings, sync_to_thread=False),
        "legal_holds": Provide(lambda: legal_holds, sync_to_thread=False),
        "erasures": Provide(lambda: erasures, sync_to_thread=False),
    }
