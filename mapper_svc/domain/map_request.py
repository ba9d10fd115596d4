"""The use case behind /map: map hand-overs, keep what no rule knows for review."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.ask_mappers import ask_mappers
from mapper_svc.domain.ask_model import AskModel
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from mapper_svc.domain.findings import MapResult, UnmappedLabel
from mapper_svc.domain.map_payload import DraftMapping
from mapper_svc.domain.mapping_version import MappingVersion, MappingVersions
from mapper_svc.domain.model_opinion import NO_OPINION, ModelOpinion
from mapper_svc.domain.name_labels import LabelNamer
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.plugins import NoPlugins, Plugins
from mapper_svc.domain.ports import ReviewQueue
from mapper_svc.domain.tenant_settings import (
    CurrentChoices,
    DefaultSettings,
    MappingChoices,
    Piece,
    TenantSettings,
)

FINDINGS_MAX = 2_000
"""Most findings of one answer, about one megabyte of JSON."""
REVIEW_LABELS_MAX = 100
"""Most distinct labels that one request adds to the review queue."""
# The caller waits for its answer, not for the review queue, which may take its time. Less than half of the
# smallest share (250 ms) that the orchestrator gives this service.
_REVIEW_LIMIT_S = 0.1
# What of the caller's time is not for the model: the review queue, and the way there and back.
_REST_S = _REVIEW_LIMIT_S + 0.05


class MappingEvents(Protocol):
    """Hears what mapping did."""

    def findings(self, tier: str, count: int) -> None:
        """``tier`` decided ``count`` findings."""
        ...

    def review_not_kept(self, count: int, *, reason: str) -> None:
        """``count`` unmapped labels were not kept for review; ``reason`` is a plain identifier."""
        ...


class MapRequests:
    """Maps hand-overs tier by tier: rules, the tenant's model, likeness.

    Args:
        catalogue: the edition and the vendors to map with.
        review: keeps what no tier knows.
        events: hears what was done.
        background: holds work that outlives its request.
        plugins: read outputs before the tiers and look at findings after them.
        tenant_settings: knows which tiers each tenant wants.
        ask_model: asks the tenant's model; None in a service without one.
        versions: tells the version of a tenant's mapping; without it answers carry none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        review: ReviewQueue,
        events: MappingEvents,
        background: BackgroundWork,
        plugins: Plugins | None = None,
        tenant_settings: TenantSettings | None = None,
        ask_model: AskModel | None = None,
        versions: MappingVersions | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._background = background
        self._review = review
        self._events = events
        self._plugins = plugins or NoPlugins()
        self._tenant_settings = tenant_settings or DefaultSettings()
        self._ask_model = ask_model
        self._versions = versions

    async def __call__(
        self, payloads: Sequence[MapperPayload], *, tenant_id: UUID, within_s: float | None = None
    ) -> list[MapResult]:
        """Map each payload; the answer never fails because a model or the review queue is away.

        Args:
            payloads: what is to be mapped.
            tenant_id: whose they are.
            within_s: how long the caller waits for the answer, in seconds, where it says so.

        Raises:
            ServiceError: PAYLOAD_TOO_LARGE when the answer would have more findings than FINDINGS_MAX.
        """
        current = await self._tenant_settings.of(tenant_id)
        version, failures = self._version(current, tenant_id), self._plugins.failures
        read = await ask_mappers(payloads, self._plugins)
        drafts = await self._draft(read, current.choices)
        opinion = await self._hear_model(drafts, current.choices, tenant_id, within_s)
        namer = LabelNamer(self._catalogue.similar, current.choices, opinion, note=current.note)
        results: list[MapResult] = []
        for draft in drafts:
            results.append(draft.finish(namer))
            await asyncio.sleep(0)
        results = await self._plugins.check(results)
        tiers = Counter(finding.tier.value for result in results for finding in result.findings)
        for tier, count in tiers.items():
            self._events.findings(tier, count)
        unmapped = [label for result in results for label in result.unmapped]
        if unmapped:
            await self._keep_for_review(tenant_id, unmapped)
        if failures != self._plugins.failures or version != self._version(current, tenant_id):
            version = None  # a plugin that failed should have had a say; or the model was changed meanwhile
        return [replace(result, mapping_version=_word_of(version, result)) for result in results]

    def _version(self, current: CurrentChoices, tenant_id: UUID) -> MappingVersion | None:
        return None if self._versions is None else self._versions.under(current, tenant_id)

    async def _draft(self, payloads: Sequence[MapperPayload], choices: MappingChoices) -> list[DraftMapping]:
        now = datetime.now(UTC)
        drafts: list[DraftMapping] = []
        found = 0
        for payload in payloads:
            drafts.append(DraftMapping(payload, self._catalogue, now, choices))
            found += drafts[-1].size
            if found > FINDINGS_MAX:
                raise ServiceError(
                    ErrorCode.PAYLOAD_TOO_LARGE,
                    f"this gives more than {FINDINGS_MAX} findings; send fewer hand-overs at once",
                    field=f"items[{len(drafts) - 1}]" if len(payloads) > 1 else "body",
                )
            await asyncio.sleep(0)  # a batch of large payloads lets others in between
        return drafts

    async def _hear_model(
        self,
        drafts: Sequence[DraftMapping],
        choices: MappingChoices,
        tenant_id: UUID,
        within_s: float | None,
    ) -> ModelOpinion:
        if self._ask_model is None or not (choices.on(Piece.MODEL) or choices.on(Piece.SEMANTIC)):
            return NO_OPINION
        asked = tuple(dict.fromkeys(label for draft in drafts for label in draft.asked))
        limit = None if within_s is None else max(0.0, within_s - _REST_S)
        return await self._ask_model(asked, tenant_id=tenant_id, within_s=limit)

    async def _keep_for_review(self, tenant_id: UUID, unmapped: Sequence[UnmappedLabel]) -> None:
        first = set(islice(dict.fromkeys(label.key for label in unmapped), REVIEW_LABELS_MAX))
        kept = [label for label in unmapped if label.key in first]
        if len(kept) < len(unmapped):
            self._events.review_not_kept(len(unmapped) - len(kept), reason="too_many")
        task = self._background.start(self._keep(tenant_id, kept))
        if task is None:
            self._events.review_not_kept(len(kept), reason="too_busy")
            return
        done, _ = await asyncio.wait({task}, timeout=_REVIEW_LIMIT_S)
        for ended in done:
            ended.result()

    async def _keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:
        try:
            await self._review.keep(tenant_id, labels)
        except StorageUnavailableError as error:
            self._events.review_not_kept(len(labels), reason=type(error.__cause__).__name__)


def _word_of(version: MappingVersion | None, result: MapResult) -> str | None:
    """Return the version for one answer; None when another model than the tenant's own stood in for it."""
    heard = result.version_info.model
    return None if version is None or heard not in (None, version.model) else version.word
