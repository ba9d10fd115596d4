"""Parts of the stack die, hang or go away: the answer says so, and everything comes back by itself."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.supervision import Supervisor
from tests.e2e.stack_client import StackClient, stopped, until
from tests.fixtures.stacks import RunningStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TEXT = "Write to jane.doe@example.com with the key AKIAQYLPMN5HFIQR7XYA."


@pytest.fixture
def client(real_stack: RunningStack) -> Iterator[StackClient]:
    real_stack.wait_for("Ctrl-C stops")
    client = StackClient(real_stack)
    until(lambda: client.orchestrate(TEXT).status_code == 200, seconds=60, what="a whole answer before")
    yield client
    until(lambda: client.orchestrate(TEXT).status_code == 200, seconds=60, what="recovery by itself")


def partial(client: StackClient) -> dict[str, Any]:
    """Return the next answer, which must be partial."""
    response = client.orchestrate(TEXT)
    assert response.status_code == 206, response.text[:500]
    answer: dict[str, Any] = response.json()
    return answer


def kill(client: StackClient, program: str) -> None:
    os.kill(client.stack.pid(program), signal.SIGKILL)


def test_without_the_mapper_detector_results_are_there_and_the_rest_is_named(client: StackClient) -> None:
    kill(client, "mapper")
    answer = partial(client)
    assert [part["part"] for part in answer["missing"]] == ["mapping", "analysis"]
    assert answer["error_code"] == "SERVICE_UNAVAILABLE"
    assert {result["status"] for result in answer["detector_results"]} == {"success"}
    assert answer["mapping_result"] is None


def test_without_the_analysis_findings_are_there_and_the_rest_is_named(client: StackClient) -> None:
    kill(client, "analysis")
    answer = partial(client)
    assert [part["part"] for part in answer["missing"]] == ["analysis"]
    assert answer["mapping_result"]["findings"]


def test_a_mapper_that_hangs_costs_its_share_of_time_and_no_more(client: StackClient) -> None:
    with stopped(client.stack.pid("mapper")):
        answer = partial(client)
        assert answer["missing"][0] == {"part": "mapping", "reason": "timeout"}


def answered_in_full(client: StackClient) -> bool:
    """Tell whether nothing is missing: a busy machine may be late at times, a missing part stays away."""
    return any(client.orchestrate(TEXT).status_code == 200 for _ in range(5))


def test_without_valkey_nothing_is_missing_and_a_revoked_key_stays_out(client: StackClient) -> None:
    made = client.answer("keys", "create", "--tenant", "demo", "--role", "viewer", "--name", "revoked")
    client.output("keys", "revoke", "--tenant", "demo", made["key_id"])
    valkey = client.stack.pid("valkey")
    with stopped(valkey):
        assert answered_in_full(client)
        for service, path in (
            ("orchestration", "/api/v1/detectors"),
            ("mapper", "/api/v1/taxonomy/versions"),
        ):
            assert client.get(service, path, token=made["token"]).status_code == 401
    os.kill(valkey, signal.SIGKILL)
    assert answered_in_full(client)


def test_without_postgres_answers_go_on_and_name_the_lost_evidence(client: StackClient) -> None:
    supervisor = Supervisor(client.stack.run)
    client.token()
    supervisor.stop("postgres")
    try:
        answer = partial(client)
        assert {part["part"] for part in answer["missing"]} == {"evidence"}
        assert answer["analysis_result"]["risk"]["level"] != "none"
        assert client.get("orchestration", "/api/v1/keys").status_code == 503
        assert client.get("orchestration", "/health/ready").json()["status"] == "degraded"
    finally:
        supervisor.start("postgres")


def test_a_killed_postgres_is_back_by_itself_with_everything_in_it(client: StackClient) -> None:
    evidence_id = client.orchestrate(TEXT).json()["analysis_result"]["evidence_id"]
    kill(client, "postgres")
    until(
        lambda: client.get("analysis", f"/api/v1/evidence/{evidence_id}").status_code == 200,
        seconds=60,
        what="the evidence's return",
    )


def test_a_killed_detector_is_named_widens_the_risk_and_comes_back(client: StackClient) -> None:
    whole = client.orchestrate(TEXT).json()["analysis_result"]["risk"]["interval"]
    (worker,) = client.detector_pids("presidio")
    os.kill(worker, signal.SIGKILL)
    answer = partial(client)
    assert answer["error_code"] == "PARTIAL_COVERAGE"
    assert answer["coverage"]["missing"] == ["presidio_analyzer"]
    (result,) = [one for one in answer["detector_results"] if one["detector"] == "presidio_analyzer"]
    assert result["status"] != "success"
    assert result["output"] is None
    assert answer["analysis_result"]["risk"]["interval"]["high"] >= whole["high"]


def test_a_hanging_detector_costs_its_time_and_nothing_else(client: StackClient) -> None:
    (worker,) = client.detector_pids("detect_secrets_plugins")
    with stopped(worker):
        answer = partial(client)
    (result,) = [one for one in answer["detector_results"] if one["detector"] == "detect_secrets"]
    assert result["status"] == "timeout"
    assert result["processing_time_ms"] < 2_000


def test_a_killed_service_leaves_no_process_behind(client: StackClient) -> None:
    kill(client, "orchestration")
    until(lambda: client.alive("orchestration"), seconds=60, what="the service's return")
    for name in ("presidio", "profanity", "prompt_guardrail", "detect_secrets_plugins"):
        until(lambda one=name: len(client.detector_pids(one)) == 1, seconds=60, what=f"one {name}")  # type: ignore[misc]
