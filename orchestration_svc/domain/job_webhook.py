"""Telling somebody that a job has ended: signed, tried again, and safe against replay.

The headers are those of Standard Webhooks: the signature covers id, time and body, so that a receiver can
tell a forged, an altered and an old call; a call that was made twice has the same id.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from uuid import UUID

from orchestration_svc.domain.job import Job
from orchestration_svc.domain.job_ports import (
    ContentSealer,
    ContentUnreadableError,
    JobEvents,
    JobRuns,
    WebhookSender,
)
from orchestration_svc.domain.job_submission import webhook_kind
from orchestration_svc.domain.ports import Clock

# After a call that was not taken; after the last of these it is given up.
TRY_AGAIN_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))


class TellJobEnd:
    """Calls the webhook of an ended job once; enqueues itself again when nobody took it."""

    def __init__(
        self, *, runs: JobRuns, sealer: ContentSealer, sender: WebhookSender, events: JobEvents, clock: Clock
    ) -> None:
        self._runs = runs
        self._sealer = sealer
        self._sender = sender
        self._events = events
        self._clock = clock

    async def __call__(self, tenant_id: UUID, job_id: UUID) -> None:
        """Make the call, unless it was taken or given up before."""
        pending = await self._runs.webhook(tenant_id, job_id)
        if pending is None:
            return
        job, sealed, tried = pending
        now = self._clock.now()
        try:
            told = json.loads((await self._sealer.open(tenant_id, [(webhook_kind(job_id), sealed)]))[0])
        except ContentUnreadableError:
            self._events.webhook("unreadable")
            await self._runs.webhook_tried(tenant_id, job_id, delivered=False, again_at=None)
            return
        body = message_of(job)
        headers = signed_headers(told["secret"], message_id=str(job_id), at=now, body=body)
        delivered = await self._sender.send(told["url"], body=body, headers=headers)
        again = tried < len(TRY_AGAIN_AFTER) and not delivered
        self._events.webhook("delivered" if delivered else "to_be_tried_again" if again else "given_up")
        await self._runs.webhook_tried(
            tenant_id,
            job_id,
            delivered=delivered,
            again_at=now + TRY_AGAIN_AFTER[tried] if again else None,
        )


def message_of(job: Job) -> bytes:
    """Return what is told of a job: counts and states, no results."""
    finished = job.finished_at.isoformat() if job.finished_at else None
    told = {
        "type": "job.ended",
        "timestamp": finished,
        "data": {
            "job_id": str(job.job_id),
            "state": job.state.value,
            "reason": job.reason.value if job.reason else None,
            "items": job.items,
            "succeeded": job.succeeded,
            "failed": job.failed,
        },
    }
    return json.dumps(told, separators=(",", ":")).encode()


def signed_headers(secret: str, *, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a call: HMAC-SHA256 over id, Unix time and body, joined by full stops."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{digest}",
        "content-type": "application/json",
    }
