import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.bentos.conftest import ROOT, TOKEN, Bento

SERVICE = "bentos.llm.service:Llm"
Start = Callable[..., Any]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bento(start_bento: Start, tiny: Path) -> Iterator[Bento]:
    # One thread: two of them that share a busy core mostly wait for each other.
    settings = {"LLM_SERVICE_TOKEN": TOKEN, "LLM_DATA_ROOT": str(tiny), "LLM_THREADS": "1"}
    with start_bento(SERVICE, settings, "--arg", f"release={tiny / 'release'}") as started:
        started.wait_until(lambda: started.answers("/readyz", 200))
        yield started


def metric(bento: Bento, name: str) -> float:
    with bento.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_labels_become_distributions(bento: Bento) -> None:
    with bento.client() as client:
        items = [{"vendor": "acme", "label": "US_SSN"}, {"vendor": None, "label": "Geheimnis in Quelltext"}]
        answer = client.post("/v1/map", json={"items": items})
        version = client.get("/v1/version").json()
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == version
    assert (version["name"], version["engine"], version["threshold"]) == ("tiny", "transformers", 0.75)
    assert len(body["labels"]) == 114
    for item in body["items"]:
        assert item.pop("tokens") > 0
        for numbers in item.values():
            assert len(numbers) == 114
            assert sum(numbers) == pytest.approx(1, abs=1e-5)
    assert answer.headers["x-correlation-id"]


def test_a_label_gets_the_same_answer_alone_and_in_company(bento: Bento) -> None:
    items = [{"vendor": None, "label": f"rule {number} " + "long " * (number % 7)} for number in range(40)]
    with bento.client() as client:
        together = client.post("/v1/map", json={"items": items}).json()["items"]
        alone = [client.post("/v1/map", json={"items": [item]}).json()["items"][0] for item in items[::8]]
    for one, other in zip(together[::8], alone, strict=True):
        assert one["combined"] == pytest.approx(other["combined"], abs=1e-4)


def test_requests_of_several_callers_are_scored_together(bento: Bento) -> None:
    batches, rows = metric(bento, "llm_batch_rows_count"), metric(bento, "llm_batch_rows_sum")

    def ask(number: int) -> int:
        with bento.client() as client:
            body = {"items": [{"vendor": None, "label": f"label {number} {at}"} for at in range(5)]}
            return client.post("/v1/map", json=body).status_code

    with ThreadPoolExecutor(8) as callers:
        assert set(callers.map(ask, range(16))) == {200}
    batches = metric(bento, "llm_batch_rows_count") - batches
    rows = metric(bento, "llm_batch_rows_sum") - rows
    assert rows == 80
    assert batches < 16


def test_the_metrics_count_tokens_and_times(bento: Bento) -> None:
    before = metric(bento, "llm_tokens_total")
    with bento.client() as client:
        client.post("/v1/map", json={"items": [{"vendor": None, "label": "a label"}]})
        client.post("/v1/generate", json={"messages": [{"role": "user", "content": "x"}], "max_tokens": 3})
    assert metric(bento, "llm_tokens_total") > before + 3
    assert metric(bento, "llm_startup_seconds") > 0
    assert metric(bento, "llm_startup_memory_bytes") > 1 << 20
    assert metric(bento, "llm_ready") == 1
    assert "MiB of memory" in bento.log.read_text()


def test_a_text_follows_its_schema(bento: Bento) -> None:
    schema = {
        "type": "object",
        "properties": {"level": {"enum": ["low", "high"]}},
        "required": ["level"],
        "additionalProperties": False,
    }
    turns = [{"role": "system", "content": "Answer."}, {"role": "user", "content": "How bad is it?"}]
    with bento.client() as client:
        answer = client.post(
            "/v1/generate", json={"messages": turns, "schema": schema, "max_tokens": 40}
        ).json()
    assert json.loads(answer["text"])["level"] in {"low", "high"}
    assert answer["prompt_tokens"] > 0


