"""Eight fake detectors, requests at a steady rate, and faults at process level while they run."""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import psutil

from orchestration_svc.adapters.clock import SystemClock
from orchestration_svc.adapters.contained_detector import ContainedDetector
from orchestration_svc.adapters.detector_probes import DetectorProbes
from orchestration_svc.adapters.detectors.fms_http import HttpDetectorConfig, configured_detector
from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.adapters.metrics import Metrics
from orchestration_svc.adapters.outbound_client import OutboundClient
from orchestration_svc.adapters.outbound_rule import OutboundRule
from orchestration_svc.adapters.policy_shipped import DEFAULT, read_shipped
from orchestration_svc.adapters.registered_detectors import ContainedFleet
from orchestration_svc.adapters.remote_detector import RemoteDetector
from orchestration_svc.domain.detection import CallContext, DetectorInfo, DetectorKind, DetectorStatus
from orchestration_svc.domain.downstream import (
    AnalysisAnswer,
    AnalysisQuestion,
    MapperAnswer,
)
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.orchestrate import Orchestrate
from orchestration_svc.domain.orchestration import OrchestrationRequest
from orchestration_svc.domain.policy import SLA_MS, Priority
from orchestration_svc.domain.policy_enforcement import PolicyEnforcement
from orchestration_svc.domain.policy_program import PolicyProgram

DETECTORS = 8
FAULTS = ("kill", "hang", "slow", "garbage", "half_closed", "error")
_TENANT = UUID("11111111-1111-4111-8111-111111111111")
_TIMEOUT_MS = 1_000


