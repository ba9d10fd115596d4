"""From an approved version to a tested Bento and a served release, for the command line and for Dagster."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.lib.release.approve import Approvals
from pipelines.lib.release.bento_build import CHECKOUT, BentoTools, build_bento
from pipelines.lib.release.bento_trial import Trial, try_bento
from pipelines.lib.release.deployed import Current, deployed_folder, fetch_release, point_at
from pipelines.lib.release.kubernetes_manifest import Served, kubernetes_manifest, service_url
from pipelines.lib.release.mapper_models import MapperModels, MapperModelsOverHttp
from pipelines.lib.release.model_server import ModelServer
from pipelines.lib.release.recipe_lock import alone_with
from pipelines.lib.release.registered_version import Alias, RegisteredVersion, Tag, model_of
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.open_approvals import open_approvals
from pipelines.release_settings import ReleaseSettings, Target
from pipelines.settings import Settings

MANIFESTS = "manifests"
"""Folder of the manifests below what is deployed of a recipe, one file for each release."""
_LOOK_SECONDS = 1.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuiltBento:
    """A Bento that was built and tried.

    Attributes:
        version: the version that it serves.
        tag: tag of the Bento.
        trial: what it did.
    """

    version: RegisteredVersion
    tag: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class Deployment:
    """A release that was deployed.

    Attributes:
        version: the version.
        current: what was written for whoever serves it; None on Kubernetes.
        manifest: the manifest that was written; None on one machine.
        url: base URL at which it answers, as far as that is known.
        told: whether the mapper was told.
    """

    version: RegisteredVersion
    current: Current | None
    manifest: Path | None
    url: str | None
    told: bool


def make_bento(settings: Settings, release_settings: ReleaseSettings, recipe: str, say: Say) -> BuiltBento:
    """Builds the Bento of the approved version of a recipe, tries it, and notes it in the registry.

    Raises:
        ReleaseError: nothing is approved, or the Bento does not serve what was approved.
    """
    with alone_with(recipe, Path(settings.data_root)):
        return _make_bento(settings, release_settings, recipe, say)


def _make_bento(settings: Settings, release_settings: ReleaseSettings, recipe: str, say: Say) -> BuiltBento:
    root = Path(settings.data_root)
    approvals = open_approvals(settings, release_settings)
    version = _in_use(approvals, recipe)
    release = version.tag(Tag.RELEASE)
    folder = fetch_release(approvals.registry, version, root)
    python = Path(release_settings.model_python)
    tools = BentoTools(python if python.is_absolute() else CHECKOUT / python, root / "bentoml", root)
    say(f"building the Bento of {version.name}, release {release}")
    tag = build_bento(tools, folder)
    say(f"trying {tag}")
    trial = try_bento(tools, tag, folder, release, release_settings.trial_seconds)
    say(
        f"ready after {trial.seconds_to_ready:.1f} s; {trial.asked} labels answered, "
        f"at most {trial.furthest_off:.4f} off the release's own answers"
    )
    tested = datetime.now(UTC).isoformat(timespec="seconds")
    approvals.registry.set_tags(version, {Tag.BENTO: tag, Tag.BENTO_TESTED_AT: tested})
    return BuiltBento(version, tag, trial)


def deploy(
    settings: Settings,
    release_settings: ReleaseSettings,
    recipe: str,
    say: Say,
    *,
    mapper: MapperModels | None = None,
) -> Deployment:
    """Has the approved version of a recipe served, and tells the mapper.

    Args:
        settings: where things are.
        release_settings: how it is deployed.
        recipe: name of the recipe.
        say: is told each step.
        mapper: whom to tell; by default the mapper of the settings, if they name one.

    Raises:
        ReleaseError: its Bento was not tested, it is not served in time, or the mapper does not take it.
    """
    with alone_with(recipe, Path(settings.data_root)):
        return _deploy(settings, release_settings, recipe, say, mapper)


def _deploy(
    settings: Settings, release_settings: ReleaseSettings, recipe: str, say: Say, mapper: MapperModels | None
) -> Deployment:
    root = Path(settings.data_root)
    approvals = open_approvals(settings, release_settings)
    version = _in_use(approvals, recipe)
    if not version.tag(Tag.BENTO):
        raise ReleaseError(f"{version.name} has no tested Bento: build it first")
    release = version.tag(Tag.RELEASE)
    current: Current | None = None
    manifest: Path | None = None
    url: str | None
    if release_settings.target is Target.KUBERNETES:
        manifest, url = _write_manifest(approvals, version, release_settings, root)
        say(f"written {manifest}; whoever keeps the cluster applies it")
    else:
        fetch_release(approvals.registry, version, root)
        current = point_at(version, root)
        say(f"release {release} is the one to serve")
        url = _until_served(release, release_settings, say)
    teller = mapper or _mapper(release_settings)
    told = teller is not None and url is not None
    if teller is not None and url is not None:
        _tell(teller, version, url, release_settings.canary_percent)
        say("the mapper knows")
    deployed = datetime.now(UTC).isoformat(timespec="seconds")
    approvals.registry.set_tags(version, {Tag.DEPLOYED_AT: deployed})
    return Deployment(version, current, manifest, url, told)


def _tell(mapper: MapperModels, version: RegisteredVersion, url: str, canary_percent: int) -> None:
    release = version.tag(Tag.RELEASE)
    reason = f"{version.name} approved by {version.tag(Tag.APPROVED_BY)}"
    mapper.announce(url)
    # The first release has nobody to be compared with; one that serves everybody needs no trial.
    if canary_percent and mapper.active() not in {None, release}:
        mapper.start_canary(release, canary_percent, reason)
    else:
        mapper.activate(release, reason)


def _in_use(approvals: Approvals, recipe: str) -> RegisteredVersion:
    found = approvals.in_use(model_of(recipe))
    if found is None:
        raise ReleaseError(
            f"no version of {model_of(recipe)} is approved: python -m pipelines approve VERSION"
        )
    return found[0]


def _write_manifest(
    approvals: Approvals, version: RegisteredVersion, release_settings: ReleaseSettings, data_root: Path
) -> tuple[Path, str]:
    served = Served(
        recipe=version.recipe,
        release=version.tag(Tag.RELEASE),
        bento=version.tag(Tag.BENTO),
        image=release_settings.image,
        namespace=release_settings.namespace,
    )
    folder = deployed_folder(data_root, version.recipe) / MANIFESTS
    path = folder / f"{served.release}.yaml"
    write_atomically(path, kubernetes_manifest(served).encode())
    # The one before stays until the next is approved: the mapper may send tenants to both, or go back.
    before = approvals.registry.holder(version.model, Alias.PREVIOUS)
    kept = {path.name, f"{before.tag(Tag.RELEASE)}.yaml" if before else path.name}
    for other in folder.glob("*.yaml"):
        if other.name not in kept:
            other.unlink()
    return path, service_url(served)


def _until_served(release: str, release_settings: ReleaseSettings, say: Say) -> str | None:
    urls = [url.strip().rstrip("/") for url in release_settings.bento_urls.split(",") if url.strip()]
    if not urls:
        say("PIPELINES_BENTO_URLS names no server: nobody is waited for")
        return None
    say(f"waiting until one of {', '.join(urls)} answers with it")
    deadline = time.monotonic() + release_settings.serving_seconds
    while time.monotonic() < deadline:
        for url in urls:
            if _serves(url, release):
                say(f"{url} answers with it")
                return url
        time.sleep(_LOOK_SECONDS)
    raise ReleaseError(
        f"after {release_settings.serving_seconds} s nobody serves {release}: is the stack up?"
    )


def _serves(url: str, release: str) -> bool:
    with ModelServer(url, os.environ.get("LLM_SERVICE_TOKEN", "")) as server:
        if not server.is_ready():
            return False
        try:
            return server.release() == release
        except ReleaseError:
            return False  # it went away, or is of another token: as good as not there


def _mapper(release_settings: ReleaseSettings) -> MapperModels | None:
    if not release_settings.mapper_url:
        return None
    token = os.environ.get("PIPELINES_MAPPER_TOKEN", "")
    if not token:
        raise ReleaseError("PIPELINES_MAPPER_URL is set and PIPELINES_MAPPER_TOKEN is not")
    return MapperModelsOverHttp(release_settings.mapper_url, token)
