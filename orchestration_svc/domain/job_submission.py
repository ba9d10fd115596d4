"""Submitting, showing, cancelling and retrying jobs."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job import (
    MAX_ITEMS,
    PASSES,
    ItemResult,
    Job,
    JobOptions,
    NewItem,
    SealedItem,
    Webhook,
)
from orchestration_svc.domain.job_ports import ContentSealer, JobStore, WebhookSender
from orchestration_svc.domain.limits import TenantLimits
from orchestration_svc.domain.waiting_text import packed

# A stream that nobody reads must end some time; whoever still wants it connects again.
_WATCHED_AT_MOST = 1_200


def item_kind(job_id: UUID, position: int, *, with_people: bool) -> str:
    """Say what a sealed text is: it opens in its own place only.

    With people it is of another kind: a worker that knows nothing of them, as one of an older version, cannot
    open it, and hands no name to a detector as if it were text.
    """
    return f"job {job_id} text {position}{' and whose it is' if with_people else ''}"


def webhook_kind(job_id: UUID) -> str:
    """Say what a sealed webhook is."""
    return f"job {job_id} webhook"


class ManageJobs:
    """What a tenant can do with its jobs."""

    def __init__(
        self, store: JobStore, sealer: ContentSealer, webhooks: WebhookSender, limits: TenantLimits
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._webhooks = webhooks
        self._limits = limits

    async def submit(
        self,
        principal: Principal,
        *,
        job_id: UUID,
        options: JobOptions,
        items: Sequence[NewItem],
        webhook: Webhook | None = None,
    ) -> Job:
        """Encrypt the texts and enqueue them as one job; submitted twice under one id, it is one job.

        Raises:
            ServiceError: INVALID_REQUEST for too many texts or a webhook that would not be called;
                RATE_LIMITED when the tenant has as many jobs as it may.
        """
        if not 0 < len(items) <= MAX_ITEMS:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"a job takes 1 to {MAX_ITEMS} texts", field="items"
            )
        if webhook is not None:
            self._webhooks.check(webhook.url)
        tenant_id = principal.tenant_id
        with_people = any(item.subject is not None for item in items)
        texts = [
            (item_kind(job_id, position, with_people=with_people), packed(item.content, item.subject))
            for position, item in enumerate(items)
        ]
        sealed = await self._sealer.seal(tenant_id, texts)
        webhook_sealed = None
        if webhook is not None:
            told = json.dumps({"url": webhook.url, "secret": webhook.secret})
            webhook_sealed = (await self._sealer.seal(tenant_id, [(webhook_kind(job_id), told)]))[0]
        return await self._store.add(
            tenant_id=tenant_id,
            job_id=job_id,
            submitter=principal.token_id,
            options=replace(options, with_people=with_people),
            items=[
                SealedItem(position, data, item.reference)
                for position, (item, data) in enumerate(zip(items, sealed, strict=True))
            ],
            webhook_sealed=webhook_sealed,
            passes=PASSES,
            at_most=(await self._limits.of(tenant_id)).jobs_queued,
        )

    async def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """Return a job, or raise ServiceError NOT_FOUND."""
        return await self._store.get(tenant_id, job_id)

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[Job]:
        """Return jobs newest first, or raise ServiceError NOT_FOUND when ``before`` is none of them."""
        return await self._store.page(tenant_id, before=before, limit=limit)

    async def results(self, tenant_id: UUID, job_id: UUID, *, after: int, limit: int) -> list[ItemResult]:
        """Return what became of the texts after a position, in order, or raise ServiceError NOT_FOUND."""
        return await self._store.results(tenant_id, job_id, after=after, limit=limit)

    async def cancel(self, principal: Principal, job_id: UUID) -> Job:
        """End a job, or have its worker end it after the texts that it is at.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT when it has ended otherwise.
        """
        return await self._store.cancel(principal.tenant_id, job_id, actor=principal.token_id)

    async def retry(self, principal: Principal, job_id: UUID) -> Job:
        """Try the texts again that got no answer.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT for a job that does not wait for it.
        """
        return await self._store.retry(principal.tenant_id, job_id, actor=principal.token_id, passes=PASSES)

    async def watch(self, first: Job, *, pause: Callable[[], Awaitable[None]]) -> AsyncIterator[Job]:
        """Yield the job now and whenever it has changed, until it has ended.

        Args:
            first: the job as it was found.
            pause: waits between two looks.

        Raises:
            ServiceError: NOT_FOUND when it was removed meanwhile.
        """
        yield first
        last = first
        for _ in range(_WATCHED_AT_MOST):
            if last.has_ended:
                return
            await pause()
            now = await self._store.get(first.tenant_id, first.job_id)
            if now != last:
                yield now
            last = now
