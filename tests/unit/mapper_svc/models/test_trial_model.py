"""A trial costs nobody an answer: failures and hangs of the tried version are the active one's to answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from mapper_svc.domain.label_model import AskedLabel, ModelFault, ModelUnavailableError
from mapper_svc.domain.mirrors import Mirrors
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.model_fleet import TrialKind
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, PAIRS, PAIRS_SKIPPED, Tally, only_unsure
from mapper_svc.domain.trial_model import ExpectedVersion, TrialLimits, TrialModel
from tests.unit.mapper_svc.models.fleet_fakes import LABELS, FakeEvents, FakeModel

ASKED = (AskedLabel("acme", "E-MAIL"), AskedLabel(None, "mail"))


class Bench:
    """Two versions, and the arms of a trial between them."""

    def __init__(self, tries: Mirrors, mirrors: Mirrors) -> None:
        self.active = FakeModel("aaaaaaaaaaaa")
        self.tried = FakeModel("bbbbbbbbbbbb")
        self.tally = Tally()
        self.events = FakeEvents()
        self.tries = tries
        self.mirrors = mirrors

    def arm(self, arm: Arm, kind: TrialKind = TrialKind.CANARY, **limits: float) -> TrialModel:
        given: dict[str, Any] = {"patience_s": 0.05, "mirror_share": 0.0, "slow_ms": 250.0}
        return TrialModel(
            arm,
            kind,
            {Arm.CONTROL: self.active, Arm.TREATMENT: self.tried},
            tally=self.tally,
            tries=self.tries,
            mirrors=self.mirrors,
            limits=TrialLimits(**(given | limits)),
            events=self.events,
        )


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    tries, mirrors = Mirrors(4), Mirrors(4)
    yield Bench(tries, mirrors)
    await tries.close()
    await mirrors.close()


async def test_each_arm_is_answered_by_its_own_version(bench: Bench) -> None:
    for arm, release in ((Arm.CONTROL, "aaaaaaaaaaaa"), (Arm.TREATMENT, "bbbbbbbbbbbb")):
        answer = await bench.arm(arm).distributions(ASKED)
        assert answer.version.version == release
    counts = bench.tally.take()
    assert (counts["control.calls"], counts["treatment.calls"]) == (1, 1)
    assert (counts["control.labels"], counts["treatment.labels"]) == (2, 2)


@pytest.mark.parametrize("fault", list(ModelFault))
async def test_failure_of_the_tried_version_is_answered_by_the_active_one(
    bench: Bench, fault: ModelFault
) -> None:
    bench.tried.fault = fault
    answer = await bench.arm(Arm.TREATMENT).distributions(ASKED)
    assert answer.version.version == "aaaaaaaaaaaa"
    counts = bench.tally.take()
    assert (counts["treatment.calls"], counts["treatment.errors"]) == (1, 1)
    assert "control.calls" not in counts, "what the other arm was spared is none of its own calls"


async def test_hanging_tried_version_delays_nobody_for_longer_than_the_patience(bench: Bench) -> None:
    bench.tried.delay_s = 0.4
    began = time.perf_counter()
    answer = await bench.arm(Arm.TREATMENT).distributions(ASKED)
    assert time.perf_counter() - began < 0.3
    assert answer.version.version == "aaaaaaaaaaaa"
    assert "treatment.calls" not in bench.tally.take()
    await asyncio.sleep(0.5)
    counts = bench.tally.take()
    slow = [name for name in counts if name.startswith("treatment.ms.")]
    assert (counts["treatment.calls"], counts.get("treatment.errors", 0), len(slow)) == (1, 0, 1), (
        "its true latency is measured all the same"
    )


async def test_pile_of_hanging_calls_is_bounded_and_what_is_not_asked_is_no_error(bench: Bench) -> None:
    bench.tried.delay_s = 5.0
    answers = await asyncio.gather(*(bench.arm(Arm.TREATMENT).distributions(ASKED) for _ in range(10)))
    assert {answer.version.version for answer in answers} == {"aaaaaaaaaaaa"}
    assert len(bench.tried.asked) == 4
    assert bench.tally.take() == {}, "of the four nothing is known yet, and six were never made"
    assert bench.events.heard.count((Arm.TREATMENT, "skipped")) == 6


async def test_comparisons_take_no_room_from_the_tried_versions_own_calls(bench: Bench) -> None:
    bench.tried.delay_s = 5.0
    control = bench.arm(Arm.CONTROL, mirror_share=1.0)
    await asyncio.gather(*(control.distributions(ASKED) for _ in range(6)))
    await asyncio.sleep(0)
    assert bench.mirrors.full
    bench.tried.delay_s = 0.0
    answer = await bench.arm(Arm.TREATMENT).distributions(ASKED)
    assert answer.version.version == "bbbbbbbbbbbb"
    assert bench.tally.take()["treatment.calls"] == 1


async def test_failure_of_the_active_version_is_told_as_it_is(bench: Bench) -> None:
    bench.active.fault = ModelFault.OVERLOADED
    with pytest.raises(ModelUnavailableError, match="overloaded"):
        await bench.arm(Arm.CONTROL).distributions(ASKED)


async def test_shadow_is_asked_after_the_answer_and_changes_nothing(bench: Bench) -> None:
    bench.tried.label = LABELS[1]
    answer = await bench.arm(Arm.CONTROL, TrialKind.SHADOW).distributions(ASKED)
    assert answer.version.version == "aaaaaaaaaaaa"
    assert bench.tried.asked == []
    await asyncio.sleep(0.01)
    assert bench.tried.asked == [ASKED]
    counts = bench.tally.take()
    assert (counts[PAIRS], counts[BOTH_SURE], counts.get(AGREED, 0)) == (1, 2, 0)
    assert (counts["treatment.calls"], counts["control.calls"]) == (1, 1)


async def test_shadow_that_hangs_or_fails_is_bounded_and_harms_nobody(bench: Bench) -> None:
    bench.tried.delay_s = 5.0
    began = time.perf_counter()
    for _ in range(12):
        await bench.arm(Arm.CONTROL, TrialKind.SHADOW).distributions(ASKED)
    await asyncio.sleep(0)
    assert time.perf_counter() - began < 1
    assert len(bench.tried.asked) <= 4
    assert bench.tally.take()[PAIRS_SKIPPED] == 8


async def test_mirrored_question_compares_without_counting_as_a_call(bench: Bench) -> None:
    bench.tried.confidence = 0.4
    await bench.arm(Arm.CONTROL, TrialKind.AB, mirror_share=1.0).distributions(ASKED)
    await asyncio.sleep(0.01)
    counts = bench.tally.take()
    assert counts[only_unsure(Arm.TREATMENT)] == 2
    assert counts["control.calls"] == 1
    assert "treatment.calls" not in counts


async def test_label_that_only_rules_may_name_counts_as_unsure(bench: Bench) -> None:
    bench.tried.label = "OTHER.Safe"
    await bench.arm(Arm.TREATMENT).distributions(ASKED)
    assert bench.tally.take()["treatment.unsure"] == 2


@pytest.mark.parametrize("part", ["version", "adapter", "label_tokens", "calibrator", "threshold"])
async def test_server_that_was_given_another_release_is_not_taken_for_the_old_one(part: str) -> None:
    missed = asyncio.Event()
    serving = FakeModel("cccccccccccc")
    known = (await serving.distributions(ASKED)).version
    other: dict[str, Any] = {part: 0.99 if part == "threshold" else "another"}
    model = ExpectedVersion(serving, replace(known, **other), missed)
    with pytest.raises(ModelUnavailableError, match="mismatch"):
        await model.distributions(ASKED)
    assert missed.is_set()


async def test_another_engine_is_no_other_release() -> None:
    serving = FakeModel("cccccccccccc")
    known = (await serving.distributions(ASKED)).version
    model = ExpectedVersion(serving, replace(known, engine="another"), asyncio.Event())
    assert (await model.distributions(ASKED)).version == known
