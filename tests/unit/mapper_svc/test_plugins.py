"""Plugins have their say before and after the tiers, and do no harm when they fail, hang or lie."""

import asyncio
import re
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import pytest

from mapper_svc.adapters.isolated_call import IsolatedCalls, PluginCallError, PluginFault
from mapper_svc.adapters.plugin_host import PluginHost
from mapper_svc.adapters.plugin_points import InstalledPlugin, installed_plugins, load_points
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
    SeenFinding,
    SeenOutput,
)
from tests.unit.mapper_svc.conftest import NOW

LIMIT_S = 2.0


class Reader:
    """A mapper that does what the test says."""

    name = "reader"
    detectors: Collection[str] = ("acme_scan",)
    notes: Mapping[str, str] = {"why": "Because."}

    def __init__(self, read: Callable[[SeenOutput], object]) -> None:
        self._read = read

    def read(self, seen: SeenOutput) -> MappedOutput | None:
        return cast("MappedOutput | None", self._read(seen))


class Checker:
    """A validator that does what the test says."""

    name = "checker"
    notes: Mapping[str, str] = {"why": "Because."}

    def __init__(self, check: Callable[[Sequence[SeenFinding]], object]) -> None:
        self._check = check

    def check(self, findings: Sequence[SeenFinding]) -> Sequence[Remark]:
        return cast("Sequence[Remark]", self._check(findings))


class Calls:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def plugin_call(self, plugin: str, outcome: str) -> None:
        self.seen.append((plugin, outcome))


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


def labels(result: MapResult) -> list[str]:
    return [finding.taxonomy[0] for finding in result.findings]


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


def boom(_: object) -> object:
    raise ValueError("secret of a customer")


def leave(_: object) -> object:
    sys.exit(3)


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


async def test_plugin_that_fails_time_and_again_is_left_alone_for_a_while() -> None:
    now = 0.0
    calls = IsolatedCalls("flaky", limit_s=LIMIT_S, clock=lambda: now)
    asked = 0

    def work() -> None:
        nonlocal asked
        asked += 1
        raise ValueError

    faults: list[PluginFault] = []
    for _ in range(8):
        with pytest.raises(PluginCallError) as caught:
            await calls(work)
        faults.append(caught.value.fault)
    assert asked == 5
    assert faults == [PluginFault.FAILED] * 5 + [PluginFault.SUSPENDED] * 3
    now = 31.0
    assert await calls(lambda: 7) == 7


async def test_plugin_that_hangs_costs_three_threads_at_most_and_comes_back() -> None:
    calls = IsolatedCalls("hanging", limit_s=0.02)
    gate = threading.Event()
    faults: list[PluginFault] = []
    for _ in range(10):
        with pytest.raises(PluginCallError) as caught:
            await calls(lambda: gate.wait(30))
        faults.append(caught.value.fault)
    hanging = [thread for thread in threading.enumerate() if thread.name == "plugin-hanging"]
    assert len(hanging) == 3
    assert faults == [PluginFault.TIMEOUT] * 3 + [PluginFault.SUSPENDED] * 7
    gate.set()
    for thread in hanging:
        thread.join(5)
    assert not calls.suspended


async def test_calls_at_once_wait_for_each_other_and_all_are_answered() -> None:
    calls = IsolatedCalls("busy", limit_s=LIMIT_S)
    assert await asyncio.gather(*(calls(partial(pow, n, 2)) for n in range(20))) == [n * n for n in range(20)]


async def test_call_behind_one_that_hangs_is_answered_by_another_thread() -> None:
    calls = IsolatedCalls("mixed", limit_s=0.3)
    gate = threading.Event()
    hangs = asyncio.create_task(calls(lambda: gate.wait(30)))
    await asyncio.sleep(0.2)
    behind = asyncio.create_task(calls(lambda: "answered"))
    with pytest.raises(PluginCallError):
        await hangs
    assert await behind == "answered"
    gate.set()


GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "plugins.md"


