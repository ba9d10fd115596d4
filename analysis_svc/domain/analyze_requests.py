"""The use case behind /analyze: analyse, and keep the result as evidence."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import ServiceError, StorageUnavailableError
from analysis_svc.domain.models import Analysis, AnalysisRequest
from analysis_svc.domain.ports import EvidenceStore

# The caller waits for its answer, not for a database that hangs.
_STORE_LIMIT_S = 0.2
_STORE_LIMIT_PER_FINDING_S = 0.002
# Above this many findings the work is long enough to hold up other requests.
_THREAD_ABOVE = 50


class AnalysisEvents(Protocol):
    """Hears what analysing did."""

    def analysis(self, level: str) -> None:
        """One analysis ended with this risk level."""
        ...

    def evidence_not_kept(self) -> None:
        """The database did not take the evidence."""
        ...


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """An analysis and where its evidence is; ``evidence_id`` is None when it could not be kept."""

    analysis: Analysis
    evidence_id: UUID | None


class AnalyzeRequests:
    """Analyses requests of one tenant; an answer is given even when its evidence cannot be kept."""

    def __init__(
        self,
        catalogue: Catalogue,
        evidence: EvidenceStore,
        events: AnalysisEvents,
        background: BackgroundWork,
    ) -> None:
        self._catalogue = catalogue
        self._background = background
        self._evidence = evidence
        self._events = events

    async def __call__(
        self, requests: Sequence[AnalysisRequest], *, tenant_id: UUID, listed_as: str = ""
    ) -> list[KeptAnalysis]:
        """Analyse each request.

        Args:
            requests: what to analyse.
            tenant_id: whose they are.
            listed_as: name of the list that the requests stand in, for faults; empty for a single request.

        Raises:
            ServiceError: INVALID_REQUEST naming the field that breaks a rule.
        """
        analyses = []
        for index, request in enumerate(requests):
            try:
                analyses.append(await self._analyze(request))
            except ServiceError as error:
                where = f"{listed_as}[{index}].{error.field}" if listed_as else error.field
                raise ServiceError(error.code, error.detail, field=where) from None
        for analysis in analyses:
            self._events.analysis(analysis.risk.level.value)
        kept = [(uuid4(), request, analysis) for request, analysis in zip(requests, analyses, strict=True)]
        findings = sum(len(request.findings) for request in requests)
        limit_s = _STORE_LIMIT_S + findings * _STORE_LIMIT_PER_FINDING_S
        if not await self._keep(tenant_id, kept, limit_s):
            self._events.evidence_not_kept()
            return [KeptAnalysis(analysis, None) for analysis in analyses]
        return [KeptAnalysis(analysis, evidence_id) for evidence_id, _, analysis in kept]

    async def _keep(
        self, tenant_id: UUID, kept: Sequence[tuple[UUID, AnalysisRequest, Analysis]], limit_s: float
    ) -> bool:
        task = self._background.start(self._evidence.keep(tenant_id, kept))
        if task is None:
            return False
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            task.cancel()  # and not waited for
            return False
        try:
            task.result()
        except StorageUnavailableError:
            return False
        return True

    async def _analyze(self, request: AnalysisRequest) -> Analysis:
        now = datetime.now(UTC)
        if len(request.findings) > _THREAD_ABOVE:
            return await asyncio.to_thread(analyze, request, catalogue=self._catalogue, now=now)
        return analyze(request, catalogue=self._catalogue, now=now)
