"""What a loaded Bento is made of, and where it is on the way there."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bentos.llm.adapters import metrics
from bentos.llm.adapters.choose_engine import make_engine
from bentos.llm.adapters.open_release import Release, open_release
from bentos.llm.adapters.vllm_engine import VllmEngine
from bentos.llm.domain.engine import Engine, EngineUnavailableError
from bentos.llm.domain.label_scoring import LabelScoring
from bentos.llm.settings import Settings
from bentos.llm.variant import Variant
from bentos.web.problem import ErrorCode, ProblemError
from pipelines.lib.scoring.model_input_error import ModelInputError

_MEBIBYTE = 1 << 20
_log = logging.getLogger("bentoml.llama_mapper")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that answers.

    Attributes:
        release: the release.
        engine: the language model.
        scoring: answers /v1/map.
        settings: how it runs.
    """

    release: Release
    engine: Engine
    scoring: LabelScoring
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


async def load(variant: Variant, settings: Settings) -> Loaded:
    """Opens the release and loads the engine.

    Raises:
        ModelInputError: something is missing, or does not belong to the rest.
    """
    began = time.monotonic()

    def say(step: str) -> None:
        _log.info("%5.1f s  %s", time.monotonic() - began, step)

    def in_thread() -> tuple[Release, Engine, LabelScoring]:
        release = open_release(
            variant.release_folder(), variant.base, Path(settings.data_root), variant.engine, say
        )
        engine, threads = make_engine(variant.engine, release, settings, say)
        scoring = LabelScoring(
            release.parts,
            engine,
            threads,
            batch_rows=settings.batch_rows,
            waiting_rows=settings.waiting_rows,
            observe_batch=metrics.observe_batch,
            observe_tokens=metrics.observe_map_tokens,
        )
        return release, engine, scoring

    release, engine, scoring = await asyncio.to_thread(in_thread)
    if isinstance(engine, VllmEngine):
        await engine.start()
    await engine.check()
    seconds, memory = time.time() - psutil.Process().create_time(), memory_bytes()
    metrics.STARTUP.set(seconds)
    metrics.MEMORY.set(memory)
    say(
        f"release {release.version.version} answers by {variant.engine}: "
        f"{seconds:.1f} s after the process began, {memory / _MEBIBYTE:.0f} MiB of memory"
    )
    return Loaded(release, engine, scoring, settings)


def memory_bytes() -> int:
    """Returns the resident memory of this process and those it started."""
    process = psutil.Process()
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
