"""What a loaded Bento is made of, and how long it lives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bentos.llm.adapters import metrics
from bentos.llm.domain.engine import Engine, EngineUnavailableError
from bentos.llm.domain.label_scoring import LabelScoring
from bentos.llm.domain.model_version import ModelVersion
from bentos.llm.settings import Settings
from bentos.web.loading import Loading


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


class Runtime(Loading[Loaded]):
    """The Bento `llm` from its start to its end."""

    def __init__(self) -> None:
        super().__init__(_check, _close)


async def _check(loaded: Loaded) -> str | None:
    try:
        await loaded.engine.check()
    except EngineUnavailableError as error:
        metrics.READY.set(0)
        return str(error)
    metrics.READY.set(1)
    return None


async def _close(loaded: Loaded) -> None:
    await loaded.scoring.close()
    await loaded.engine.close()