@pytest.fixture
def another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The distribution of the guide, installed as pip would leave it."""
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", GUIDE.read_text(), re.DOTALL))
    project = tomllib.loads(blocks["toml"])["project"]
    ((group, points),) = project["entry-points"].items()
    (tmp_path / "ticket_mapper.py").write_text(blocks["python"])
    info = tmp_path / f"ticket_mapper-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("ticket_mapper", None)


@pytest.mark.usefixtures("another_package")
async def test_plugin_of_the_guide_is_found_and_used(catalogue: Catalogue, calls: Calls) -> None:
    installed = installed_plugins()
    (found,) = [one for one in installed if one.name == "tickets"]
    assert found.distribution == "ticket-mapper 1.2"
    host = PluginHost(installed, catalogue, calls, limit_s=LIMIT_S)
    outputs: list[object] = [
        {"tickets": [{"kind": "fax no"}, {"kind": "door code"}, {"kind": "Unheard-of"}]},
        {"tickets": []},
        {"tickets": [{"kind": "fax no"}, {}]},
        "fax no",
    ]
    payloads = await ask_mappers([MapperPayload("ticket-scanner", output) for output in outputs], host)
    results = [map_payload(payload, catalogue=catalogue, now=NOW) for payload in payloads]
    assert [sorted(labels(result)) for result in results] == [
        ["OTHER.Unknown", "PII.Contact.Phone", "SECRET.Password"],
        ["OTHER.Safe"],
        ["OTHER.ModelError", "PII.Contact.Phone"],
        ["OTHER.Unknown"],
    ]
    assert results[2].findings[1].notes == "Not read: a ticket names no kind."
    assert calls.seen == [("tickets", "ok")]
    state = next(one for one in host.states() if one.name == "tickets")
    assert (state.status, state.detectors) == ("active", ("ticket_scanner",))


@pytest.mark.usefixtures("another_package")
def test_switched_off_plugin_is_told_and_not_imported() -> None:
    (found,) = [one for one in installed_plugins(disabled={"tickets"}) if one.name == "tickets"]
    assert (found.plugin, found.why) == (None, "switched off by setting")
    assert "ticket_mapper" not in sys.modules


def test_shipped_plugins_are_installed_and_usable() -> None:
    usable = {(one.kind, one.name) for one in installed_plugins() if one.plugin is not None}
    assert usable >= {("mapper", "sarif"), ("validator", "vendor_pillars")}


class WrongName(Reader):
    name = "other"


class LongNotes(Reader):
    name = "x"
    notes: Mapping[str, str] = {"long": "x" * 500}


class OneDetector(Reader):
    name = "x"
    detectors: Collection[str] = "acme"


def never() -> object:
    raise RuntimeError("token=abc")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("never", "cannot be made: RuntimeError"),
        ("Nowhere", "cannot be made: AttributeError"),
        ("dict", "cannot be made: AttributeError"),
        ("wrong_name", "another name"),
        ("long_notes", "sentences"),
        ("one_detector", "list of names"),
        ("no_plugin", "no mapper"),
    ],
)
def test_unusable_plugin_is_told_with_the_reason_and_harms_no_other(
    target: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("plugins_under_test")
    for name, made in {
        "never": never,
        "wrong_name": lambda: WrongName(boom),
        "long_notes": lambda: LongNotes(boom),
        "one_detector": lambda: OneDetector(boom),
        "no_plugin": dict,
        "good": lambda: Reader(boom),
    }.items():
        setattr(module, name, made)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    points = [
        EntryPoint("x", f"plugins_under_test:{target}", "mapper_svc.mappers"),
        EntryPoint("reader", "plugins_under_test:good", "mapper_svc.mappers"),
    ]
    reader, bad = load_points("mapper", points)
    assert reader.plugin is not None
    assert bad.plugin is None
    assert why in bad.why
    assert "token" not in bad.why


def test_name_that_two_packages_claim_is_nobodys() -> None:
    points = [EntryPoint("x", f"package_{number}:Plugin", "mapper_svc.mappers") for number in (1, 2)]
    (found,) = load_points("mapper", points)
    assert (found.plugin, found.why) == (None, "several installed packages provide it")
