import asyncio
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from orchestration_svc.adapters.policy_shipped import read_shipped
from orchestration_svc.domain.coverage import required_set
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorStatus,
    FailureReason,
)
from orchestration_svc.domain.downstream import DownstreamError, FailedDetector
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.orchestrate import Orchestrate
from orchestration_svc.domain.orchestration import MissingPart, OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.policy_enforcement import PolicyEnforcement
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault, PolicyProgram, PolicySource
from tests.unit.orchestration_svc.fakes import (
    NOW,
    TENANT,
    FakeAnalysis,
    FakeClock,
    FakeDetector,
    FakeDirectory,
    FakeEvents,
    FakeMapper,
)

REQUEST = OrchestrationRequest(
    tenant_id=TENANT,
    content="my text",
    content_type="text/plain",
    policy=None,
    detectors=None,
    priority=Priority.NORMAL,
    map_findings=True,
    analyze_findings=True,
    context=CallContext(correlation_id="c-1", headers={"traceparent": "t"}),
)
FAULTS = [
    DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED),
    DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG),
    DetectorFault(DetectorStatus.CIRCUIT_OPEN, FailureReason.UNREACHABLE),
    DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.NOT_LOADED),
    DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
]


SHIPPED = read_shipped()


class Shipped:
    """The shipped policies, for everybody."""

    async def find(self, tenant_id: UUID, name: str | None) -> PolicyProgram:  # noqa: ARG002
        if name not in (None, *SHIPPED):
            raise ServiceError(ErrorCode.POLICY_NOT_FOUND, "there is none")
        return SHIPPED[name or "default"]


@dataclass(eq=False)
class OnePolicy:
    """A source of one policy, and that policy; a fault is raised."""

    planned: JsonObject | PolicyFault = field(default_factory=dict)
    decided: JsonObject | PolicyFault = field(default_factory=lambda: {"action": "allow"})
    shipped: bool = True
    reads: frozenset[str] | None = None
    name: str = "p"
    version: str = "1"
    description: str = ""
    asked: list[JsonObject] = field(default_factory=list)

    async def find(self, tenant_id: UUID, name: str | None) -> PolicyProgram:  # noqa: ARG002
        return self

    async def plan(self, question: JsonObject) -> object:
        return self._say(self.planned, question)

    async def decide(self, question: JsonObject) -> object:
        return self._say(self.decided, question)

    def _say(self, answer: JsonObject | PolicyFault, question: JsonObject) -> object:
        self.asked.append(question)
        if isinstance(answer, PolicyFault):
            raise answer
        return answer


@dataclass
class Bench:
    """The use case between its fakes."""

    detectors: list[FakeDetector]
    policies: PolicySource = field(default_factory=Shipped)
    mapper: FakeMapper = field(default_factory=FakeMapper)
    analysis: FakeAnalysis = field(default_factory=FakeAnalysis)
    events: FakeEvents = field(default_factory=FakeEvents)

    async def run(self, request: OrchestrationRequest = REQUEST) -> OrchestrationResult:
        orchestrate = Orchestrate(
            directory=FakeDirectory(*self.detectors),
            policies=PolicyEnforcement(self.policies, self.events),
            mapper=self.mapper,
            analysis=self.analysis,
            events=self.events,
            clock=FakeClock(),
        )
        return await orchestrate(request)


async def test_full_answer_has_every_part_and_lacks_none() -> None:
    bench = Bench([FakeDetector("a", says=["EMAIL"]), FakeDetector("b")])
    result = await bench.run()
    assert [one.status for one in result.results] == [DetectorStatus.SUCCESS] * 2
    assert result.coverage.achieved == 1.0
    assert result.mapping is not None
    assert result.analysis is not None
    assert (result.missing, result.finished_at) == ((), NOW)
    assert bench.events.detectors == [("a", "success"), ("b", "success")]


