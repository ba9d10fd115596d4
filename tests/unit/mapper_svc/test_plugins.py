"""Plugins have their say before and after the tiers, and do no harm when they fail, hang or lie."""

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from mapper_svc.adapters.plugin_host import PluginHost
from mapper_svc.adapters.plugin_points import InstalledPlugin
from mapper_svc.domain.ask_mappers import ask_mappers
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.plugins import (
    Action,
    MappedLabel,
    MappedOutput,
    Remark,
    SeenOutput,
)
from tests.unit.mapper_svc.conftest import NOW
from tests.unit.mapper_svc.plugin_doubles import Calls, Checker, Reader, boom, labels, leave

LIMIT_S = 2.0


@pytest.fixture
def calls() -> Calls:
    return Calls()


Mapping_ = Callable[..., Any]


@pytest.fixture
def map_with(catalogue: Catalogue, calls: Calls) -> Mapping_:
    """Map an output of the detector `acme_scan`, or another, with plugins."""

    async def run(
        output: object, *plugins: Reader | Checker, detector: str = "acme_scan", limit_s: float = LIMIT_S
    ) -> MapResult:
        host = PluginHost(
            [
                InstalledPlugin("mapper" if isinstance(one, Reader) else "validator", one.name, "", one)
                for one in plugins
            ],
            catalogue,
            calls,
            limit_s=limit_s,
        )
        (payload,) = await ask_mappers([MapperPayload(detector, output)], host)
        (result,) = await host.check([map_payload(payload, catalogue=catalogue, now=NOW)])
        return result

    return run


async def test_mapper_names_labels_of_an_output_that_nobody_else_reads(map_with: Mapping_) -> None:
    result = await map_with(
        {"verdict": 7},
        Reader(
            lambda _: MappedOutput(
                (
                    MappedLabel("V7", "PII.Contact.Email", 0.8, 0.7, note="why"),
                    MappedLabel("V7", "PII.Contact.Email", 0.9, 0.7),
                )
            )
        ),
    )
    (finding,) = result.findings
    assert finding.taxonomy == ("PII.Contact.Email",)
    assert (finding.scores["PII.Contact.Email"], finding.confidence, finding.occurrences) == (0.9, 0.7, 2)
    assert (finding.tier, finding.raw.label, finding.notes) == ("rule", "V7", "Because.")


async def test_raw_labels_of_a_mapper_go_the_way_of_all_raw_labels(map_with: Mapping_) -> None:
    read = Reader(lambda _: MappedOutput((MappedLabel("PII.SSN"), MappedLabel("odd-thing", score=0.4))))
    result = await map_with({}, read)
    assert labels(result) == ["PII.GovernmentId.SSN", "OTHER.Unknown"]
    assert [one.raw for one in result.unmapped] == ["odd-thing"]


async def test_raw_labels_of_a_mapper_are_scrubbed(map_with: Mapping_) -> None:
    read = Reader(lambda _: MappedOutput((MappedLabel("mail of eve@example.com", "PII.Contact.Email"),)))
    (finding,) = (await map_with({}, read)).findings
    assert finding.raw.label == "mail of [email]"


async def test_mapper_sees_only_outputs_of_its_detectors(map_with: Mapping_, calls: Calls) -> None:
    def refuse(seen: SeenOutput) -> MappedOutput:
        raise AssertionError(seen.detector)

    result = await map_with("harassment", Reader(refuse), detector="openai_moderation")
    assert labels(result) == ["HARM.SPEECH.Harassment"]
    assert calls.seen == []


async def test_output_that_is_none_of_the_mappers_business_is_read_by_the_tiers(map_with: Mapping_) -> None:
    result = await map_with("PII.SSN", Reader(lambda _: None), detector="Acme-Scan")
    assert labels(result) == ["PII.GovernmentId.SSN"]


async def test_mapper_has_to_say_that_nothing_was_found(map_with: Mapping_) -> None:
    assert labels(await map_with({}, Reader(lambda _: MappedOutput(nothing_found=True)))) == ["OTHER.Safe"]
    assert labels(await map_with({}, Reader(lambda _: MappedOutput()))) == ["OTHER.ModelError"]
    unread = MappedOutput(nothing_found=True, unread="why")
    assert labels(await map_with({}, Reader(lambda _: unread))) == ["OTHER.ModelError"]


BAD_READINGS: dict[str, Callable[[Any], object]] = {
    "raises": boom,
    "exits": leave,
    "answers something else": lambda _: {"labels": []},
    "names a label that is not": lambda _: MappedOutput((MappedLabel("x", "PII.Nothing"),)),
    "calls it safe by name": lambda _: MappedOutput((MappedLabel("x", "OTHER.Safe"),)),
    "scores above one": lambda _: MappedOutput((MappedLabel("x", "PII.Other", score=7),)),
    "scores not a number": lambda _: MappedOutput((MappedLabel("x", "PII.Other", score=float("nan")),)),
    "names nothing": lambda _: MappedOutput((MappedLabel(" "),)),
    "notes in its own words": lambda _: MappedOutput((MappedLabel("x", note="found in: my secret"),)),
    "spans backwards": lambda _: MappedOutput((MappedLabel("x", start=-1),)),
}