@dataclass
class ChaosReport:
    """What came of it; `untrue` counts successes of detectors that could not have given one."""

    sent: int = 0
    answered: int = 0
    without_any: int = 0
    over_sla: int = 0
    untrue: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    rss_before: int = 0
    rss_after: int = 0
    back_again: int = 0

    @property
    def lost(self) -> int:
        """Requests that ended neither in an answer nor in the error of the contract."""
        return self.sent - self.answered - self.without_any

    def percentile(self, share: float) -> float:
        """Return a percentile of the time per request, milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _FakeServer:
    """One process; `wrong_since` is None while it ought to answer well."""

    def __init__(self, name: str) -> None:
        self.name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: asyncio.subprocess.Process | None = None
        self.wrong_since: float | None = None
        self.fault = ""

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.chaos_detector", str(self.port)
        )
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def do(self, fault: str, client: httpx.AsyncClient) -> None:
        assert self.process is not None
        self.fault = fault
        if fault == "kill":
            self.process.kill()
            await self.process.wait()
        elif fault == "hang":
            os.kill(self.process.pid, signal.SIGSTOP)
        else:
            await client.post(f"http://127.0.0.1:{self.port}/behave/{fault}", timeout=10)
        self.wrong_since = time.perf_counter()

    async def mend(self, client: httpx.AsyncClient) -> None:
        assert self.process is not None
        # From here on it may be right already, so nothing that it says is held to be untrue.
        fault, self.fault, self.wrong_since = self.fault, "", None
        if fault == "kill":
            await self.start()
        elif fault == "hang":
            os.kill(self.process.pid, signal.SIGCONT)
        elif fault:
            await client.post(f"http://127.0.0.1:{self.port}/behave/good", timeout=10)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class _NoMapper:
    async def map(self, payloads: object, *, tenant_id: UUID, timeout_s: float) -> MapperAnswer:
        raise NotImplementedError

    async def analyze(
        self, question: AnalysisQuestion, *, tenant_id: UUID, timeout_s: float
    ) -> AnalysisAnswer:
        raise NotImplementedError


class _Shipped:
    """The default policy, for everybody."""

    def __init__(self) -> None:
        self._default = read_shipped()[DEFAULT]

    async def find(self, tenant_id: UUID, name: str | None) -> PolicyProgram:
        del tenant_id, name
        return self._default


class _Fleet:
    def __init__(self, detectors: list[RemoteDetector]) -> None:
        self._by_name = {one.info.name: one for one in detectors}

    async def of(self, tenant_id: UUID) -> "_Fleet":
        del tenant_id
        return self

    def get(self, name: str) -> RemoteDetector | None:
        return self._by_name.get(name)

    def all(self) -> list[RemoteDetector]:
        return [self._by_name[name] for name in sorted(self._by_name)]


async def run_chaos(*, seconds: float, rate: float, fault_s: float, seed: int = 7) -> ChaosReport:
    """Send requests at ``rate`` a second for ``seconds``; two detectors at a time have trouble."""
    report = ChaosReport()
    servers = [_FakeServer(f"fake_{number}") for number in range(DETECTORS)]
    await asyncio.gather(*(server.start() for server in servers))
    client = OutboundClient(OutboundRule("loopback"), max_connections=400)
    orders = httpx.AsyncClient(trust_env=False)
    fleet = ContainedFleet(
        _Fleet([_detector(server, client) for server in servers]), Metrics(), [one.name for one in servers]
    )
    # The first connections and imports are no part of what is measured.
    await asyncio.gather(*(one.probe(10) for one in fleet.all()))
    probes = asyncio.create_task(DetectorProbes(fleet.all, interval_s=2.0, soon_s=1.0).run())
    mapper = _NoMapper()
    orchestrate = Orchestrate(
        directory=fleet,
        policies=PolicyEnforcement(_Shipped(), Metrics()),
        mapper=mapper,
        analysis=mapper,
        events=Metrics(),
        clock=SystemClock(),
    )
    trouble = asyncio.create_task(_trouble(servers, orders, report, fault_s, random.Random(seed)))  # noqa: S311
    try:
        report.rss_before = psutil.Process().memory_info().rss
        await _send(orchestrate, servers, report, seconds=seconds, rate=rate)
        report.rss_after = psutil.Process().memory_info().rss
        trouble.cancel()
        await asyncio.gather(trouble, return_exceptions=True)
        await asyncio.gather(*(server.mend(orders) for server in servers))
        report.back_again = await _count_back(fleet)
    finally:
        for task in (trouble, probes):
            task.cancel()
        await asyncio.gather(trouble, probes, return_exceptions=True)
        await asyncio.gather(*(server.stop() for server in servers))
        await client.aclose()
        await orders.aclose()
    return report


async def _send(
    orchestrate: Orchestrate, servers: list[_FakeServer], report: ChaosReport, *, seconds: float, rate: float
) -> None:
    by_name = {server.name: server for server in servers}
    async with asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            report.sent += 1
            group.create_task(_one(orchestrate, by_name, report))


async def _one(orchestrate: Orchestrate, servers: dict[str, _FakeServer], report: ChaosReport) -> None:
    started = time.perf_counter()
    request = OrchestrationRequest(
        tenant_id=_TENANT,
        content="The tram stops at the old market.",
        content_type="text/plain",
        policy=None,
        detectors=None,
        priority=Priority.NORMAL,
        map_findings=False,
        analyze_findings=False,
        context=CallContext(),
    )
    before = {name: server.wrong_since for name, server in servers.items()}
    try:
        result = await orchestrate(request)
    except ServiceError as error:
        report.without_any += error.code is ErrorCode.ALL_DETECTORS_UNAVAILABLE
        return
    spent = (time.perf_counter() - started) * 1000
    report.answered += 1
    report.milliseconds.append(spent)
    report.over_sla += spent > SLA_MS[Priority.NORMAL] * 1.2
    for one in result.results:
        report.statuses[one.status.value] += 1
        wrong = before[one.detector]
        # In trouble before the request began and still at its end: whatever it says, it is no success.
        stayed = wrong is not None and servers[one.detector].wrong_since == wrong
        report.untrue += one.status is DetectorStatus.SUCCESS and stayed


async def _trouble(
    servers: list[_FakeServer],
    client: httpx.AsyncClient,
    report: ChaosReport,
    fault_s: float,
    chance: random.Random,
) -> None:
    while True:
        for fault in FAULTS:
            chosen = chance.sample(servers, 2)
            for server in chosen:
                await server.do(fault, client)
                report.faults[fault] += 1
            await asyncio.sleep(fault_s)
            for server in chosen:
                await server.mend(client)


async def _count_back(fleet: ContainedFleet) -> int:
    """Wait until all take calls again by themselves, 90 s at most; return how many do."""
    well: list[ContainedDetector] = []
    for _ in range(900):
        well = [one for one in fleet.all() if one.health().state.value == "ready"]
        if len(well) == DETECTORS:
            break
        await asyncio.sleep(0.1)
    return len(well)


def _detector(server: _FakeServer, client: HttpCalls) -> RemoteDetector:
    config = HttpDetectorConfig(server.name, f"http://127.0.0.1:{server.port}", "d", timeout_ms=_TIMEOUT_MS)
    info = DetectorInfo(
        server.name,
        config.vendor,
        "1",
        DetectorKind.REMOTE,
        frozenset({"text/plain"}),
        _TIMEOUT_MS,
    )
    return RemoteDetector(info, configured_detector(config, client))