async def test_tenant_and_shares_of_time_reach_mapper_and_analysis() -> None:
    bench = Bench([FakeDetector("a")])
    await bench.run()
    ((_, tenant, mapper_s),) = bench.mapper.asked
    ((_, other, analysis_s),) = bench.analysis.asked
    assert (tenant, other) == (TENANT, TENANT)
    # Detectors that took no time leave the analysis as much again as its share.
    assert (mapper_s, analysis_s) == (0.5, 0.6)


async def test_correlation_and_trace_reach_every_detector() -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("b")])
    await bench.run()
    assert [one.contexts for one in bench.detectors] == [[REQUEST.context]] * 2


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.status.value)
async def test_failed_detector_is_never_reported_clean(fault: DetectorFault) -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("b", raises=fault)])
    result = await bench.run()
    failed = result.results[1]
    assert (failed.status, failed.output, failed.error) == (fault.status, None, fault.reason)
    assert (result.coverage.achieved, result.coverage.is_enough) == (0.5, False)
    assert [part.detector for payload in result.payloads for part in payload.provenance] == ["a"]
    ((question, _, _),) = bench.analysis.asked
    assert question.failed == (FailedDetector("b", fault.status.value),)
    assert question.succeeded == ("a",)
    assert question.required == ("a", "b")
    assert question.coverage == 0.5


async def test_detector_that_says_nothing_at_all_is_unparsed_and_not_clean() -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("b", says=None)])
    result = await bench.run()
    assert result.results[1].status is DetectorStatus.UNPARSED
    assert not result.coverage.is_enough


async def test_bug_of_one_detector_costs_its_own_part_only() -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("b", raises=RuntimeError("quotes my text"))])
    result = await bench.run()
    assert [one.status.value for one in result.results] == ["success", "failed"]
    assert "my text" not in repr(result)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.status.value)
async def test_when_every_detector_failed_nothing_is_said_about_the_content(fault: DetectorFault) -> None:
    bench = Bench([FakeDetector("a", raises=fault), FakeDetector("b", raises=FAULTS[0])])
    with pytest.raises(ServiceError) as caught:
        await bench.run()
    assert caught.value.code is ErrorCode.ALL_DETECTORS_UNAVAILABLE
    assert caught.value.faults == (
        ("detector:a", f"{fault.status.value}: {fault.reason.value}"),
        ("detector:b", "failed: crashed"),
    )
    assert (bench.mapper.asked, bench.analysis.asked) == ([], [])
    assert bench.events.detectors[0] == ("a", fault.status.value)


@pytest.mark.parametrize("reason", ["unavailable", "timeout", "refused", "unusable_answer"])
async def test_without_the_mapper_detector_results_stay_and_both_parts_are_missing(reason: str) -> None:
    bench = Bench([FakeDetector("a", says=["EMAIL"])])
    bench.mapper.raises = DownstreamError(reason)
    result = await bench.run()
    assert result.results[0].output == ["EMAIL"]
    assert (result.mapping, result.analysis) == (None, None)
    assert result.missing == (MissingPart("mapping", reason), MissingPart("analysis", "nothing_mapped"))
    assert bench.events.missing == [("mapping", reason), ("analysis", "nothing_mapped")]
    assert bench.analysis.asked == []
    assert result.payloads


@pytest.mark.parametrize("reason", ["unavailable", "timeout", "refused", "unusable_answer"])
async def test_without_the_analysis_the_mapping_stays(reason: str) -> None:
    bench = Bench([FakeDetector("a", says=["EMAIL"])])
    bench.analysis.raises = DownstreamError(reason)
    result = await bench.run()
    assert result.mapping is not None
    assert result.analysis is None
    assert result.missing == (MissingPart("analysis", reason),)


async def test_evidence_that_was_not_kept_is_a_missing_part_of_the_whole_answer() -> None:
    bench = Bench([FakeDetector("a", says=["EMAIL"])])
    bench.analysis.lacks = (("evidence", "database_unavailable"),)
    result = await bench.run()
    assert result.analysis is not None
    assert result.missing == (MissingPart("evidence", "database_unavailable"),)


