import re
import subprocess
import sys
import types
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestration_svc.adapters.plugins import (
    GROUP,
    BrokenPlugin,
    LoadedPlugin,
    load_entry_points,
    load_plugins,
)
from orchestration_svc.domain.detector_breaker import BreakerRule

ROOT = Path(__file__).parents[4]
DATA = ROOT / "tests" / "data"


@pytest.fixture
def _example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DATA / "example_detector"))


@pytest.fixture
def _faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DATA / "faulty_detectors"))


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


def test_the_detectors_of_this_package_are_found_with_their_libraries_versions() -> None:
    found = {item.plugin.name: item.plugin for item in load_plugins() if isinstance(item, LoadedPlugin)}
    assert {"presidio_analyzer", "detect_secrets", "prompt_guardrail", "alt_profanity_check"} <= found.keys()
    assert all(re.match(r"\d+\.\d+", plugin.version) for plugin in found.values())


def test_finding_them_imports_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from orchestration_svc.adapters.detector_fleet import build_fleet; build_fleet();"
        "heavy = {'spacy', 'presidio_analyzer', 'sklearn', 'numpy', 'detect_secrets', 'joblib'};"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("_example")
def test_a_plugin_of_another_package_is_found_by_its_entry_point() -> None:
    (found,) = (
        p for p in load_plugins() if isinstance(p, LoadedPlugin) and p.plugin.name == "classified_words"
    )
    assert (found.plugin.version, found.entry_point) == ("1.0.0", "example_detector:ClassifiedDetector")


def test_a_disabled_plugin_is_not_even_imported() -> None:
    assert "detect_secrets" not in {
        item.plugin.name if isinstance(item, LoadedPlugin) else item.name
        for item in load_plugins(disabled={"detect_secrets"})
    }


@pytest.mark.usefixtures("_faulty")
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:Detector", "ModuleNotFoundError"),
        ("faulty_detectors:no_such_attribute", "AttributeError"),
        ("faulty_detectors:NoDetector", "neither a process nor a remote detector"),
        ("faulty_detectors:Obedient", "calls itself 'obedient'"),
        ("sys:exit", "SystemExit"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_reported_with_its_reason(value: str, why: str) -> None:
    (found,) = load_entry_points([point("broken", value)])
    assert isinstance(found, BrokenPlugin)
    assert why in found.why


@pytest.mark.usefixtures("_faulty")
def test_a_broken_plugin_harms_no_other() -> None:
    found = load_entry_points(
        [point("broken", "no_such_module:X"), point("obedient", "faulty_detectors:Obedient")]
    )
    assert [type(item) for item in found] == [BrokenPlugin, LoadedPlugin]


@pytest.mark.usefixtures("_faulty")
def test_no_package_can_quietly_stand_in_for_anothers_detector() -> None:
    (found,) = load_entry_points(
        [point("obedient", "faulty_detectors:Obedient"), point("obedient", "faulty_detectors:NotLoading")]
    )
    assert isinstance(found, BrokenPlugin)
    assert "several" in found.why


def made_with(**held: object) -> str:
    class Configured:
        name = "configured"
        vendor = "acme"
        version = "1"
        content_types = frozenset({"text/plain"})
        timeout_ms = 100

        def __init__(self) -> None:
            self.__dict__.update(held)

        def load(self) -> None: ...

        def detect(self, text: str) -> None: ...

    plugins = types.ModuleType("configured_plugins")
    plugins.Configured = Configured  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, plugins.__name__, plugins)
        (found,) = load_entry_points([point("configured", "configured_plugins:Configured")])
    assert isinstance(found, LoadedPlugin), found
    return found.revision


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"threshold": 0.5}, {"threshold": 0.6}),
        ({"url": "https://a.example"}, {"url": "https://b.example"}),
        ({"_words": ["a", "b"]}, {"_words": ["b", "a"]}),
        ({"rules": {"a": {"b": 1}}}, {"rules": {"a": {"b": 2}}}),
        ({"token": b"1"}, {"token": b"2"}),
        ({"client": None}, {"client": object()}),
        ({"model": Path("a")}, {"model": Path("b")}),
        ({"limits": BreakerRule(failures=1)}, {"limits": BreakerRule(failures=2)}),
        ({"revision": "1"}, {"revision": "2"}),
        ({"flag": 1}, {"flag": "1"}),
    ],
)
def test_plugin_that_is_configured_anew_has_another_revision(
    before: dict[str, object], after: dict[str, object]
) -> None:
    assert made_with(**before) == made_with(**before)
    assert made_with(**before) != made_with(**after)


@dataclass
class Engine:
    """A part that gets its weights when the plugin is loaded."""

    name: str
    weights: bytes = field(init=False)


def test_what_a_plugin_holds_never_breaks_it() -> None:
    around: list[object] = []
    around += [[around], {"itself": around}] * 50
    assert made_with(engine=Engine("a"), around=around) == made_with(engine=Engine("a"), around=around)
    assert made_with(engine=Engine("a"), around=around) != made_with(engine=Engine("b"), around=around)


def test_revision_is_the_same_wherever_the_configuration_is() -> None:
    assert made_with(words={"b", "a"}, rules={"a": 1, "b": 2}, client=object()) == made_with(
        words={"a", "b"}, rules={"b": 2, "a": 1}, client=object()
    )
    loop: list[object] = []
    loop.append(loop)
    assert made_with(loop=loop)


def test_revision_of_the_same_plugins_is_the_same_in_another_process() -> None:
    code = (
        "from orchestration_svc.adapters.detector_fleet import build_fleet;"
        "print([one.info.revision for one in build_fleet().all()])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert "''" not in runs[0]


def test_the_guide_shows_the_example_as_it_is() -> None:
    guide = (ROOT / "docs" / "guides" / "adding-a-detector.md").read_text(encoding="utf-8")
    source = (DATA / "example_detector" / "example_detector" / "__init__.py").read_text(encoding="utf-8")
    assert source in guide
