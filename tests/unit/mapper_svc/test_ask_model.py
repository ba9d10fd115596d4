"""How a model is asked: each label once, within the budget, never more at once than may be."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from mapper_svc.domain.ask_model import AskModel
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.label_model import AskedLabel, ModelFault
from tests.unit.mapper_svc.model_stand_ins import Cache, Heard, Model, Router

LABELS = ("PII.Person.Name", "HARM.SPEECH.Threat", "OTHER.Unknown")
TENANT = uuid4()


def asked(*labels: str) -> list[AskedLabel]:
    return [AskedLabel(None, label) for label in labels]


class Asking:
    """All the parts, as a test wants them."""

    def __init__(self, model: Model | None = None, fault: ModelFault | None = None, **limits: Any) -> None:
        self.model = model or Model(LABELS, {"threat": {"HARM.SPEECH.Threat": 0.9}})
        self.heard = Heard()
        self.cache = Cache()
        at_once = limits.pop("at_once", 8)
        self.calls = BackgroundWork(at_once)
        self.router = Router(self.model, fault)
        given = {"calls_per_tenant": at_once, "budget_s": 0.5, "labels_per_call": 16} | limits
        self.ask = AskModel(self.router, self.cache, self.heard, self.calls, labels=LABELS, **given)

    async def __call__(
        self, labels: Sequence[AskedLabel], within_s: float | None = None, tenant: UUID = TENANT
    ) -> Any:
        return await self.ask(labels, tenant_id=tenant, within_s=within_s)


async def test_what_was_heard_is_remembered_and_not_asked_again() -> None:
    asking = Asking()
    first = await asking(asked("threat", "other"))
    again = await asking(asked("other", "threat"))
    assert asking.model.asked == ["threat", "other"]
    (threat, _) = first.judgements.values()
    assert threat.best(threat.distributions.combined, 1)[0][0] == "HARM.SPEECH.Threat"
    assert set(again.judgements) == set(first.judgements)
    assert (again.faults, asking.heard.unheard) == ({}, [])


async def test_many_labels_are_split_over_calls_of_a_bounded_size() -> None:
    asking = Asking(labels_per_call=256, at_once=4)
    await asking(asked(*(f"label {n}" for n in range(600))))
    assert [len(call) for call in asking.model.calls] == [256, 256, 88]


async def test_two_requests_at_once_ask_the_same_label_once() -> None:
    asking = Asking()
    asking.model.delay_s = 0.05
    one, two = await asyncio.gather(asking(asked("threat")), asking(asked("threat", "other")))
    assert sorted(asking.model.asked) == ["other", "threat"]
    assert len(one.judgements) == 1
    assert len(two.judgements) == 2


async def test_nobody_waits_longer_than_the_budget_and_the_answer_is_kept_for_the_next() -> None:
    asking = Asking(budget_s=0.05)
    asking.model.delay_s = 0.3
    began = time.perf_counter()
    late = await asking(asked("threat"))
    assert time.perf_counter() - began < 0.25
    assert late.faults == {asked("threat")[0]: ModelFault.TIMEOUT}
    assert asking.heard.unheard == [("timeout", 1)]
    await asyncio.sleep(0.4)
    assert (await asking(asked("threat"))).faults == {}
    assert len(asking.model.calls) == 1


async def test_a_caller_in_a_hurry_waits_less() -> None:
    asking = Asking(budget_s=10)
    asking.model.delay_s = 0.3
    began = time.perf_counter()
    assert (await asking(asked("threat"), within_s=0.02)).faults
    assert time.perf_counter() - began < 0.25


async def test_part_of_an_answer_is_used_when_the_rest_is_late() -> None:
    asking = Asking(labels_per_call=1, budget_s=0.15)

    asking.model.slow_s = {"other": 5.0}
    opinion = await asking(asked("threat", "other"))
    assert [label.label for label in opinion.judgements] == ["threat"]
    assert [label.label for label in opinion.faults] == ["other"]
    await asking.calls.close()


async def test_more_calls_than_may_be_at_once_are_not_made() -> None:
    asking = Asking(labels_per_call=1, at_once=2, budget_s=0.05)
    asking.model.delay_s = 5.0
    opinion = await asking(asked("one", "two", "three", "four"))
    assert sorted(opinion.faults.values()) == ["busy", "busy", "timeout", "timeout"]
    began = time.perf_counter()
    assert set((await asking(asked("five"))).faults.values()) == {ModelFault.BUSY}
    assert time.perf_counter() - began < 0.04, "who is not asked is not waited for"
    await asking.calls.close()


async def test_one_tenants_batch_leaves_the_model_to_the_others() -> None:
    asking = Asking(labels_per_call=1, at_once=4, calls_per_tenant=2, budget_s=0.05)
    asking.model.delay_s = 0.3
    greedy = await asking(asked(*(f"label {n}" for n in range(10))))
    assert sorted(greedy.faults.values()) == ["busy"] * 8 + ["timeout"] * 2
    other = await asking(asked("threat", "label 0"), tenant=uuid4())
    assert set(other.faults.values()) == {ModelFault.TIMEOUT}, "it was asked; and shares what is under way"
    assert asking.model.asked == ["label 0", "label 1", "threat"]
    await asyncio.sleep(0.5)
    again = await asking(asked("label 5", "label 6"))
    assert set(again.faults.values()) == {ModelFault.TIMEOUT}, "the places of calls that ended are free"
    await asking.calls.close()


@pytest.mark.parametrize("fault", list(ModelFault))
async def test_every_fault_of_the_model_is_told_and_none_raised(fault: ModelFault) -> None:
    asking = Asking()
    asking.model.fault = fault
    opinion = await asking(asked("threat", "other"))
    assert set(opinion.faults.values()) == {fault}
    assert asking.heard.unheard == [(fault.value, 2)]
    asking.model.fault = None
    assert (await asking(asked("threat"))).faults == {}


async def test_a_model_that_nobody_knows_yet_is_a_fault_and_none_at_all_is_not() -> None:
    opinion = await Asking(fault=ModelFault.UNREACHABLE)(asked("threat"))
    assert set(opinion.faults.values()) == {ModelFault.UNREACHABLE}
    without = Asking()
    without.router.model = None
    assert (await without(asked("threat"))).faults == {}


async def test_the_answers_of_one_version_are_no_answers_of_another() -> None:
    asking = Asking()
    await asking(asked("threat"))
    other = Model(LABELS, {}, version=type(asking.model.version)(**_fields(asking.model.version, "ffff")))
    asking.router.model = other
    await asking(asked("threat"))
    assert other.asked == ["threat"]


def _fields(version: Any, named: str) -> dict[str, Any]:
    return {name: getattr(version, name) for name in version.__slots__} | {"version": named}


async def test_what_a_model_costs_is_told_for_the_tenant_whose_request_asked() -> None:
    asking, other = Asking(), uuid4()
    asking.model.delay_s = 0.02
    await asyncio.gather(asking(asked("threat")), asking(asked("threat"), tenant=other))
    await asking(asked("threat", "four"), tenant=other)
    assert asking.heard.tokens == {TENANT: len("threat"), other: len("four")}, "what is known costs nothing"
    assert set(asking.heard.seconds) == {TENANT, other}
    assert min(asking.heard.seconds.values()) >= 0.015


async def test_a_call_that_failed_cost_its_time_and_no_tokens() -> None:
    asking = Asking()
    asking.model.delay_s, asking.model.fault = 0.02, ModelFault.TIMEOUT
    await asking(asked("threat"))
    assert asking.heard.tokens == {TENANT: 0}
    assert asking.heard.seconds[TENANT] >= 0.015
