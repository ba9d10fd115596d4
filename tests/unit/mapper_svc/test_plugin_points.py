"""Installed plugins are found and used, and an unusable one is told and harms no other."""

import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mapper_svc.adapters.plugin_host import PluginHost
from mapper_svc.adapters.plugin_points import installed_plugins, load_points
from mapper_svc.domain.ask_mappers import ask_mappers
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload
from tests.unit.mapper_svc.conftest import NOW
from tests.unit.mapper_svc.plugin_doubles import Calls, Reader, boom, labels

LIMIT_S = 2.0


@pytest.fixture
def calls() -> Calls:
    return Calls()


GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "plugins.md"


@pytest.fixture
def another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The distribution of the guide, installed as pip would leave it."""
    own_part = GUIDE.read_text().partition("## Plugins of the analysis")[0]
    blocks = dict(re.findall(r"```(python|toml)\n(.*?)```", own_part, re.DOTALL))
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
