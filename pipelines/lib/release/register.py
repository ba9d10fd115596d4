"""From an evaluated release folder to a version in the registry that waits for a person."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.lib.build_dataset import Manifest
from pipelines.lib.dataset_folder import NAME, DatasetFaultError, read_manifest
from pipelines.lib.mlflow_store import person_at_work
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.expected_answers import write_expected_answers
from pipelines.lib.release.gates import EVALUATION, read_gates
from pipelines.lib.release.golden_labels import golden_labels
from pipelines.lib.release.mlflow_registry import MlflowRegistry
from pipelines.lib.release.model_card import FILE as MODEL_CARD
from pipelines.lib.release.model_card import model_card
from pipelines.lib.release.registered_version import Alias, RegisteredVersion, Tag, model_of
from pipelines.lib.release.release_error import GateError
from pipelines.lib.release.save_model import save_model
from pipelines.lib.release.trial_load import try_to_load
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.embedder import load_embedder
from pipelines.lib.scoring.release_id import release_id
from pipelines.lib.scoring.score import ORIGIN, Origin, load_scorer

_GOLDEN = 140
"""Labels of the golden set whose answers are kept; with those of the edition they are one or two requests."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of a registration.

    Attributes:
        version: the version.
        is_new: False when just this release with just this evaluation was registered before.
        card: its model card.
    """

    version: RegisteredVersion
    is_new: bool
    card: str


def register(
    registry: MlflowRegistry, trained: Path, data_root: Path, say: Callable[[str], None]
) -> Registered:
    """Registers an evaluated folder as a version, and makes it the candidate.

    The version appears whole or not at all; killed anywhere and called again, it ends as if it had not been.

    Args:
        registry: where to.
        trained: what training and evaluation wrote.
        data_root: folder of base models and data sets.
        say: is told each step.

    Raises:
        GateError: a gate failed, or the folder was not evaluated.
        ReleaseError: the evaluation is of another training, or the model does not load alone.
        ModelInputError: the parts of the folder do not belong together.
    """
    failed = [gate.name for gate in read_gates(trained) if not gate.passed]
    if failed:
        raise GateError(f"{trained} did not pass its gates and is not registered: {', '.join(failed)}")
    origin = msgspec.json.decode((trained / ORIGIN).read_bytes(), type=Origin)
    release = release_id(trained)
    evaluation = hashlib.sha256((trained / EVALUATION).read_bytes()).hexdigest()
    model = model_of(origin.recipe)
    card = model_card(trained, release, _manifest(data_root, origin.dataset_sha256))
    found = _find(registry, model, release, evaluation)
    if found is not None:
        say(f"{found.name} is this release with this evaluation")
    version = found or _publish(registry, trained, data_root, _Draft(origin, release, evaluation, card), say)
    if not {Alias.APPROVED, Alias.PREVIOUS} & set(version.aliases):
        registry.set_alias(version, Alias.CANDIDATE)
    return Registered(_find(registry, model, release, evaluation) or version, found is None, card)


@dataclass(frozen=True, slots=True)
class _Draft:
    origin: Origin
    release: str
    evaluation: str
    card: str


def _publish(
    registry: MlflowRegistry, trained: Path, data_root: Path, draft: _Draft, say: Callable[[str], None]
) -> RegisteredVersion:
    origin = draft.origin
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        folder = Path(scratch) / "release"
        shutil.copytree(trained, folder)
        (folder / MODEL_CARD).write_text(draft.card, encoding="utf-8")
        say("asking the release what whoever serves it has to answer")
        taxonomy = load_taxonomy(origin.edition)
        scorer = load_scorer(folder, resolve_base(origin.base, data_root, say), taxonomy, load_embedder())
        write_expected_answers(folder, scorer, taxonomy, golden_labels(origin.edition, _GOLDEN))
        del scorer
        run = registry.training_run(origin.run)
        if run is None:
            say("this store knows no run of the training: making one for the registration")
            run = (
                registry.make_run(f"{origin.recipe} {origin.run[:8]}, registered", {"run": origin.run}),
                "",
            )
        run_id, trained_by = run
        tags = {
            Tag.RELEASE: draft.release,
            Tag.CONTENT: content_sha256(folder),
            Tag.EVALUATION: draft.evaluation,
            Tag.GATES: "passed",
            Tag.EDITION: origin.edition,
            Tag.DATASET: origin.dataset_sha256,
            Tag.BASE: origin.base,
            Tag.REGISTERED_BY: person_at_work(),
            Tag.TRAINED_BY: trained_by or "unknown",
        }
        say("writing the model, and loading it in a process that has nothing else")
        model = model_of(origin.recipe)
        save = partial(_save_and_try, folder, data_root)
        version = registry.publish(model, run_id, save, tags, draft.card)
        say(f"registered as {version.name}")
        return version


def _save_and_try(release: Path, data_root: Path, target: Path, known: object) -> None:
    save_model(release, target, known)
    try_to_load(target, data_root)


def _find(registry: MlflowRegistry, model: str, release: str, evaluation: str) -> RegisteredVersion | None:
    wanted = (release, evaluation)
    return next(
        (
            one
            for one in registry.versions(model)
            if (one.tag(Tag.RELEASE), one.tag(Tag.EVALUATION)) == wanted
        ),
        None,
    )


def _manifest(data_root: Path, dataset_sha256: str) -> Manifest | None:
    for folder in (data_root / NAME).glob("*/"):
        try:
            manifest = read_manifest(folder)
        except DatasetFaultError:
            continue
        if manifest.content_sha256 == dataset_sha256:
            return manifest
    return None
