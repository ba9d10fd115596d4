"""What a loaded Bento is made of, and where it is on the way there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bentos.llm.adapters import metrics
from bentos.llm.domain.engine import Engine, EngineUnavailableError
from bentos.llm.domain.label_scoring import LabelScoring
from bentos.llm.domain.model_version import ModelVersion
from bentos.llm.settings import Settings
from bentos.web.problem import ErrorCode, ProblemError
from pipelines.lib.scoring.model_input_error import ModelInputError

_log = logging.getLogger("bentoml.llama_mapper")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that answers.

    Attributes:
        version: what the release is called on the wire.
        labels: the labels, in the order of every distribution.
        engine: the language model.
        scoring: answers /v1/map.
        chat_prompt: turns a conversation, role and content of each turn, into the text that the engine
            goes on with; called in a thread.
        settings: how it runs.
    """

    version: ModelVersion
    labels: tuple[str, ...]
    engine: Engine
    scoring: LabelScoring
    chat_prompt: Callable[[Sequence[dict[str, str]]], str]
    settings: Settings


class Runtime:
    """Loads beside the event loop, so that probes and callers are told at once that it is not there yet."""

    def __init__(self) -> None:
        self._loaded: Loaded | None = None
        self._failure: str | None = None
        self._loading: asyncio.Task[None] | None = None

    @property
    def failed(self) -> bool:
        """Whether loading ended in an error; nothing but a new start helps then."""
        return self._failure is not None

    def fail(self, reason: str) -> None:
        """Says in the log why this Bento will not answer."""
        self._failure = reason
        _log.error("cannot serve: %s", reason)

    def begin(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        """Begins to load."""
        self._loading = asyncio.get_running_loop().create_task(self._load(load))

    def get(self) -> Loaded:
        """Returns what answers.

        Raises:
            ProblemError: it is not loaded.
        """
        if self._loaded is None:
            detail = "the model could not be loaded" if self.failed else "the model is being loaded"
            raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, detail, retryable=not self.failed)
        return self._loaded

    async def is_ready(self) -> bool:
        """Asks the engine."""
        if self._loaded is None:
            return False
        try:
            await self._loaded.engine.check()
        except EngineUnavailableError as error:
            _log.warning("not ready: %s", error)
            metrics.READY.set(0)
            return False
        metrics.READY.set(1)
        return True

    async def close(self) -> None:
        """Frees what was loaded."""
        if self._loading is not None:
            self._loading.cancel()
        if self._loaded is not None:
            await self._loaded.scoring.close()
            await self._loaded.engine.close()

    async def _load(self, load: Callable[[], Awaitable[Loaded]]) -> None:
        try:
            self._loaded = await load()
        except (ModelInputError, OSError) as error:
            self.fail(str(error))
        except Exception as error:
            # An engine's own start can fail in any way: the traceback is for whoever runs it.
            self.fail(f"{type(error).__name__}: {error}")
            raise
