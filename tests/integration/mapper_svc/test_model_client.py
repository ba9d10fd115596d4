"""The client of a Bento against a server that misbehaves in every way: one reason each, and never a hang."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mapper_svc.adapters.http_client import make_http_client
from mapper_svc.adapters.model_client import BentoModel
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.label_model import AskedLabel, ModelFault, ModelUnavailableError, ModelVersion
from tests.fixtures.fake_bento import TOKEN, VERSION, FakeBento, running_fake_bento

TAXONOMY = load_taxonomy("2026.11")
THREAT = AskedLabel("nobody", "wants to hurt somebody")


class Counted:
    """Remembers calls and the breaker."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.states: list[str] = []

    def model_call(self, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append(outcome)

    def breaker_state(self, state: str) -> None:
        self.states.append(state)


@pytest.fixture
def bento() -> Iterator[FakeBento]:
    with running_fake_bento(
        tuple(TAXONOMY.labels), meanings={THREAT.label: {"HARM.SPEECH.Threat": 0.9}}
    ) as fake:
        yield fake


@asynccontextmanager
async def asking(url: str, **settings: Any) -> AsyncIterator[tuple[BentoModel, Counted]]:
    counted = Counted()
    given: dict[str, Any] = {"token": TOKEN, "timeout_s": 0.5, "breaker_failures": 1000} | settings
    async with make_http_client(timeout_s=5.0, max_connections=4) as client:
        yield BentoModel(client, url, taxonomy=TAXONOMY, metrics=counted, **given), counted


async def fault_of(model: BentoModel, *asked: AskedLabel) -> ModelFault:
    with pytest.raises(ModelUnavailableError) as caught:
        await model.distributions(asked or (THREAT,))
    return caught.value.reason


async def test_an_answer_is_one_distribution_of_each_kind_for_each_label(bento: FakeBento) -> None:
    async with asking(bento.url) as (model, counted):
        answer = await model.distributions([AskedLabel(None, "other"), THREAT])
    assert answer.version == ModelVersion(**VERSION)
    assert bento.asked == [[(None, "other"), ("nobody", THREAT.label)]]
    assert answer.labels == tuple(TAXONOMY.labels)
    place = answer.labels.index("HARM.SPEECH.Threat")
    assert [round(said.combined[place], 2) for said in answer.distributions] == [0.01, 0.9]
    assert all(math.isclose(sum(said.head), 1, abs_tol=1e-3) for said in answer.distributions)
    assert counted.calls == ["ok"]


async def test_a_bento_that_is_not_there_is_unreachable() -> None:
    async with asking("http://127.0.0.1:1") as (model, counted):
        assert await fault_of(model) is ModelFault.UNREACHABLE
    assert counted.calls == ["unreachable"]


@pytest.mark.parametrize("way", ["slow", "hanging"])
async def test_a_bento_that_does_not_answer_in_time_is_left_waiting(way: str, bento: FakeBento) -> None:
    bento.delay_s, bento.hanging = (30.0, False) if way == "slow" else (0.0, True)
    began = time.perf_counter()
    async with asking(bento.url, timeout_s=0.2) as (model, _):
        assert await fault_of(model) is ModelFault.TIMEOUT
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, ModelFault.REFUSED),
        (400, ModelFault.REFUSED),
        (413, ModelFault.REFUSED),
        (429, ModelFault.OVERLOADED),
        (503, ModelFault.OVERLOADED),
        (500, ModelFault.FAILED),
        (502, ModelFault.UNREACHABLE),
        (504, ModelFault.TIMEOUT),
        (302, ModelFault.BAD_ANSWER),
        (204, ModelFault.BAD_ANSWER),
    ],
)
async def test_every_status_but_success_is_a_fault(status: int, fault: ModelFault, bento: FakeBento) -> None:
    bento.status = status
    async with asking(bento.url) as (model, _):
        assert await fault_of(model) is fault


async def test_a_token_that_the_bento_does_not_take_is_a_refusal(bento: FakeBento) -> None:
    async with asking(bento.url, token="another") as (model, _):
        assert await fault_of(model) is ModelFault.REFUSED
    assert bento.asked == []


