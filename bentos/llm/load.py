"""From a variant and settings to what answers. Imports torch, so it is imported where it is needed only."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from transformers.utils import logging as transformers_logging

from bentos.llm.adapters import metrics
from bentos.llm.adapters.choose_engine import make_engine
from bentos.llm.adapters.open_release import Release, open_release
from bentos.llm.adapters.vllm_engine import VllmEngine
from bentos.llm.domain.engine import Engine
from bentos.llm.domain.label_scoring import LabelScoring
from bentos.llm.runtime import Loaded
from bentos.llm.settings import Settings
from bentos.llm.variant import Variant

_MEBIBYTE = 1 << 20
_log = logging.getLogger("bentoml.llama_mapper")


async def load(variant: Variant, settings: Settings) -> Loaded:
    """Opens the release and loads the engine.

    Raises:
        ModelInputError: something is missing, or does not belong to the rest.
    """
    began = time.monotonic()

    def say(step: str) -> None:
        _log.info("%5.1f s  %s", time.monotonic() - began, step)

    # Its bars would be hundreds of characters on one line of the log.
    transformers_logging.disable_progress_bar()

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

    def chat_prompt(turns: Sequence[dict[str, str]]) -> str:
        return release.parts.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    return Loaded(release.version, release.parts.tokens.labels, engine, scoring, chat_prompt, settings)


def memory_bytes() -> int:
    """Returns the resident memory of this process and those it started."""
    process = psutil.Process()
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
