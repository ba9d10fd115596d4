"""What may be registered, who is told, and when the settings have a say."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from mapper_svc.adapters.taxonomy_files import available_editions
from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from mapper_svc.domain.label_model import ModelUnavailableError
from mapper_svc.domain.mirrors import Mirrors
from mapper_svc.domain.model_address import AllowedHosts
from mapper_svc.domain.model_adoption import ModelAdoption
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.model_feedback import PER_TENANT, ModelFeedback
from mapper_svc.domain.model_fleet import ModelState, TrialKind
from mapper_svc.domain.model_ports import Served
from mapper_svc.domain.model_registry import CONFIG, ModelRegistry
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.model_watch import ModelWatch
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, feedback
from mapper_svc.domain.trial_guard import GuardLimits
from mapper_svc.domain.trial_keeper import JudgeLimits, TrialKeeper
from mapper_svc.domain.trial_model import TrialLimits
from mapper_svc.domain.trial_verdict import Finding, Measure, verdicts
from tests.unit.mapper_svc.models.fleet_fakes import (
    FakeEvents,
    FakeModel,
    FakeNews,
    FakeProbe,
    FakeStore,
    version_of,
)

TAXONOMY = load_catalogue(available_editions()[-1]).taxonomy
A, B, C = "a" * 12, "b" * 12, "c" * 12
URL = "http://127.0.0.1:8090"
OTHER = "http://127.0.0.1:8092"


class Replica:
    """One process of the service, as far as models go."""

    def __init__(self, store: FakeStore, probe: FakeProbe, *, url: str = "") -> None:
        self.events, self.news = FakeEvents(), FakeNews()
        self.models: dict[str, FakeModel] = {}
        self.router = FleetRouter(
            connect=lambda model: self.models.setdefault(model.id, FakeModel(model.id)),
            tries=Mirrors(4),
            mirrors=Mirrors(4),
            limits=TrialLimits(patience_s=0.05, mirror_share=0.0, slow_ms=250),
            events=self.events,
            expected=bool(url),
        )
        self.registry = ModelRegistry(
            store=store,
            probe=probe,
            news=self.news,
            take=self.router.take,
            hosts=AllowedHosts("loopback"),
            taxonomy=TAXONOMY,
        )
        self.watch = ModelWatch(
            store=store, news=self.news, router=self.router, events=self.events, poll_s=0.01
        )
        guard = GuardLimits(
            min_calls=20,
            error_margin=0.05,
            fallback_margin=0.1,
            latency_ratio=1.5,
            latency_slack_ms=50,
            min_agreement=0.7,
        )
        self.keeper = TrialKeeper(
            trials=store,
            router=self.router,
            registry=self.registry,
            events=self.events,
            limits=JudgeLimits(window_s=300, guard=guard, ab_error=0.05),
        )

    def picked(self, tenant: UUID | None = None) -> str | None:
        routed = self.router.pick(tenant or uuid4())
        return None if routed is None else routed.version.version

    async def make(self, release: str, probe: FakeProbe, url: str = URL) -> None:
        probe.says[url] = says(release)
        await self.registry.register(url, None, actor="test")


def says(release: str, **changes: Any) -> Served:
    return Served(version_of(release, **changes), tuple(TAXONOMY.labels))


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe({URL: says(A), OTHER: says(B)})


@pytest.fixture
def replica(store: FakeStore, probe: FakeProbe) -> Replica:
    return Replica(store, probe)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (says(A, taxonomy="2025.01"), "speaks taxonomy 2025.01, and 2026.11 is in use"),
        (Served(version_of(A), ("PII.Made.Up", *tuple(TAXONOMY.labels)[1:])), "1 unknown here, 1 missing"),
        (Served(version_of(A), tuple(TAXONOMY.labels)[:-1]), "its 113 labels are not the 114"),
        (Served(version_of(A), tuple(reversed(tuple(TAXONOMY.labels)))), "in their order"),
        (says("latest"), "twelve hexadecimal digits"),
    ],
)
async def test_server_that_speaks_of_other_labels_is_refused_and_nothing_kept(
    replica: Replica, store: FakeStore, probe: FakeProbe, said: Served, words: str
) -> None:
    probe.says[URL] = said
    with pytest.raises(ServiceError, match=words) as caught:
        await replica.registry.register(URL, None, actor="test")
    assert (caught.value.code, caught.value.field) == (ErrorCode.INVALID_REQUEST, "url")
    assert store.fleet.models == ()


async def test_host_that_is_not_allowed_is_never_asked(replica: Replica, probe: FakeProbe) -> None:
    with pytest.raises(ServiceError):
        await replica.registry.register("http://10.0.0.1:80", None, actor="test")
    assert probe.asked == []


async def test_change_is_in_the_store_here_and_told(replica: Replica, store: FakeStore) -> None:
    await replica.registry.register(URL, None, actor="ann")
    await replica.registry.activate(A, actor="ann", reason="good")
    assert replica.picked() == A
    assert replica.news.told == 2
    assert store.audited == [("ann", "model.registered", A), ("ann", "model.activated", A)]
    await replica.registry.activate(A, actor="ann", reason="again")
    assert len(store.audited) == replica.news.told == 2, "nothing changed, nothing is told"


async def test_another_replica_takes_the_change_when_it_looks(
    replica: Replica, store: FakeStore, probe: FakeProbe
) -> None:
    other = Replica(store, probe)
    await other.watch.look()
    assert other.picked() is None
    await replica.registry.register(URL, None, actor="test")
    await replica.registry.activate(A, actor="test", reason="")
    await other.watch.look()
    assert other.picked() == A
    loads = store.loads
    await other.watch.look()
    assert store.loads == loads, "what did not change is not read"


async def test_replica_serves_on_by_what_it_knew_while_the_store_is_away(
    replica: Replica, store: FakeStore
) -> None:
    await replica.registry.register(URL, None, actor="test")
    await replica.registry.activate(A, actor="test", reason="")
    store.down = StorageUnavailableError()
    await replica.watch.look()
    assert replica.picked() == A
    assert ("unread", "SERVICE_UNAVAILABLE") in replica.events.heard


async def test_way_to_a_server_outlives_a_change_elsewhere(replica: Replica, store: FakeStore) -> None:
    await replica.registry.register(URL, None, actor="test")
    await replica.registry.activate(A, actor="test", reason="")
    before = replica.router.pick(uuid4())
    await replica.registry.register(OTHER, None, actor="test")
    after = replica.router.pick(uuid4())
    assert before is not None
    assert after is not None
    assert before.model is after.model
    assert store.fleet.revision == 3


async def test_server_of_the_settings_is_adopted_at_first_and_followed(
    store: FakeStore, probe: FakeProbe
) -> None:
    replica = Replica(store, probe, url=URL)
    await replica.registry.adopt(URL)
    assert (replica.picked(), store.audited[-1]) == (A, (CONFIG, "model.activated", A))
    probe.says[URL] = says(B)
    await replica.registry.adopt(URL)
    assert replica.picked() == B
    before = len(store.audited)
    await replica.registry.adopt(URL)
    assert len(store.audited) == before


@pytest.mark.parametrize("act", ["activate", "roll back", "try"])
async def test_settings_override_no_persons_choice(store: FakeStore, probe: FakeProbe, act: str) -> None:
    replica = Replica(store, probe, url=URL)
    await replica.registry.adopt(URL)
    await replica.registry.register(OTHER, None, actor="ann")
    if act == "try":
        await replica.registry.try_out(B, TrialKind.CANARY, 50, actor="ann", reason="")
    else:
        await replica.registry.activate(B, actor="ann", reason="")
    if act == "roll back":
        await replica.registry.roll_back(A, actor="ann", reason="")
    chosen = store.fleet.active
    probe.says[URL] = says(C)
    await replica.registry.adopt(URL)
    assert store.fleet.active == chosen
    assert store.fleet.find(C) is None


async def test_person_who_registers_first_keeps_the_settings_out(store: FakeStore, probe: FakeProbe) -> None:
    replica = Replica(store, probe, url=URL)
    await replica.registry.register(OTHER, None, actor="ann")
    await replica.registry.adopt(URL)
    assert store.fleet.active is None


async def test_adoption_says_why_it_cannot(store: FakeStore, probe: FakeProbe) -> None:
    replica = Replica(store, probe, url=URL)
    probe.says[URL] = ServiceError(ErrorCode.SERVICE_UNAVAILABLE, "it sleeps")
    adoption = ModelAdoption(registry=replica.registry, router=replica.router, events=replica.events, url=URL)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(adoption.keep(), 0.05)
    assert ("not adopted", "it sleeps") in replica.events.heard


async def canary(replica: Replica, store: FakeStore, kind: TrialKind = TrialKind.CANARY) -> None:
    await replica.registry.register(URL, None, actor="test")
    await replica.registry.activate(A, actor="test", reason="")
    await replica.registry.register(OTHER, None, actor="test")
    await replica.registry.try_out(B, kind, 50, actor="test", reason="")
    assert is_trying(store)


def is_trying(store: FakeStore) -> bool:
    return store.fleet.trial is not None


async def test_bad_canary_is_taken_back_by_what_all_replicas_counted(
    replica: Replica, store: FakeStore, probe: FakeProbe
) -> None:
    await canary(replica, store)
    other = Replica(store, probe)
    await other.watch.look()
    for one in (replica, other):
        for _ in range(11):
            one.router.tally.failed(Arm.TREATMENT)
    await replica.keeper.look()
    assert is_trying(store), "eleven calls are too few"
    await other.keeper.look()
    assert not is_trying(store)
    tried = store.fleet.find(B)
    assert tried is not None
    assert tried.state is ModelState.RETIRED
    assert store.audited[-1] == ("guard", "model.trial_rolled_back", B)
    assert ("rolled back", B, "error_rate") in other.events.heard
    await replica.keeper.look()
    assert sum("rolled back" in heard for heard in replica.events.heard) == 0, "it was done once"


async def test_ab_trial_ends_when_the_test_has_shown_the_version_worse(
    replica: Replica, store: FakeStore
) -> None:
    await canary(replica, store, TrialKind.AB)
    store.counts.update({BOTH_SURE: 100, AGREED: 95})
    await replica.keeper.look()
    assert is_trying(store)
    store.counts.update({"pair.only_treatment_unsure": 60, "pair.only_control_unsure": 5})
    await replica.keeper.look()
    assert not is_trying(store)
    assert ("rolled back", B, "ab_fallback") in replica.events.heard


async def test_feedback_is_reported_and_takes_no_version_back(replica: Replica, store: FakeStore) -> None:
    await canary(replica, store, TrialKind.AB)
    store.counts.update({feedback(Arm.TREATMENT, right=False): 500, feedback(Arm.CONTROL, right=True): 500})
    await replica.keeper.look()
    assert is_trying(store)
    found = verdicts(store.counts, alpha=0.05, min_agreement=0.7)
    assert {one.measure: one.finding for one in found}[Measure.FEEDBACK] is Finding.WORSE
    store.counts.update({"pair.only_treatment_slow": 60})
    await replica.keeper.look()
    assert ("rolled back", B, "ab_latency") in replica.events.heard, "what else is worse is still seen"


async def test_counts_that_could_not_be_stored_are_stored_later(replica: Replica, store: FakeStore) -> None:
    await canary(replica, store)
    replica.router.tally.add(AGREED, 7)
    store.down = StorageUnavailableError()
    with pytest.raises(StorageUnavailableError):
        await replica.keeper.look()
    store.down = None
    await replica.keeper.look()
    assert store.counts[AGREED] == 7


async def test_counts_of_one_trial_are_not_taken_into_the_next(replica: Replica, store: FakeStore) -> None:
    await canary(replica, store)
    late = replica.router.tally
    await replica.registry.abort(actor="test", reason="")
    await replica.registry.try_out(B, TrialKind.CANARY, 50, actor="test", reason="")
    late.add(AGREED)
    assert replica.router.tally is not late
    await replica.registry.try_out(B, TrialKind.CANARY, 60, actor="test", reason="")
    assert replica.router.tally.take() == {}


async def test_feedback_counts_for_the_arm_that_made_the_finding(replica: Replica, store: FakeStore) -> None:
    feedback = ModelFeedback(replica.router)
    tenant = uuid4()
    assert not feedback.tell(tenant, A, right=True)
    await canary(replica, store)
    mine = replica.picked(tenant)
    assert mine is not None
    assert feedback.tell(tenant, mine, right=True)
    assert not feedback.tell(tenant, A if mine == B else B, right=False)
    assert sum(feedback.tell(tenant, mine, right=False) for _ in range(300)) == PER_TENANT - 1
    assert sum(replica.router.tally.take().values()) == PER_TENANT


async def test_model_that_is_expected_and_not_there_yet_is_unavailable_not_absent(
    store: FakeStore, probe: FakeProbe
) -> None:
    unsure, expecting, without = Replica(store, probe), Replica(store, probe, url=URL), Replica(store, probe)
    with pytest.raises(ModelUnavailableError):
        unsure.picked()
    await expecting.watch.look()
    with pytest.raises(ModelUnavailableError):
        expecting.picked()
    await without.watch.look()
    assert without.picked() is None
