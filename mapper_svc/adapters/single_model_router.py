"""One Bento for every tenant."""

import asyncio
from uuid import UUID

import structlog

from mapper_svc.adapters.model_client import BentoModel
from mapper_svc.domain.label_model import ModelFault, ModelUnavailableError, ModelVersion
from mapper_svc.domain.ports import RoutedModel

_ASK_EVERY_S = 5.0
_ASK_AGAIN_S = 1.0
_log = structlog.get_logger("mapper_svc")


class SingleModelRouter:
    """Routes everybody to one Bento, and keeps itself told which version that serves.

    Args:
        model: the Bento.
    """

    def __init__(self, model: BentoModel) -> None:
        self._model = model
        self._routed: RoutedModel | None = None
        self._fault: ModelFault | None = None

    def pick(self, tenant_id: UUID) -> RoutedModel:  # noqa: ARG002 - the shape of the port
        """Return the model.

        Raises:
            ModelUnavailableError: it has not said yet which version it is, or it belongs to another edition.
        """
        if self._routed is None:
            raise ModelUnavailableError(self._fault or ModelFault.UNREACHABLE)
        return self._routed

    async def follow(self) -> None:
        """Ask which version is served, every few seconds, until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(_ASK_AGAIN_S if self._routed is None else _ASK_EVERY_S)

    async def ask(self) -> None:
        """Ask once. A Bento that is away keeps its version: what it said before is still known of it."""
        try:
            version = await self._model.version()
        except ModelUnavailableError as error:
            if error.reason is ModelFault.MISMATCH:
                self._routed = None
            if error.reason is not self._fault:
                _log.error("model_not_usable", reason=error.reason.value)
            self._fault = error.reason
            return
        self._fault = None
        if self._routed is None or self._routed.version != version:
            _log.info("model_in_use", **_named(version))
        self._routed = RoutedModel(self._model, version)

    async def check(self) -> None:
        """Raise what stands in the way of using the model; for readiness."""
        try:
            await self._model.version()
        except ModelUnavailableError as error:
            raise _ERROR_OF[error.reason] from None


class ModelUnreachableError(Exception):
    """It does not answer."""


class ModelMismatchError(Exception):
    """It belongs to another edition, or has other labels."""


class ModelRefusesError(Exception):
    """It does not accept our token."""


class ModelFailsError(Exception):
    """It answers, and nothing of use."""


_ERROR_OF: dict[ModelFault, type[Exception]] = {
    ModelFault.UNREACHABLE: ModelUnreachableError,
    ModelFault.TIMEOUT: ModelUnreachableError,
    ModelFault.REFUSED: ModelRefusesError,
    ModelFault.OVERLOADED: ModelFailsError,
    ModelFault.FAILED: ModelFailsError,
    ModelFault.BAD_ANSWER: ModelFailsError,
    ModelFault.MISMATCH: ModelMismatchError,
}


def _named(version: ModelVersion) -> dict[str, str]:
    return {"model": version.name, "version": version.version, "adapter": version.adapter}
