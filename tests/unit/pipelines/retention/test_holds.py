from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from pipelines.lib.retention.holds import Hold, held
from pipelines.lib.retention.kinds import DataKind, load_kinds

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
JANUARY = Hold(UUID(int=1), None, START, END)
KINDS = {kind.name: kind for kinds in load_kinds().values() for kind in kinds}


def said(kind: DataKind, *holds: Hold, removed: Collection[str] = ()) -> tuple[str, list[object]]:
    condition, values = held(kind, holds, removed)
    return condition.as_string(), values


def test_an_incident_is_held_when_any_of_its_time_is_in_the_period() -> None:
    condition, values = said(KINDS["incidents"], JANUARY)
    assert condition == """((true and "last_at" >= %s and coalesce("opened_at", '-infinity') < %s))"""
    assert values == [START, END]


@pytest.mark.parametrize("name", ["reports", "quality", "review", "keys"])
def test_what_began_nobody_knows_when_is_held_though_it_was_last_touched_after_the_period(name: str) -> None:
    condition, values = said(KINDS[name], JANUARY)
    assert condition == f'((true and "{KINDS[name].at}" >= %s))'
    assert values == [START]


def test_a_hold_without_ends_holds_everything() -> None:
    assert said(KINDS["incidents"], replace(JANUARY, covers_from=None, covers_to=None)) == ("((true))", [])


def test_what_goes_with_an_analysis_keeps_it_where_it_is_on_hold_itself() -> None:
    evidence = KINDS["evidence"]
    chat = replace(JANUARY, application="chat")
    deleted, _ = said(evidence, chat, removed=evidence.children)
    erased, values = said(evidence, chat, removed={**evidence.children, **evidence.erased_with})
    incident = (
        'exists (select from "analysis"."incident_evidence" as link join "analysis"."incidents" as other'
        ' on other.tenant_id = link.tenant_id and other."id" = link."incident_id"'
        ' where link.tenant_id = "analysis"."analyses"."tenant_id"'
        ' and link."analysis_id" = "analysis"."analyses"."id" and ((true'
        ' and ("other"."application" is null or "other"."application" = %s)'
    )
    of_its_application = '("analysis"."analyses"."application" is null or'
    assert incident in deleted
    assert incident in erased
    assert "feedback" not in deleted, "it stays when an analysis goes at its term"
    assert of_its_application in erased.partition('"analysis"."feedback" as link')[2]
    assert values == ["chat", START, END] * 3
    assert erased.count("%s") == len(values)