def with_combined(change: Callable[[list[Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def spoil(answer: dict[str, Any]) -> Any:
        answer["items"][0]["combined"] = change(list(answer["items"][0]["combined"]))
        return answer

    return spoil


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: {key: value for key, value in answer.items() if key != name}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: b"<html>not json</html>", id="no JSON"),
        pytest.param(lambda _: b"\xff\xfe", id="no text"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: [], id="a list"),
        pytest.param(lambda _: None, id="null"),
        pytest.param(without("items"), id="no items"),
        pytest.param(without("model"), id="no version"),
        pytest.param(without("labels"), id="no labels"),
        pytest.param(lambda answer: answer | {"items": answer["items"] * 2}, id="too many items"),
        pytest.param(lambda answer: answer | {"items": []}, id="too few items"),
        pytest.param(lambda answer: answer | {"model": {}}, id="a version without contents"),
        pytest.param(with_combined(lambda row: row[1:]), id="too few numbers"),
        pytest.param(with_combined(lambda row: [*row, 0.0]), id="too many numbers"),
        pytest.param(with_combined(lambda row: [one * 2 for one in row]), id="a sum of two"),
        pytest.param(with_combined(lambda row: [0.0] * len(row)), id="a sum of nought"),
        pytest.param(with_combined(lambda row: [-0.1, *row[1:-1], row[-1] + 0.1]), id="a negative number"),
        pytest.param(with_combined(lambda row: [None, *row[1:]]), id="null among numbers"),
        pytest.param(with_combined(lambda row: ["0.1", *row[1:]]), id="a text among numbers"),
        pytest.param(with_combined(lambda row: [float("nan"), *row[1:]]), id="NaN"),
        pytest.param(with_combined(lambda row: [float("inf"), *row[1:]]), id="infinity"),
        pytest.param(lambda _: b"[" * 100_000, id="nested too deep"),
        pytest.param(lambda _: b" " * 5_000_000, id="too long"),
    ],
)
async def test_what_is_no_answer_is_refused(spoil: Any, bento: FakeBento) -> None:
    bento.spoil = spoil
    async with asking(bento.url, timeout_s=5.0) as (model, _):
        assert await fault_of(model) is ModelFault.BAD_ANSWER


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda answer: answer | {"labels": answer["labels"][::-1]}, id="other order"),
        pytest.param(lambda answer: answer | {"labels": ["X", *answer["labels"][1:]]}, id="other label"),
        pytest.param(lambda answer: answer | {"labels": answer["labels"][1:]}, id="one label less"),
        pytest.param(
            lambda answer: answer | {"model": answer["model"] | {"taxonomy": "2025.01"}}, id="other edition"
        ),
    ],
)
async def test_labels_that_are_not_ours_stop_the_use_of_the_model(spoil: Any, bento: FakeBento) -> None:
    bento.spoil = spoil
    async with asking(bento.url) as (model, _):
        assert await fault_of(model) is ModelFault.MISMATCH


async def test_the_breaker_opens_after_failures_and_closes_by_itself(bento: FakeBento) -> None:
    bento.status = 500
    async with asking(bento.url, breaker_failures=3, breaker_open_s=0.3) as (model, counted):
        assert [await fault_of(model) for _ in range(3)] == [ModelFault.FAILED] * 3
        began = time.perf_counter()
        assert [await fault_of(model) for _ in range(50)] == [ModelFault.BREAKER_OPEN] * 50
        assert time.perf_counter() - began < 0.25
        assert len(bento.asked) == 3, "it is left alone"
        bento.status = 200
        await asyncio.sleep(0.35)
        await model.distributions([THREAT])
        await model.distributions([THREAT])
    assert counted.states == ["opened", "half-opened", "closed"]
    assert counted.calls == ["failed"] * 3 + ["ok"] * 2, "calls that were not made are not counted"


async def test_a_breaker_that_is_tried_too_soon_opens_again(bento: FakeBento) -> None:
    bento.status = 503
    async with asking(bento.url, breaker_failures=1, breaker_open_s=0.1) as (model, counted):
        await fault_of(model)
        await asyncio.sleep(0.15)
        assert await fault_of(model) is ModelFault.OVERLOADED
        assert await fault_of(model) is ModelFault.BREAKER_OPEN
    assert counted.states == ["opened", "half-opened", "opened"]


async def test_a_question_that_is_given_up_says_nothing_of_the_bento(bento: FakeBento) -> None:
    bento.delay_s = 5.0
    async with asking(bento.url, breaker_failures=1, timeout_s=10) as (model, counted):
        task = asyncio.create_task(model.distributions([THREAT]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bento.delay_s = 0.0
        await model.distributions([THREAT])
    assert counted.states == []


async def test_the_open_breaker_holds_no_frames_of_those_it_turned_away(bento: FakeBento) -> None:
    bento.status = 500
    async with asking(bento.url, breaker_failures=1, breaker_open_s=30) as (model, _):
        await fault_of(model)
        depths = []
        for _ in range(20):
            with pytest.raises(ModelUnavailableError) as caught:
                await model.distributions([THREAT])
            depths.append(_frames(caught.value))
    assert len(set(depths)) == 1


def _frames(error: BaseException | None) -> int:
    count = 0
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            count, trace = count + 1, trace.tb_next
        error = error.__context__
    return count


async def test_no_word_of_the_question_is_in_an_error(bento: FakeBento) -> None:
    secret = AskedLabel("vendor", "sunflower")
    bento.spoil = lambda answer: b'{"model": "sunflower"' + str(len(answer)).encode()
    async with asking(bento.url) as (model, _):
        with pytest.raises(ModelUnavailableError) as caught:
            await model.distributions([secret])
    assert "sunflower" not in repr(caught.value) + repr(caught.value.__cause__)
