import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from bentos.llm.api.generate_endpoint import GenerateEndpoint
from bentos.llm.api.map_endpoint import MapEndpoint
from bentos.llm.api.version_endpoint import VersionEndpoint
from bentos.llm.domain.engine import EngineUnavailableError, Generated, JsonSchema, RefusedPromptError
from bentos.llm.domain.label_scoring import AskedLabel, LabelScoring
from bentos.llm.domain.model_version import ModelVersion
from bentos.llm.runtime import Loaded, Runtime
from bentos.llm.settings import Settings
from bentos.web.correlation import CorrelationMiddleware
from bentos.web.endpoints import Endpoint, create_api
from bentos.web.service_token import ServiceToken
from pipelines.lib.scoring.calibration import Calibration

LABELS = ("A.One", "A.Two", "B.Three")
TOKEN = "token-of-the-test"
VERSION = ModelVersion(
    name="tiny",
    version="0123456789ab",
    adapter="a" * 16,
    base="wheel:none",
    taxonomy="2026.11",
    label_tokens="b" * 16,
    calibrator="c" * 16,
    threshold=0.8,
    engine="transformers",
)


class FakeEngine:
    """Gives each prompt logits that follow from its tokens; fails, and waits, when it is told to."""

    parallel = 1

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.writing = asyncio.Event()
        self.writing.set()
        self.asked: list[tuple[str, JsonSchema | None, int]] = []
        self.two_asked = asyncio.Event()

    async def label_logits(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        if self.fault:
            raise self.fault
        return np.array([[len(ids), ids[0], 0.0] for ids in prompts], dtype=np.float32)

    async def generate(self, prompt: str, *, schema: JsonSchema | None, max_tokens: int) -> Generated:
        self.asked.append((prompt, schema, max_tokens))
        if len(self.asked) > 1:
            self.two_asked.set()
        await self.writing.wait()
        if schema == {"type": "impossible"}:
            raise RefusedPromptError("the schema cannot be followed")
        return Generated("{}", 7, 2)

    async def check(self) -> None:
        if self.fault:
            raise EngineUnavailableError(str(self.fault))

    async def close(self) -> None:
        self.writing.set()


class FakeParts:
    """Tokens are the lengths of vendor and label; the head likes the last label."""

    calibration = Calibration(
        head_weight=0.5, model_temperature=1.0, head_temperature=1.0, temperature=1.0, threshold=None
    )

    def prompts(self, rows: Sequence[AskedLabel]) -> list[tuple[int, ...]]:
        return [(len(row.vendor or ""), len(row.raw)) for row in rows]

    def head_logits(self, rows: Sequence[AskedLabel]) -> NDArray[np.float32]:
        return np.array([[0.0, 0.0, len(row.raw)] for row in rows], dtype=np.float32)


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def runtime(engine: FakeEngine) -> Any:
    """A runtime that has loaded the fakes."""
    threads = ThreadPoolExecutor(1)
    settings = Settings(service_token=TOKEN, generate_at_once=2, generate_tokens=100)
    scoring = LabelScoring(FakeParts(), engine, threads, batch_rows=4, waiting_rows=300)

    async def load() -> Loaded:
        return Loaded(VERSION, LABELS, engine, scoring, lambda turns: turns[-1]["content"], settings)

    made = Runtime()
    made.begin(load)
    await asyncio.sleep(0)
    yield made
    await made.close()
    threads.shutdown()


@pytest.fixture
def client_of() -> Callable[[Runtime], httpx.AsyncClient]:
    """Makes a client of the application that a runtime answers, as it is mounted in the Bento."""

    def observe(route: str, status: int, seconds: float) -> None:
        assert route in {"/map", "/generate", "/version", "other"}
        assert status >= 200
        assert seconds >= 0

    def make(runtime: Runtime, token: str = TOKEN, seconds: float = 5.0) -> httpx.AsyncClient:
        api = create_api(
            [
                Endpoint("/map", "POST", MapEndpoint(runtime.get), seconds),
                Endpoint("/generate", "POST", GenerateEndpoint(runtime.get), seconds),
                Endpoint("/version", "GET", VersionEndpoint(runtime.get), seconds),
            ],
            ServiceToken(token),
            observe,
        )
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(CorrelationMiddleware(api)),
            base_url="http://bento",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )

    return make
