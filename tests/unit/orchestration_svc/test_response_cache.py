"""What was found in a text is found again for the same question alone, and only if it was whole."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason
from orchestration_svc.domain.downstream import DownstreamError, MapperAnswer
from orchestration_svc.domain.orchestrate import Orchestrate
from orchestration_svc.domain.orchestration import OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.policy_enforcement import PolicyEnforcement
from orchestration_svc.domain.policy_program import PolicySource
from orchestration_svc.domain.redact import Style
from orchestration_svc.domain.response_cache import CacheAwayError, ResponseCache, Seen
from orchestration_svc.domain.tenant_settings import UNREAD, CurrentChoices, RequestChoices
from tests.unit.orchestration_svc.fakes import (
    OTHER_TENANT,
    FakeAnalysis,
    FakeClock,
    FakeDetector,
    FakeDirectory,
    FakeEvents,
    FakeMapper,
)
from tests.unit.orchestration_svc.test_orchestrate import REQUEST, OnePolicy, Shipped

SECRET = "the launch code is 0000"
PLACED = {"label": "EMAIL", "start": 0, "end": 3}
KEPT = timedelta(seconds=300)


class MemoryStore:
    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, bytes], Seen] = {}
        self.away = False

    async def get(self, tenant_id: UUID, key: bytes) -> Seen | None:
        if self.away:
            raise CacheAwayError
        return self.kept.get((tenant_id, key))

    def put(self, tenant_id: UUID, key: bytes, seen: Seen) -> None:
        self.kept[tenant_id, key] = seen


class VersionedMapper(FakeMapper):
    """Says which version it mapped with."""

    version: str | None = "v1"

    async def map(self, *asked: Any, **named: Any) -> MapperAnswer:
        answer = await super().map(*asked, **named)
        placed = tuple(replace(one, raw_label="EMAIL") for one in answer.findings)
        return replace(answer, findings=placed, mapping_version=self.version)


@dataclass
class World:
    """The use case with a cache, each part to be changed by a test."""

    detectors: list[FakeDetector] = field(default_factory=lambda: [FakeDetector("a", says=[PLACED])])
    policies: PolicySource = field(default_factory=Shipped)
    mapper: VersionedMapper = field(default_factory=VersionedMapper)
    analysis: FakeAnalysis = field(default_factory=FakeAnalysis)
    events: FakeEvents = field(default_factory=FakeEvents)
    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    current: CurrentChoices = field(default_factory=CurrentChoices)
    asked_version: str | None = "v1"
    release: str = "1"
    lookups: list[str] = field(default_factory=list)

    async def of(self, tenant_id: UUID) -> Any:  # noqa: ARG002 - the shape of two ports
        return self.current

    def cache_lookup(self, outcome: str) -> None:
        self.lookups.append(outcome)

    async def run(self, request: OrchestrationRequest = REQUEST, **changes: Any) -> OrchestrationResult:
        world = self

        class Versions:
            async def of(self, tenant_id: UUID) -> str | None:  # noqa: ARG002
                return world.asked_version

        orchestrate = Orchestrate(
            directory=FakeDirectory(*self.detectors),
            policies=PolicyEnforcement(self.policies, self.events),
            mapper=self.mapper,
            analysis=self.analysis,
            events=self.events,
            clock=self.clock,
            cache=ResponseCache(
                store=self.store,
                keyed_hash=lambda *parts: b"|".join(parts),
                settings=self,
                mapping_versions=Versions(),
                events=self,
                clock=self.clock,
                kept=KEPT,
                release=self.release,
            ),
        )
        return await orchestrate(replace(request, **changes))

    @property
    def looks(self) -> int:
        """How often detectors were asked."""
        return sum(len(one.contexts) for one in self.detectors)


async def test_the_same_text_is_not_looked_at_again_and_the_answer_says_so() -> None:
    world = World()
    first = await world.run()
    world.clock.pass_by(timedelta(seconds=60))
    again = await world.run()
    assert (world.looks, len(world.mapper.asked)) == (1, 1)
    assert (first.cached_at, again.cached_at) == (None, first.finished_at)
    assert again.finished_at == first.finished_at + timedelta(seconds=60)
    same = ("results", "payloads", "mapping", "coverage", "decision", "missing")
    assert [getattr(again, name) for name in same] == [getattr(first, name) for name in same]
    assert world.lookups == ["miss", "hit"]


async def test_every_request_has_its_own_id_its_own_analysis_and_its_own_decision() -> None:
    world = World()
    answers = [await world.run() for _ in range(3)]
    ids = {answer.request_id for answer in answers}
    assert len(ids) == 3
    assert {question.request_id for question, _, _ in world.analysis.asked} == ids, "evidence of each"
    assert len(world.events.enforced) == 3
    assert len(world.events.detectors) == 1, "no detector took any time"


async def test_what_is_kept_of_a_text_belongs_to_no_person_and_its_evidence_to_whoever_sent_it() -> None:
    world = World()
    people = ("anna", "berta")
    answers = [await world.run(subject=one, application=f"app of {one}") for one in people]
    assert answers[1].cached_at is not None
    assert [(asked.subject, asked.application) for asked, _, _ in world.analysis.asked] == [
        (one, f"app of {one}") for one in people
    ]
    assert not any(one in repr(world.store.kept) for one in people)


async def test_a_policy_that_changes_its_mind_holds_at_once_for_what_is_kept() -> None:
    policy = OnePolicy()
    world = World(policies=policy)
    assert (await world.run()).decision.action.value == "allow"
    policy.decided = {"action": "block"}
    again = await world.run()
    assert again.cached_at is not None
    assert again.decision.action.value == "block"


async def test_a_text_is_redacted_anew_and_none_is_kept() -> None:
    world = World(policies=OnePolicy(decided={"action": "redact"}))
    for _ in range(2):
        answer = await world.run(content=SECRET)
        assert answer.redacted is not None
        assert SECRET[3:] in answer.redacted.text
    assert answer.cached_at is not None
    assert SECRET[3:] not in repr(list(world.store.kept.values()))


OTHER_QUESTIONS: dict[str, dict[str, Any]] = {
    "text": {"content": "my text "},
    "tenant": {"tenant_id": OTHER_TENANT},
    "policy": {"policy": "default"},
    "detectors": {"detectors": ("a",)},
    "priority": {"priority": Priority.LOW},
    "direction": {"direction": "output"},
    "without analysis": {"analyze_findings": False},
    "without mapping": {"analyze_findings": False, "map_findings": False},
    "redaction": {"redaction": Style.MASK},
}


@pytest.mark.parametrize("what", OTHER_QUESTIONS)
async def test_another_question_finds_nothing(what: str) -> None:
    world = World()
    await world.run()
    assert (await world.run(**OTHER_QUESTIONS[what])).cached_at is None
    assert world.looks == 2


def upgraded(world: World) -> None:
    world.detectors[0]._info = replace(world.detectors[0].info, version="9")


def moved(world: World) -> None:
    world.detectors[0]._info = replace(world.detectors[0].info, revision="elsewhere")


def added(world: World) -> None:
    world.detectors.append(FakeDetector("b"))


def policy_changed(world: World) -> None:
    world.policies = OnePolicy(name="default", version="999")


def settings_changed(world: World) -> None:
    world.current = CurrentChoices(version=1)


def mapper_changed(world: World) -> None:
    world.asked_version = world.mapper.version = "v2"


def released(world: World) -> None:
    world.release = "2"


def expired(world: World) -> None:
    world.clock.pass_by(KEPT + timedelta(seconds=1))


CHANGES = [upgraded, moved, added, policy_changed, settings_changed, mapper_changed, released, expired]


@pytest.mark.parametrize("change", CHANGES)
async def test_after_a_change_the_text_is_looked_at_again(change: Callable[[World], None]) -> None:
    world = World()
    await world.run()
    assert (await world.run()).cached_at is not None
    change(world)
    assert (await world.run()).cached_at is None


def detector_fails(world: World) -> None:
    fault = DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    world.policies = OnePolicy({"coverage": {"threshold": 0.5}})
    world.detectors.append(FakeDetector("b", raises=fault))


def mapper_fails(world: World) -> None:
    world.mapper.raises = DownstreamError("timeout")


def mapper_falls_back(world: World) -> None:
    world.mapper.fallback_used = True


def mapper_switches_meanwhile(world: World) -> None:
    world.mapper.version = "v2"


def mapper_says_no_version(world: World) -> None:
    world.mapper.version = None


def analysis_fails(world: World) -> None:
    world.analysis.raises = DownstreamError("timeout")


@pytest.mark.parametrize(
    "flaw",
    [
        detector_fails,
        mapper_fails,
        mapper_falls_back,
        mapper_switches_meanwhile,
        mapper_says_no_version,
        analysis_fails,
    ],
)
async def test_an_answer_that_lacks_anything_is_not_kept(flaw: Callable[[World], None]) -> None:
    world = World()
    flaw(world)
    await world.run()
    assert world.store.kept == {}


def unread(world: World) -> None:
    world.current = CurrentChoices(note=UNREAD)


def mapper_unknown(world: World) -> None:
    world.asked_version = None


def switched_off(world: World) -> None:
    world.current = CurrentChoices(RequestChoices(response_cache=False))


def away(world: World) -> None:
    world.store.away = True


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [(unread, "unknown"), (mapper_unknown, "unknown"), (switched_off, "switched_off"), (away, "unavailable")],
)
async def test_without_the_cache_every_text_is_looked_at(
    trouble: Callable[[World], None], outcome: str
) -> None:
    world = World()
    await world.run()
    trouble(world)
    answers = [await world.run() for _ in range(2)]
    assert [answer.cached_at for answer in answers] == [None, None]
    assert (world.looks, world.lookups[1:]) == (3, [outcome] * 2)


async def test_a_critical_text_is_always_looked_at() -> None:
    world = World()
    for _ in range(2):
        assert (await world.run(priority=Priority.CRITICAL)).cached_at is None
    assert (world.looks, world.store.kept) == (2, {})


async def test_an_answer_from_the_cache_whose_analysis_is_away_says_what_it_lacks() -> None:
    world = World()
    await world.run()
    world.analysis.raises = DownstreamError("unavailable")
    answer = await world.run()
    assert answer.cached_at is not None
    assert [(one.part, one.reason) for one in answer.missing] == [("analysis", "unavailable")]


async def test_what_the_cache_needs_no_mapper_for_is_kept_while_the_mapper_is_away() -> None:
    world = World(asked_version=None)
    for _ in range(2):
        answer = await world.run(map_findings=False, analyze_findings=False)
    assert answer.cached_at is not None
