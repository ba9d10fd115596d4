"""What is stored of an answer holds no text, and work that is told to stop ends."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from orchestration_svc.adapters.job_queue import JobQueue, JobTask, queue_app
from orchestration_svc.adapters.job_worker import end_of
from orchestration_svc.api.idempotent import without_text
from orchestration_svc.api.jobs_wire import BatchAnswer, ItemOut
from orchestration_svc.api.orchestrate_wire import OrchestrateAnswer, RedactedOut
from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from orchestration_svc.domain.job import ItemState
from orchestration_svc.domain.look_at_texts import LookAtTexts
from orchestration_svc.domain.orchestration import OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.tenant_settings import CurrentChoices
from tests.unit.orchestration_svc.fakes import TENANT

SAID = "write to [EMAIL_1]"


def test_answer_that_is_kept_for_a_repeated_request_has_no_redacted_text() -> None:
    fields: dict[str, Any] = dict.fromkeys(OrchestrateAnswer.__struct_fields__)
    answer = OrchestrateAnswer(**fields | {"redacted": RedactedOut(SAID, []), "timestamp": datetime.now(UTC)})
    assert SAID in msgspec.json.encode(answer).decode()
    assert SAID not in msgspec.json.encode(without_text(answer)).decode()


def test_batch_that_is_kept_has_none_either_and_loses_nothing_else() -> None:
    told = {"redacted": {"content": SAID, "replacements": []}, "attempted": 3}
    items = [
        ItemOut(0, "r", ItemState.SUCCEEDED, 200, told, None),
        ItemOut(1, None, ItemState.FAILED, 502, None, "ALL_DETECTORS_UNAVAILABLE"),
    ]
    kept = without_text(BatchAnswer(items, 1, 1))
    assert isinstance(kept, BatchAnswer)
    assert kept.items[0].answer == {"redacted": None, "attempted": 3}
    assert (kept.items[1], kept.succeeded, kept.failed) == (items[1], 1, 1)


async def test_worker_that_swallowed_its_cancellation_is_told_again() -> None:
    told = 0

    async def deaf() -> None:
        nonlocal told
        while told < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                told += 1

    work = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await end_of(work, patience_s=0.01)
    assert (work.done(), told) == (True, 2)


async def test_queue_that_the_database_does_not_take_is_unavailable_and_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refusing:
        async def defer_async(self, **_: str) -> int:
            raise psycopg.OperationalError

    class Connection:
        driver_connection = None

        async def get_raw_connection(self) -> "Connection":
            return self

    app = queue_app("postgresql+psycopg://nobody@localhost/none", connections=1)
    monkeypatch.setattr(app, "configure_task", lambda *_, **__: Refusing())
    connection: Any = Connection()
    with pytest.raises(StorageUnavailableError):
        await JobQueue(app).put(connection, JobTask.RUN, tenant_id=TENANT, job_id=uuid4())


async def test_policy_is_told_whether_texts_go_to_a_model_or_come_from_one() -> None:
    asked: list[OrchestrationRequest] = []

    class Defaults:
        async def of(self, tenant_id: object) -> CurrentChoices:  # noqa: ARG002 - the port's signature
            return CurrentChoices()

    class Nobody:
        def orchestrated(self, **_: object) -> None:
            """Nothing is counted here."""

    async def refuse(request: OrchestrationRequest) -> OrchestrationResult:
        asked.append(request)
        raise ServiceError(ErrorCode.POLICY_DENIED, "enough")

    look = LookAtTexts(refuse, Defaults(), Nobody(), 1_000)
    with pytest.raises(ServiceError):
        await look(["a"], tenant_id=TENANT, direction="output", context=CallContext())
    assert [request.direction for request in asked] == ["output"]
