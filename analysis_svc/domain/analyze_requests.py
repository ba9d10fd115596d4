"""The use case behind /analyze: analyse, and keep the result as evidence."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.erasures import SubjectHash
from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.insights.incidents import SERIOUS
from analysis_svc.domain.models import Analysis, AnalysisRequest
from analysis_svc.domain.plugins import Engines
from analysis_svc.domain.ports import EvidenceStore

# The caller waits for its answer, not for a database that hangs. An orchestrator in a hurry gives the
# analysis 150 ms in all, so the evidence of one request gets under half of that, whatever its findings;
# who says that it waits longer gets half of that time.
STORE_LIMIT_S = 0.07
MOST_STORE_LIMIT_S = 1.0
# Nobody who is in a hurry sends a batch.
BATCH_STORE_LIMIT_S = 1.0
MAX_BATCH_FINDINGS = 5_000
# From this many findings on the work is long enough to hold up other requests.
_THREAD_FROM = 50


class AnalysisEvents(Protocol):
    """Hears what analysing did."""

    def analysis(self, level: str) -> None:
        """One analysis ended with this risk level."""
        ...

    def serious_kept(self, tenant_id: UUID) -> None:
        """Evidence of a tenant was kept that may open an incident."""
        ...

    def evidence_not_kept(self) -> None:
        """The database did not take the evidence."""
        ...


@dataclass(frozen=True, slots=True)
class KeptAnalysis:
    """An analysis and where its evidence is.

    Attributes:
        analysis: the answer.
        evidence_id: None when it could not be kept.
        own_frameworks: whether the tenant's own frameworks in it are known to be those in force.
        engines_failed: the installed engines that gave no answer, and how each failed.
    """

    analysis: Analysis
    evidence_id: UUID | None
    own_frameworks: bool = True
    engines_failed: Mapping[str, str] = field(default_factory=dict)


class AnalyzeRequests:
    """Analyses requests of one tenant; an answer is given even when its evidence cannot be kept."""

    def __init__(
        self,
        catalogues: Catalogues,
        evidence: EvidenceStore,
        events: AnalysisEvents,
        background: BackgroundWork,
        subject_hash: SubjectHash,
        engines: Engines,
    ) -> None:
        self._catalogues = catalogues
        self._background = background
        self._evidence = evidence
        self._events = events
        self._subject_hash = subject_hash
        self._engines = engines
        # One, for two would not analyse faster in one process, only hold up the event loop more.
        self._thread = ThreadPoolExecutor(1, "analyze")

    async def __call__(
        self,
        requests: Sequence[AnalysisRequest],
        *,
        tenant_id: UUID,
        listed_as: str = "",
        within_s: float | None = None,
    ) -> list[KeptAnalysis]:
        """Analyse each request.

        The evidence of a single request is given STORE_LIMIT_S, or half of `within_s` where that is longer,
        and MOST_STORE_LIMIT_S at most; that of a batch BATCH_STORE_LIMIT_S.

        Args:
            requests: what to analyse.
            tenant_id: whose they are.
            listed_as: name of the list that the requests stand in, for faults; empty for a single request.
            within_s: seconds that the caller waits, where it says so.

        Raises:
            ServiceError: INVALID_REQUEST naming the field that breaks a rule.
        """
        findings = sum(len(request.findings) for request in requests)
        if listed_as and findings > MAX_BATCH_FINDINGS:
            detail = f"at most {MAX_BATCH_FINDINGS} findings are accepted in one batch, got {findings}"
            raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field=listed_as)
        catalogue = await self._catalogues.of(tenant_id, within_s=within_s)
        current = self._catalogues.up_to_date(tenant_id)
        analyses, kept = [], []
        for index, request in enumerate(requests):
            try:
                analyses.append(await self._analyze(request, catalogue, in_thread=findings >= _THREAD_FROM))
                kept.append(self._without_subject(request, tenant_id))
            except ServiceError as error:
                where = f"{listed_as}[{index}].{error.field}" if listed_as else error.field
                raise ServiceError(error.code, error.detail, field=where) from None
        found = await self._engines.run(list(zip(kept, analyses, strict=True)))
        analyses = [
            replace(analysis, patterns=(*analysis.patterns, *its.patterns))
            for analysis, its in zip(analyses, found, strict=True)
        ]
        failed = [its.failed for its in found]
        for analysis in analyses:
            self._events.analysis(analysis.risk.level.value)
        limit_s = BATCH_STORE_LIMIT_S if listed_as else _store_limit_s(within_s)
        ids = await self._keep(tenant_id, list(zip(kept, analyses, strict=True)), limit_s)
        if ids is None:
            self._events.evidence_not_kept()
        elif any(analysis.risk.level in SERIOUS for analysis in analyses):
            self._events.serious_kept(tenant_id)
        kept_as: Sequence[UUID | None] = [None] * len(analyses) if ids is None else ids
        return [
            KeptAnalysis(analysis, kept_id, current, faults)
            for analysis, kept_id, faults in zip(analyses, kept_as, failed, strict=True)
        ]

    def _without_subject(self, request: AnalysisRequest, tenant_id: UUID) -> AnalysisRequest:
        if request.context.subject is None:
            return request
        try:
            digest = self._subject_hash(tenant_id, request.context.subject)
        except ServiceError as error:
            raise ServiceError(error.code, error.detail, field="context.subject") from None
        return replace(request, context=replace(request.context, subject=None, subject_hash=digest))

    async def _keep(
        self, tenant_id: UUID, analysed: Sequence[tuple[AnalysisRequest, Analysis]], limit_s: float
    ) -> list[UUID] | None:
        ids: list[UUID] = []

        async def keep() -> None:
            ids.extend(await self._evidence.keep(tenant_id, analysed))

        task = self._background.start(keep())
        if task is None:
            return None
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            task.cancel()  # and not waited for
            return None
        try:
            task.result()
        except StorageUnavailableError:
            return None
        return ids

    async def _analyze(self, request: AnalysisRequest, catalogue: Catalogue, *, in_thread: bool) -> Analysis:
        work = partial(analyze, request, catalogue=catalogue, now=datetime.now(UTC))
        if in_thread:
            # One at a time, so that a large batch does not keep others out of the thread.
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        await asyncio.sleep(0)
        return work()


def _store_limit_s(within_s: float | None) -> float:
    return STORE_LIMIT_S if within_s is None else max(STORE_LIMIT_S, min(within_s / 2, MOST_STORE_LIMIT_S))