def test_labels_are_answered_while_texts_are_written(bento: Bento) -> None:
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "schema": {"type": "array", "items": {"type": "string", "minLength": 40}, "minItems": 40},
        "max_tokens": 450,
    }
    writing: list[float] = []

    def write() -> None:
        began = time.monotonic()
        with bento.client() as client:
            assert client.post("/v1/generate", json=body).status_code == 200
        writing.append(time.monotonic() - began)

    writer = threading.Thread(target=write)
    writer.start()
    answered = 0
    with bento.client() as client:
        while writer.is_alive():
            item = {"vendor": None, "label": f"label {answered}"}
            assert client.post("/v1/map", json={"items": [item]}).status_code == 200
            answered += 1
    assert answered >= 3


def test_nothing_is_told_without_the_token(bento: Bento) -> None:
    with bento.client(token="another") as client:
        for answer in (client.get("/v1/version"), client.post("/v1/map", json={"items": []})):
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
        assert client.get("/livez").status_code == 200


def test_what_is_asked_is_not_in_the_log(bento: Bento) -> None:
    with bento.client() as client:
        client.post("/v1/map", json={"items": [{"vendor": None, "label": "CANARY-7261"}]})
        client.post("/v1/map", json={"items": [{"vendor": "CANARY-7261", "label": "", "CANARY-7261": 1}]})
        turns = [{"role": "user", "content": "CANARY-7261"}]
        client.post("/v1/generate", json={"messages": turns, "max_tokens": 2})
        assert "CANARY-7261" not in client.get("/metrics").text
    assert "CANARY-7261" not in bento.log.read_text()


def test_a_killed_worker_comes_back(bento: Bento) -> None:
    workers = psutil.Process(bento.process.pid).children(recursive=True)
    served = [one for one in workers if any("worker.service" in part for part in one.cmdline())]
    assert served
    os.kill(served[0].pid, signal.SIGKILL)
    bento.wait_until(lambda: not served[0].is_running())
    bento.wait_until(lambda: bento.answers("/readyz", 200))
    with bento.client() as client:
        assert client.post("/v1/map", json={"items": [{"vendor": None, "label": "x"}]}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"LLM_SERVICE_TOKEN": TOKEN}, "no base model"),
        ({}, "LLM_SERVICE_TOKEN is missing"),
    ],
)
def test_what_is_missing_is_said_and_nobody_is_served(
    start_bento: Start, tiny: Path, tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    own = {**settings, "LLM_DATA_ROOT": str(tmp_path), "LLM_RELEASE": str(tiny / "release")}
    with start_bento(SERVICE, own) as started:
        started.wait_until(lambda: says in started.log.read_text())
        started.wait_until(lambda: started.answers("/livez", 503))
        assert started.answers("/readyz", 503)
        with started.client() as client:
            answer = client.post("/v1/map", json={"items": [{"vendor": None, "label": "x"}]})
        assert answer.status_code == 503
        assert answer.json()["retryable"] is False


def test_a_built_bento_serves_the_release_that_is_in_it(
    start_bento: Start, model_python: Path, tiny: Path, tmp_path: Path
) -> None:
    home = {"BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "true"}
    for _ in range(2):
        built = subprocess.run(
            [str(model_python), "-m", "bentos.llm.build", "--release", str(tiny / "release")],
            cwd=ROOT,
            env={**os.environ, **home},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert built.returncode == 0, built.stderr
    tag = built.stdout.strip().splitlines()[-1]
    settings = {**home, "LLM_SERVICE_TOKEN": TOKEN, "LLM_DATA_ROOT": str(tiny)}
    with start_bento(tag, settings, "--working-dir", str(tmp_path)) as started:
        started.wait_until(lambda: started.answers("/readyz", 200))
        with started.client() as client:
            version = client.get("/v1/version").json()
    assert tag == f"llm:{version['version']}-transformers"