@pytest.mark.parametrize("read", BAD_READINGS.values(), ids=BAD_READINGS)
async def test_failing_mapper_never_makes_an_output_clean(
    map_with: Mapping_, calls: Calls, read: Callable[[Any], object]
) -> None:
    result = await map_with([{"label": "PII.SSN", "score": 0.9}], Reader(read))
    assert labels(result) == ["PII.GovernmentId.SSN", "OTHER.ModelError"]
    assert "reader" in result.findings[1].notes
    assert "secret" not in repr(result)
    assert [outcome for _, outcome in calls.seen] in (["failed"], ["bad_answer"])


async def test_slow_mapper_is_given_up_and_the_answer_goes_on(map_with: Mapping_, calls: Calls) -> None:
    gate = threading.Event()
    started = time.monotonic()
    result = await map_with("PII.SSN", Reader(lambda _: gate.wait(30) and None), limit_s=0.05)
    assert time.monotonic() - started < 5
    gate.set()
    assert labels(result) == ["PII.GovernmentId.SSN", "OTHER.ModelError"]
    assert calls.seen == [("reader", "timeout")]


def remark(action: Action) -> Checker:
    return Checker(lambda seen: [Remark(index, action, "why") for index in range(len(seen))])


async def test_veto_takes_the_label_back_and_keeps_the_risk(map_with: Mapping_) -> None:
    result = await map_with(
        [{"label": "PII.SSN", "score": 0.9}], remark(Action.VETO), detector="openai_moderation"
    )
    (finding,) = result.findings
    assert finding.taxonomy == ("OTHER.Unknown",)
    assert (finding.scores["OTHER.Unknown"], finding.confidence, finding.tier) == (0.9, 0.0, "fallback")
    assert finding.notes.endswith("Because.")
    assert result.fallback_used
    (kept,) = result.unmapped
    assert kept.guesses == ("PII.GovernmentId.SSN",)


async def test_review_keeps_the_label_and_asks_a_person(map_with: Mapping_) -> None:
    result = await map_with("PII.SSN", remark(Action.REVIEW))
    assert labels(result) == ["PII.GovernmentId.SSN"]
    assert [one.guesses for one in result.unmapped] == [("PII.GovernmentId.SSN",)]
    assert not result.fallback_used


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.ANNOTATE, "OTHER.Safe"),
        (Action.REVIEW, "OTHER.NeedsReview"),
        (Action.VETO, "OTHER.Unknown"),
    ],
)
async def test_doubted_clean_answer_is_no_longer_clean(
    map_with: Mapping_, action: Action, expected: str
) -> None:
    result = await map_with([], remark(action), detector="detect_secrets")
    assert labels(result) == [expected]
    assert (result.findings[0].scores[expected] > 0) == (expected != "OTHER.Safe")


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("output", [None, "unheard-of", [{"label": "PII.SSN", "score": 0.9}], []])
async def test_nothing_a_validator_does_lowers_a_risk_or_makes_it_safe(
    map_with: Mapping_, action: Action, output: object
) -> None:
    before = await map_with(output)
    after = await map_with(output, remark(action))
    for was, now in zip(before.findings, after.findings, strict=True):
        assert max(now.scores.values()) >= max(was.scores.values())
        assert now.taxonomy != ("OTHER.Safe",) or was.taxonomy == ("OTHER.Safe",)
        assert now.taxonomy == was.taxonomy or was.taxonomy != ("OTHER.ModelError",)


BAD_REMARKS: dict[str, Callable[[Any], object]] = {
    "raises": boom,
    "exits": leave,
    "answers nothing": lambda _: None,
    "means no finding": lambda _: [Remark(99, Action.VETO, "why")],
    "means one from behind": lambda _: [Remark(-1, Action.VETO, "why")],
    "does something else": lambda _: [Remark(0, cast("Action", "make_safe"), "why")],
    "speaks for itself": lambda _: [Remark(0, Action.ANNOTATE, "my own words")],
}


@pytest.mark.parametrize("check", BAD_REMARKS.values(), ids=BAD_REMARKS)
async def test_failing_validator_is_said_and_changes_nothing_else(
    map_with: Mapping_, calls: Calls, check: Callable[[Any], object]
) -> None:
    result = await map_with("PII.SSN", Checker(check))
    assert labels(result) == ["PII.GovernmentId.SSN"]
    assert result.findings[0].notes == "Not checked by checker, which failed."
    assert calls.seen[0][1] in {"failed", "bad_answer"}


async def test_other_plugins_work_on_beside_one_that_fails(map_with: Mapping_) -> None:
    good = remark(Action.REVIEW)
    result = await map_with("PII.SSN", Checker(boom), good)
    assert result.findings[0].notes == "Because. Not checked by checker, which failed."
