"""From an approved version to what is served, with a stand-in for BentoML and for the mapper."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.lib.release.approval_log import ApprovalLog
from pipelines.lib.release.approve import Approvals, Approver
from pipelines.lib.release.bento_trial import Trial
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.release_error import ReleaseError
from pipelines.release_settings import ReleaseSettings, Target
from pipelines.settings import Settings
from tests.integration.pipelines.release.conftest import NO_MLFLOW
from tests.unit.pipelines.release.conftest import MODEL, FakeRegistry

pytest.importorskip("mlflow", reason=NO_MLFLOW)

from pipelines import make_deployment

RECIPE = MODEL.removeprefix("llama-mapper-")


class Told:
    """A mapper that writes down what it is told."""

    def __init__(self, active: str | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._active = active

    def active(self) -> str | None:
        return self._active

    def announce(self, url: str) -> None:
        self.calls.append(("announce", url))

    def activate(self, release: str, reason: str) -> None:
        self.calls.append(("activate", release, reason))

    def start_canary(self, release: str, percent: int, reason: str) -> None:
        self.calls.append(("canary", release, percent, reason))


class World:
    """One data root with a registry, rules of approval, and a BentoML that always works."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(data_root=str(root))
        self.registry = FakeRegistry(root / "registry")
        self.approvals = Approvals(self.registry, ApprovalLog(root / "approvals.jsonl"), four_eyes=False)
        self.said: list[str] = []
        monkeypatch.setattr(make_deployment, "open_approvals", lambda *_: self.approvals)
        monkeypatch.setattr(make_deployment, "build_bento", lambda _, folder: f"llm:{folder.name}")
        monkeypatch.setattr(make_deployment, "try_bento", lambda *_: Trial(1.0, 230, 0.001))

    def approve(self) -> None:
        self.registry.register()
        number = len(self.registry.tags)
        folder = self.registry.root / str(number)
        (folder / "origin.json").write_text("{}")
        self.registry.tags[number]["content_sha256"] = content_sha256(folder)
        self.approvals.approve(MODEL, str(number), Approver("Ada", "figures read"))

    def build(self, **settings: Any) -> make_deployment.BuiltBento:
        return make_deployment.make_bento(
            self.settings, ReleaseSettings(**settings), RECIPE, self.said.append
        )

    def deploy(self, mapper: Told | None = None, **settings: Any) -> make_deployment.Deployment:
        return make_deployment.deploy(
            self.settings, ReleaseSettings(**settings), RECIPE, self.said.append, mapper=mapper
        )

    @property
    def home(self) -> Path:
        return Path(self.settings.data_root) / "deployed" / RECIPE


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_approved_release_is_the_one_to_serve_and_the_registry_says_so(world: World) -> None:
    world.approve()
    world.build()
    made = world.deploy()
    pointer = msgspec.json.decode((world.home / "current.json").read_bytes())
    assert (pointer["version"], pointer["bento"]) == ("release1", "llm:release1")
    assert world.registry.tags[1]["bento"] == "llm:release1"
    assert world.registry.tags[1]["deployed_at"]
    assert (made.url, made.told) == (None, False)


def test_nothing_is_built_before_a_person_has_approved(world: World) -> None:
    world.registry.register()
    with pytest.raises(ReleaseError, match=f"no version of {MODEL} is approved"):
        world.build()


def test_a_version_whose_bento_was_not_tried_is_not_deployed(world: World) -> None:
    world.approve()
    with pytest.raises(ReleaseError, match="has no tested Bento"):
        world.deploy()
    assert not (world.home / "current.json").exists()


def test_a_bento_that_fails_its_trial_is_not_noted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Trial:
        raise ReleaseError("a probability is 0.4 off")

    monkeypatch.setattr(make_deployment, "try_bento", fail)
    world.approve()
    with pytest.raises(ReleaseError, match=r"0\.4 off"):
        world.build()
    assert "bento" not in world.registry.tags[1]


def test_it_waits_until_the_new_release_answers_and_then_tells_the_mapper(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def serves(url: str, release: str) -> bool:
        looks.append(url)
        return (url, release) == ("http://b", "release1") and len(looks) > 2

    monkeypatch.setattr(make_deployment, "_serves", serves)
    monkeypatch.setattr(make_deployment, "_LOOK_SECONDS", 0.01)
    world.approve()
    world.build()
    mapper = Told()
    assert world.deploy(mapper, bento_urls="http://a, http://b/").url == "http://b"
    assert mapper.calls == [
        ("announce", "http://b"),
        ("activate", "release1", f"{MODEL}/1 approved by Ada"),
    ]


def test_a_release_that_nobody_serves_is_not_told_to_the_mapper(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_deployment, "_serves", lambda *_: False)
    monkeypatch.setattr(make_deployment, "_LOOK_SECONDS", 0.01)
    world.approve()
    world.build()
    mapper = Told()
    with pytest.raises(ReleaseError, match="nobody serves release1"):
        world.deploy(mapper, bento_urls="http://a", serving_seconds=1)
    assert mapper.calls == []
    assert "deployed_at" not in world.registry.tags[1]


def test_a_first_release_is_no_canary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_deployment, "_serves", lambda *_: True)
    world.approve()
    world.build()
    mapper = Told(active=None)
    world.deploy(mapper, bento_urls="http://a", canary_percent=10)
    assert [call[0] for call in mapper.calls] == ["announce", "activate"]


def test_on_kubernetes_a_manifest_is_written_and_the_one_before_stays(world: World) -> None:
    mapper = Told(active="release0")
    for _ in range(3):
        world.approve()
        world.build(target=Target.KUBERNETES)
        made = world.deploy(mapper, target=Target.KUBERNETES, canary_percent=10)
    assert made.url == "http://llm-release3.llama-mapper.svc:3000"
    names = sorted(path.name for path in (world.home / "manifests").iterdir())
    assert names == ["release2.yaml", "release3.yaml"]
    assert not (world.home / "current.json").exists()
    assert mapper.calls[-1] == ("canary", "release3", 10, f"{MODEL}/3 approved by Ada")


def test_a_mapper_without_a_token_for_it_is_a_fault_of_the_settings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIPELINES_MAPPER_TOKEN", raising=False)
    monkeypatch.setattr(make_deployment, "_serves", lambda *_: True)
    world.approve()
    world.build()
    with pytest.raises(ReleaseError, match="PIPELINES_MAPPER_TOKEN is not"):
        world.deploy(bento_urls="http://a", mapper_url="http://mapper")