async def test_what_was_not_asked_for_is_not_missing() -> None:
    bench = Bench([FakeDetector("a")])
    result = await bench.run(replace(REQUEST, map_findings=False, analyze_findings=False))
    assert (result.mapping, result.analysis, result.missing) == (None, None, ())
    result = await bench.run(replace(REQUEST, analyze_findings=False))
    assert result.mapping is not None
    assert (result.analysis, result.missing, bench.analysis.asked) == (None, (), [])


async def test_detector_that_cannot_read_the_content_is_skipped_and_the_analysis_told() -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("seeing", content_types=frozenset({"image/png"}))])
    result = await bench.run(replace(REQUEST, detectors=("a", "seeing")))
    assert [one.status.value for one in result.results] == ["success", "skipped"]
    assert (result.coverage.missing, result.coverage.is_enough) == (("seeing",), False)
    ((question, _, _),) = bench.analysis.asked
    assert question.failed == (FailedDetector("seeing", "skipped"),)


async def test_only_skipped_detectors_are_no_answer() -> None:
    bench = Bench([FakeDetector("seeing", content_types=frozenset({"image/png"}))])
    with pytest.raises(ServiceError) as caught:
        await bench.run(replace(REQUEST, detectors=("seeing",)))
    assert caught.value.code is ErrorCode.ALL_DETECTORS_UNAVAILABLE


async def test_required_detector_that_nobody_chose_is_told_to_the_analysis() -> None:
    policy = OnePolicy({"required": ["a", "b"], "coverage": {"threshold": 0.5}})
    bench = Bench([FakeDetector("a"), FakeDetector("b")], policies=policy)
    result = await bench.run(replace(REQUEST, policy="p", detectors=("a",)))
    assert result.coverage.is_enough
    ((question, _, _),) = bench.analysis.asked
    assert question.failed == (FailedDetector("b", "skipped"),)


async def test_failure_of_a_detector_that_is_not_required_keeps_coverage_but_is_told() -> None:
    policy = OnePolicy({"required": ["a"], "coverage": {"threshold": 1.0}})
    bench = Bench([FakeDetector("a"), FakeDetector("b", raises=FAULTS[0])], policies=policy)
    result = await bench.run()
    assert result.coverage.is_enough
    ((question, _, _),) = bench.analysis.asked
    assert question.failed == (FailedDetector("b", "failed"),)


async def test_unknown_policy_runs_nothing() -> None:
    detector = FakeDetector("a")
    with pytest.raises(ServiceError) as caught:
        await Bench([detector]).run(replace(REQUEST, policy="nothing"))
    assert caught.value.code is ErrorCode.POLICY_NOT_FOUND
    assert detector.contexts == []


async def test_same_question_twice_has_two_names() -> None:
    bench = Bench([FakeDetector("a")])
    first, second = await bench.run(), await bench.run()
    assert first.request_id != second.request_id


async def test_a_cancelled_request_is_cancelled_and_not_answered() -> None:
    class Slow(FakeMapper):
        async def map(self, *_: object, **__: object) -> None:  # type: ignore[override]
            await asyncio.sleep(30)

    task = asyncio.create_task(Bench([FakeDetector("a")], mapper=Slow()).run())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_findings_are_flagged_and_counted_by_the_shipped_default() -> None:
    bench = Bench([FakeDetector("a", says=["EMAIL"])])
    result = await bench.run()
    assert (result.decision.action, result.decision.reasons) == ("flag", ("PII.Contact was found",))
    assert bench.events.enforced == [("default", "flag", "finding")]


async def test_without_the_mapper_nothing_is_allowed_as_clean() -> None:
    bench = Bench([FakeDetector("a")])
    bench.mapper.raises = DownstreamError("timeout")
    assert (await bench.run()).decision.action == "flag"
    assert (await bench.run(replace(REQUEST, policy="strict"))).decision.action == "block"
    assert bench.events.enforced[0] == ("default", "flag", "unmapped")


