"""The service on loopback: a detector of addresses, one of attacks, and a mapper that knows both."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn

from orchestration_svc.adapters import tenant_settings_cache
from orchestration_svc.adapters.access import Access
from orchestration_svc.app import create_app
from orchestration_svc.domain import orchestrate
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.detection import CallContext, DetectorOutput
from orchestration_svc.domain.downstream import MappedFinding, MapperAnswer
from orchestration_svc.domain.handover import MapperPayload
from orchestration_svc.domain.policy import Budget, Priority
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import issue
from tests.unit.orchestration_svc.fakes import FakeAnalysis, FakeDetector, FakeDirectory, FakeMapper

LABELS = {"EMAIL": ("PII.Contact.Email", 0.7), "injection": ("PROMPT_INJECTION.Direct", 0.95)}


class Addresses(FakeDetector):
    """Tells every address and where it is."""

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        await super().detect(text, timeout_s=timeout_s, context=context)
        found = re.finditer(r"\w+@\w+\.org", text)
        return DetectorOutput(
            [{"entity_type": "EMAIL", "start": one.start(), "end": one.end()} for one in found]
        )


class Attacks(FakeDetector):
    """Tells whether the whole text is an attack, and not where."""

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        await super().detect(text, timeout_s=timeout_s, context=context)
        return DetectorOutput({"label": "injection" if "ignore all" in text.lower() else "safe"})


class KnowingMapper(FakeMapper):
    """Maps the labels of both; with `unknown` it knows none."""

    unknown = False

    async def map(
        self, payloads: Sequence[MapperPayload], *, tenant_id: UUID, timeout_s: float
    ) -> MapperAnswer:
        answer = await super().map(payloads, tenant_id=tenant_id, timeout_s=timeout_s)
        findings = []
        for said in (part for payload in payloads for part in payload.provenance):
            entries: list[Any] = said.output if isinstance(said.output, list) else [said.output]
            names = {one.get("entity_type") or one.get("label") for one in entries} - {"safe"}
            for name in names or {""}:
                label, score = LABELS.get(name, ("OTHER.Safe", 0.0))
                label = "OTHER.Unknown" if name and self.unknown else label
                findings.append(MappedFinding(label, score, 1.0, said.detector, "rule", 1, name))
        return MapperAnswer(tuple(findings), answer.body, fallback_used=False)


@dataclass
class Served:
    """The service, what stands around it, and a token for it."""

    url: str
    token: str
    admin: str
    addresses: FakeDetector
    attacks: FakeDetector
    mapper: KnowingMapper

    async def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with httpx.AsyncClient(base_url=self.url, headers=sent) as client:
            return await client.post(path, json=body, timeout=30)

    async def choose(self, **settings: object) -> None:
        sent = {"Authorization": f"Bearer {self.admin}", "If-Match": '"0"'}
        async with httpx.AsyncClient(base_url=self.url, headers=sent) as client:
            answer = await client.put("/api/v1/settings", json=settings, timeout=30)
            assert answer.status_code == 200, answer.text


@asynccontextmanager
async def listening(server: uvicorn.Server) -> AsyncIterator[str]:
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), "the service did not start"
        await asyncio.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


def roomy(priority: Priority, *, mapping: bool, analysis: bool) -> Budget:
    """Budget for a busy machine; how time is shared out is tested where that is decided."""
    del priority, mapping, analysis
    return Budget(detectors_s=20.0, mapper_s=20.0, analysis_s=20.0)


@pytest.fixture
async def served(
    settings: Settings, access: Access, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    monkeypatch.setattr(orchestrate, "budget_for", roomy)
    monkeypatch.setattr(tenant_settings_cache, "_WAIT_S", 20.0)
    settings = msgspec.structs.replace(settings, redis_timeout_ms=20_000)
    addresses, attacks, mapper = Addresses("addresses"), Attacks("attacks"), KnowingMapper()
    app = create_app(
        settings, directory=FakeDirectory(addresses, attacks), mapper=mapper, analysis=FakeAnalysis()
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None)
    token = await issue(access, tenant, Role.ANALYST)
    admin = await issue(access, tenant, Role.ADMIN)
    async with listening(uvicorn.Server(config)) as url:
        yield Served(url, token, admin, addresses, attacks, mapper)
