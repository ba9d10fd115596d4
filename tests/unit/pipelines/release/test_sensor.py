"""What the sensor asks for, with its cursor kept, lost or older than it should be."""

from collections.abc import Callable

import msgspec
import pytest

pytest.importorskip("dagster", reason="the extra `pipelines` is not installed: the sensor is NOT tested here")

from dagster import SensorResult

from pipelines.defs.release.sensors import look
from pipelines.lib.release.approve import Approvals, Approver
from tests.unit.pipelines.release.conftest import MODEL, FakeRegistry, Killed

Rules = Callable[..., Approvals]
ADA = Approver("Ada", "figures read")


def keys(result: SensorResult) -> list[str | None]:
    return [one.run_key for one in result.run_requests or []]


def test_an_approval_is_asked_for_once(registry: FakeRegistry, approvals: Rules) -> None:
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    first = look(approvals(), ["tiny"], None)
    (request,) = first.run_requests or []
    assert request.partition_key == "tiny"
    assert request.tags["llama-mapper/version"] == f"{MODEL}/1"
    again = look(approvals(), ["tiny"], first.cursor)
    assert keys(again) == []
    assert "asked for already" in str(again.skip_reason)


def test_a_lost_cursor_asks_with_the_same_key_so_that_dagster_starts_nothing_twice(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    assert keys(look(approvals(), ["tiny"], None)) == keys(look(approvals(), ["tiny"], None))


def test_a_roll_back_to_a_version_that_was_released_before_is_a_release_of_its_own(
    registry: FakeRegistry, approvals: Rules
) -> None:
    cursor: str | None = None
    found: list[str | None] = []
    for wanted in ("1", "2", "previous"):
        if wanted != "previous":
            registry.register()
        approvals().approve(MODEL, wanted, ADA)
        result = look(approvals(), ["tiny"], cursor)
        cursor, found = result.cursor, [*found, *keys(result)]
    assert len(found) == 3
    assert len(set(found)) == 3
    assert str(found[2]).startswith(f"{MODEL}/1 ")


def test_killed_between_two_versions_it_goes_on_with_the_one_that_is_approved_now(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register()
    approvals().approve(MODEL, "1", ADA)
    old = look(approvals(), ["tiny"], None).cursor
    registry.register()
    approvals().approve(MODEL, "2", ADA)
    before = look(approvals(), ["tiny"], old)  # killed here: the cursor was not kept
    after = look(approvals(), ["tiny"], old)
    assert keys(before) == keys(after)
    assert str(keys(after)[0]).startswith(f"{MODEL}/2 ")


@pytest.mark.parametrize("changes", range(4))
def test_killed_while_it_takes_up_an_alias_of_mlflow_it_asks_for_one_release(
    registry: FakeRegistry, approvals: Rules, changes: int
) -> None:
    registry.register()
    registry.aliases["approved"] = 1
    registry.changes_left = changes
    try:
        first = look(approvals(), ["tiny"], None)
    except Killed:
        first = None
    registry.changes_left = None
    second = look(approvals(), ["tiny"], first.cursor if first else None)
    third = look(approvals(), ["tiny"], second.cursor)
    found = [*(keys(first) if first else []), *keys(second), *keys(third)]
    assert len(set(found)) == 1


def test_one_recipe_that_may_not_be_released_does_not_stop_the_others(
    registry: FakeRegistry, approvals: Rules
) -> None:
    registry.register(gates={"golden": False})
    registry.aliases["approved"] = 1
    result = look(approvals(), ["other", "tiny"], msgspec.json.encode({"tiny": "before"}).decode())
    assert keys(result) == []
    assert "did not pass its gates: golden" in str(result.skip_reason)
    assert "other: nothing is approved" in str(result.skip_reason)
    assert msgspec.json.decode(str(result.cursor)) == {"tiny": "before"}
