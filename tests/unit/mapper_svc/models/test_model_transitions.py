"""Whatever is asked of the fleet in whatever order, it stays one that a mapper can serve."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper_svc.domain import model_transitions as steps
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_fleet import (
    PREVIOUS_KEPT,
    Fleet,
    ModelState,
    Outcome,
    TrialKind,
)
from tests.unit.mapper_svc.models.fleet_fakes import START, served, trial

VERSIONS = ["aa", "bb", "cc", "dd", "ee", "ff"]
Step = Callable[[Fleet, datetime], steps.Change]


def fleet_of(*activated: str, candidates: tuple[str, ...] = ()) -> Fleet:
    """Register all, activate the first ones in their order."""
    fleet = Fleet()
    for number, version in enumerate(activated):
        fleet = steps.register(fleet, served(version)).fleet
        now = START + timedelta(hours=number)
        fleet = steps.activate(fleet, version, now=now, reason="test").fleet
    for version in candidates:
        fleet = steps.register(fleet, served(version)).fleet
    return fleet


def states(fleet: Fleet) -> dict[str, str]:
    return {model.id: model.state.value for model in fleet.models}


def refused(step: Callable[[], object], code: ErrorCode) -> str:
    with pytest.raises(ServiceError) as caught:
        step()
    assert caught.value.code is code
    return caught.value.detail


versions = st.sampled_from(VERSIONS)
STEPS: st.SearchStrategy[Step] = st.one_of(
    versions.map(lambda one: lambda fleet, _: steps.register(fleet, served(one))),
    versions.map(lambda one: lambda fleet, now: steps.activate(fleet, one, now=now, reason="r")),
    st.tuples(versions, st.sampled_from(TrialKind), st.integers(1, 99)).map(
        lambda drawn: lambda fleet, _: steps.start_trial(fleet, drawn[0], trial(*drawn))
    ),
    st.just(lambda fleet, _: steps.abort(fleet, reason="r")),
    st.just(
        lambda fleet, _: steps.roll_back_trial(
            fleet, fleet.trial.id if fleet.trial else uuid4(), reason="r", figures={}
        )
    ),
    st.one_of(st.none(), versions).map(
        lambda one: lambda fleet, now: steps.roll_back(fleet, one, now=now, reason="r")
    ),
)


def check_sound(fleet: Fleet) -> None:
    named = [model.id for model in fleet.models]
    assert named == sorted(set(named))
    counted = list(states(fleet).values())
    assert counted.count("active") <= 1
    assert counted.count("previous") <= PREVIOUS_KEPT
    tried = [model for model in fleet.models if model.state in {ModelState.SHADOW, ModelState.CANARY}]
    assert [model.id for model in tried] == ([] if fleet.trial is None else [fleet.trial.version])
    if fleet.trial is not None:
        assert fleet.active is not None
        assert (fleet.trial.kind is TrialKind.SHADOW) == (tried[0].state is ModelState.SHADOW)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_every_fleet_that_can_come_about_is_sound(chosen: list[Step]) -> None:
    fleet = Fleet()
    for number, step in enumerate(chosen):
        before = fleet
        try:
            change = step(fleet, START + timedelta(minutes=number))
        except ServiceError:
            continue
        fleet = change.fleet
        check_sound(fleet)
        assert fleet.revision == before.revision + (change.action is not None)
        assert (change.action is None) == (fleet == before)
        assert (change.ended is not None) == (
            before.trial is not None and (fleet.trial is None or fleet.trial.id != before.trial.id)
        )
        assert before.active is None or fleet.active is not None, "nobody is left without a model by a change"


@given(st.lists(STEPS, max_size=30))
@settings(max_examples=100, deadline=None)
def test_only_activating_and_rolling_back_change_who_is_active(chosen: list[Step]) -> None:
    fleet = Fleet()
    for number, step in enumerate(chosen):
        try:
            change = step(fleet, START + timedelta(minutes=number))
        except ServiceError:
            continue
        before, after = fleet.active, change.fleet.active
        if (before and before.id) != (after and after.id):
            assert change.action in {"model.activated", "model.rolled_back"}
        fleet = change.fleet


def test_first_activation_keeps_the_version_before_ready() -> None:
    fleet = fleet_of("aa", "bb")
    assert states(fleet) == {"aa": "previous", "bb": "active"}


def test_fourth_version_before_is_retired() -> None:
    fleet = fleet_of("aa", "bb", "cc", "dd", "ee")
    assert states(fleet)["aa"] == "retired"
    assert [model.id for model in fleet.previous] == ["dd", "cc", "bb"]


@pytest.mark.parametrize("back_to", ["bb", "cc", "dd"])
def test_any_of_the_last_three_can_be_rolled_back_to(back_to: str) -> None:
    fleet = fleet_of("aa", "bb", "cc", "dd", "ee")
    change = steps.roll_back(fleet, back_to, now=START, reason="bad")
    assert (change.fleet.active and change.fleet.active.id) == back_to
    assert states(change.fleet)["ee"] == "retired"
    assert change.detail == {"before": "ee", "reason": "bad"}
    refused(lambda: steps.roll_back(fleet, "aa", now=START, reason=""), ErrorCode.CONFLICT)


def test_rolling_back_twice_goes_further_back_and_never_to_the_bad_one() -> None:
    fleet = fleet_of("aa", "bb", "cc")
    for expected in ("bb", "aa"):
        fleet = steps.roll_back(fleet, None, now=START, reason="bad").fleet
        assert fleet.active is not None
        assert fleet.active.id == expected
    refused(lambda: steps.roll_back(fleet, None, now=START, reason=""), ErrorCode.CONFLICT)


def test_rolling_back_under_a_trial_ends_it() -> None:
    fleet = fleet_of("aa", "bb", candidates=("cc",))
    fleet = steps.start_trial(fleet, "cc", trial("cc")).fleet
    change = steps.roll_back(fleet, None, now=START, reason="bad")
    assert change.ended is not None
    assert change.ended.outcome is Outcome.ABORTED
    assert states(change.fleet) == {"aa": "active", "bb": "retired", "cc": "candidate"}


def test_another_version_cannot_be_tried_or_activated_beside_a_trial() -> None:
    fleet = fleet_of("aa", candidates=("bb", "cc"))
    fleet = steps.start_trial(fleet, "bb", trial("bb")).fleet
    assert "bb" in refused(lambda: steps.start_trial(fleet, "cc", trial("cc")), ErrorCode.CONFLICT)
    refused(lambda: steps.activate(fleet, "cc", now=START, reason=""), ErrorCode.CONFLICT)
    promoted = steps.activate(fleet, "bb", now=START, reason="good")
    assert promoted.ended is not None
    assert promoted.ended.outcome is Outcome.PROMOTED


def test_another_share_keeps_the_trial_and_so_the_tenants_in_it() -> None:
    fleet = fleet_of("aa", candidates=("bb",))
    fleet = steps.start_trial(fleet, "bb", trial("bb", percent=10)).fleet
    assert fleet.trial is not None
    change = steps.start_trial(fleet, "bb", trial("bb", percent=50))
    assert change.fleet.trial is not None
    assert (change.fleet.trial.id, change.fleet.trial.percent) == (fleet.trial.id, 50)
    assert change.action == "model.canary_resized"
    assert steps.start_trial(change.fleet, "bb", trial("bb", percent=50)).action is None


def test_trial_of_another_kind_is_a_new_one() -> None:
    fleet = fleet_of("aa", candidates=("bb",))
    fleet = steps.start_trial(fleet, "bb", trial("bb", TrialKind.SHADOW, 0)).fleet
    change = steps.start_trial(fleet, "bb", trial("bb", TrialKind.AB, 50))
    assert change.ended is not None
    assert change.ended.outcome is Outcome.REPLACED
    assert change.fleet.trial != fleet.trial


def test_rolled_back_version_is_retired_until_it_is_registered_again() -> None:
    fleet = fleet_of("aa", candidates=("bb",))
    fleet = steps.start_trial(fleet, "bb", trial("bb")).fleet
    assert fleet.trial is not None
    assert steps.roll_back_trial(fleet, UUID(int=1), reason="latency", figures={}).action is None
    change = steps.roll_back_trial(fleet, fleet.trial.id, reason="latency", figures={"slow": 3})
    assert change.detail["reason"] == "latency"
    assert change.detail["slow"] == 3
    assert states(change.fleet)["bb"] == "retired"
    refused(lambda: steps.activate(change.fleet, "bb", now=START, reason=""), ErrorCode.CONFLICT)
    refused(lambda: steps.start_trial(change.fleet, "bb", trial("bb")), ErrorCode.CONFLICT)
    again = steps.register(change.fleet, served("bb")).fleet
    assert states(again)["bb"] == "candidate"


def test_same_id_with_other_weights_is_refused() -> None:
    fleet = fleet_of("aa")
    lying = replace(served("bb"), version=replace(served("bb").version, version="aa"))
    refused(lambda: steps.register(fleet, lying), ErrorCode.CONFLICT)


def test_active_version_may_move_to_another_server_or_engine_and_stays_active() -> None:
    fleet = fleet_of("aa")
    change = steps.register(fleet, served("aa", url="http://127.0.0.1:9"))
    assert (change.action, states(change.fleet)) == ("model.moved", {"aa": "active"})
    assert steps.register(change.fleet, served("aa", url="http://127.0.0.1:9")).action is None


def test_nothing_can_be_tried_before_a_version_is_active() -> None:
    fleet = steps.register(Fleet(), served("aa")).fleet
    refused(lambda: steps.start_trial(fleet, "aa", trial("aa")), ErrorCode.CONFLICT)
    refused(lambda: steps.start_trial(fleet, "zz", trial("zz")), ErrorCode.NOT_FOUND)
    refused(lambda: steps.abort(fleet, reason=""), ErrorCode.CONFLICT)
