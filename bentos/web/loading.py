"""What answers, and where it is on the way there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bentos.web.problem import ErrorCode, ProblemError
from pipelines.lib.scoring.model_input_error import ModelInputError

T = TypeVar("T")

_log = logging.getLogger("bentoml.llama_mapper")


class Loading(Generic[T]):
    """Loads beside the event loop, so that probes and callers are told at once that it is not there yet."""

    def __init__(
        self, check: Callable[[T], Awaitable[str | None]], close: Callable[[T], Awaitable[None]]
    ) -> None:
        """Begins nothing yet.

        Args:
            check: asks what was loaded whether it answers; returns why it does not, or None.
            close: frees what was loaded.
        """
        self._check = check
        self._close = close
        self._loaded: T | None = None
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

    def begin(self, load: Callable[[], Awaitable[T]]) -> None:
        """Begins to load."""
        self._loading = asyncio.get_running_loop().create_task(self._load(load))

    def get(self) -> T:
        """Returns what answers.

        Raises:
            ProblemError: it is not loaded.
        """
        if self._loaded is None:
            detail = "the model could not be loaded" if self.failed else "the model is being loaded"
            raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, detail, retryable=not self.failed)
        return self._loaded

    async def is_ready(self) -> bool:
        """Asks what was loaded."""
        if self._loaded is None:
            return False
        reason = await self._check(self._loaded)
        if reason is not None:
            _log.warning("not ready: %s", reason)
        return reason is None

    async def close(self) -> None:
        """Frees what was loaded."""
        if self._loading is not None:
            self._loading.cancel()
        if self._loaded is not None:
            await self._close(self._loaded)

    async def _load(self, load: Callable[[], Awaitable[T]]) -> None:
        try:
            self._loaded = await load()
        except (ModelInputError, OSError) as error:
            self.fail(str(error))
        except Exception as error:
            # An engine's own start can fail in any way: the traceback is for whoever runs it.
            self.fail(f"{type(error).__name__}: {error}")
            raise