async def test_detector_that_fails_closed_blocks_whatever_the_policy_decides() -> None:
    policy = OnePolicy({"fail_mode": {"b": "closed"}})
    bench = Bench([FakeDetector("a"), FakeDetector("b", raises=FAULTS[1])], policies=policy)
    decision = (await bench.run()).decision
    assert (decision.action, decision.failed_closed, decision.failed_open) == ("block", ("b",), ())
    assert bench.events.enforced == [("p", "block", "fail_closed")]


async def test_detector_that_fails_open_is_named_all_the_same() -> None:
    bench = Bench([FakeDetector("a"), FakeDetector("b", raises=FAULTS[1])], policies=OnePolicy())
    decision = (await bench.run()).decision
    assert (decision.action, decision.failed_closed, decision.failed_open) == ("allow", (), ("b",))


async def test_nobody_gets_around_a_tenants_own_policy_by_naming_fewer_detectors() -> None:
    policy = OnePolicy({"fail_mode": {"default": "closed"}}, shipped=False)
    bench = Bench([FakeDetector("a"), FakeDetector("b")], policies=policy)
    result = await bench.run(replace(REQUEST, detectors=("a",)))
    assert (result.decision.action, result.decision.failed_closed) == ("block", ("b",))


WRONG_PLANS: list[JsonObject | PolicyFault] = [
    PolicyFault("it broke"),
    {"alow": True},
    {"allow": "yes"},
    {"coverage": {"threshold": 1.1}},
    {"coverage": {"method": "GUESSED"}},
    {"detectors": []},
    {"detectors": ["a"], "required": ["a", "b"]},
    {"fail_mode": {"a": "ajar"}},
    {"weights": {"a": 0}},
    {"coverage": {"method": "TAXONOMY"}},
]


@pytest.mark.parametrize("planned", WRONG_PLANS, ids=str)
async def test_policy_that_errs_before_the_detectors_denies_and_runs_none(
    planned: JsonObject | PolicyFault,
) -> None:
    detector = FakeDetector("a")
    bench = Bench([detector], policies=OnePolicy(planned))
    with pytest.raises(ServiceError) as caught:
        await bench.run()
    assert caught.value.code is ErrorCode.POLICY_DENIED
    assert detector.contexts == []
    assert bench.events.enforced == [("p", "denied", "policy_error")]


WRONG_DECISIONS: list[JsonObject | PolicyFault] = [
    PolicyFault("it broke"),
    {},
    {"action": "permit"},
    {"action": "allow", "extra": 1},
    {"action": "allow", "reasons": [1]},
]


@pytest.mark.parametrize("decided", WRONG_DECISIONS, ids=str)
async def test_policy_that_errs_after_the_detectors_denies(decided: JsonObject | PolicyFault) -> None:
    bench = Bench([FakeDetector("a")], policies=OnePolicy(decided=decided))
    with pytest.raises(ServiceError) as caught:
        await bench.run()
    assert caught.value.code is ErrorCode.POLICY_DENIED


async def test_policy_that_refuses_is_not_counted_as_an_error() -> None:
    bench = Bench([FakeDetector("a")], policies=OnePolicy({"allow": False}))
    with pytest.raises(ServiceError) as caught:
        await bench.run()
    assert caught.value.code is ErrorCode.POLICY_DENIED
    assert bench.events.enforced == [("p", "denied", "refused")]


async def test_no_policy_ever_sees_the_content() -> None:
    policy = OnePolicy()
    await Bench([FakeDetector("a", says=["EMAIL"])], policies=policy).run()
    assert len(policy.asked) == 2
    assert "my text" not in repr(policy.asked)


async def test_a_policy_is_not_asked_again_what_it_answered_before() -> None:
    policy = OnePolicy(reads=frozenset({"direction"}))
    enforcement = PolicyEnforcement(policy, FakeEvents())
    for direction in ("input", "input", "output"):
        enforced = await enforcement.plan(replace(REQUEST, direction=direction), ())
        await enforcement.decide(enforced, (), required_set((), (), threshold=0.5), None)
    assert policy.asked == [{"direction": "input"}] * 2 + [{"direction": "output"}] * 2
