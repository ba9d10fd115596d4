"""From raw labels to calibrated distributions: the model computes one tier, the embedding head the other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bentos.llm.domain.engine import Engine
from bentos.web.batcher import Batcher

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """One raw label.

    Attributes:
        raw: as the detector spells it.
        vendor: id of the vendor, or None.
    """

    raw: str
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class Distributions:
    """Calibrated probabilities over the edition's labels for one raw label; each sums to 1.

    Attributes:
        combined: of both together.
        model: of the language model alone.
        head: of the embedding head alone.
        tokens: that the language model read for it.
    """

    combined: NDArray[np.float64]
    model: NDArray[np.float64]
    head: NDArray[np.float64]
    tokens: int


class Calibration(Protocol):
    """How logits become probabilities; each method takes and gives rows by labels."""

    def model(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns the log-probabilities of the model alone."""
        ...

    def head(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns the log-probabilities of the embedding head alone."""
        ...

    def combined(
        self, model_logits: NDArray[np.floating], head_logits: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Returns the log-probabilities of both together."""
        ...


class Parts(Protocol):
    """What a release holds beside the language model; its methods compute and are called in a thread."""

    @property
    def calibration(self) -> Calibration:
        """How logits become probabilities."""
        ...

    def prompts(self, rows: Sequence[AskedLabel]) -> Sequence[Sequence[int]]:
        """Returns the token ids that the language model reads."""
        ...

    def head_logits(self, rows: Sequence[AskedLabel]) -> NDArray[np.float32]:
        """Returns the logits of the embedding head, rows by labels."""
        ...


class LabelScoring:
    """Answers /v1/map."""

    def __init__(
        self,
        parts: Parts,
        engine: Engine,
        threads: Executor,
        *,
        batch_rows: int,
        waiting_rows: int,
        observe_batch: Callable[[int], None] = lambda _: None,
        observe_tokens: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Makes it.

        Args:
            parts: the release but for its language model.
            engine: the language model.
            threads: where the tokenizer and the head compute; with an engine that computes in this process
                the engine's own thread, so that both do not fight for the processor.
            batch_rows: most rows of a batch.
            waiting_rows: most rows that wait.
            observe_batch: is told the rows of each batch.
            observe_tokens: is told the tokens that the model read.
        """
        self._parts = parts
        self._engine = engine
        self._threads = threads
        self._observe_tokens = observe_tokens
        self._batcher: Batcher[AskedLabel, Distributions] = Batcher(
            self._score,
            rows=batch_rows,
            waiting=waiting_rows,
            parallel=engine.parallel,
            observe=observe_batch,
        )

    async def distributions(self, asked: Sequence[AskedLabel]) -> list[Distributions]:
        """Returns the distributions of each raw label, in order.

        Raises:
            OverloadedError: too much waits already.
            EngineUnavailableError: the engine cannot answer.
        """
        return await self._batcher.submit(asked)

    async def close(self) -> None:
        """Gives up what waits."""
        await self._batcher.close()

    async def _score(self, rows: list[AskedLabel]) -> list[Distributions]:
        prompts = await self._in_thread(lambda: self._parts.prompts(rows))
        tokens = [len(ids) for ids in prompts]
        self._observe_tokens(sum(tokens))
        model, head = await asyncio.gather(
            self._engine.label_logits(prompts), self._in_thread(lambda: self._parts.head_logits(rows))
        )
        calibration = self._parts.calibration
        tiers = (calibration.combined(model, head), calibration.model(model), calibration.head(head))
        return [Distributions(*row) for row in zip(*(np.exp(tier) for tier in tiers), tokens, strict=True)]

    def _in_thread(self, compute: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, compute)
