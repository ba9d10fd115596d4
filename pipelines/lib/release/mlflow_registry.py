"""The model registry in MLflow."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from pipelines.lib.mlflow_store import USER_TAG, open_experiment, tracking_uri
from pipelines.lib.release.registered_version import (
    MODEL_PREFIX,
    Alias,
    RegisteredVersion,
    Tag,
)
from pipelines.lib.release.release_error import RegistryError

RELEASE = "release"
"""Name of the release folder among the files of a version."""
_PATH_OF_RELEASE = f"artifacts/{RELEASE}"


class MlflowRegistry:
    """The registry of one MLflow store.

    Opening it points MLflow's own functions of this process at the store as well: the store looks up the
    model behind a version by them.
    """

    def __init__(self, data_root: Path) -> None:
        self._data_root = data_root
        data_root.mkdir(parents=True, exist_ok=True)
        uri = tracking_uri(data_root)
        mlflow.set_tracking_uri(uri)
        self._client = MlflowClient(uri)

    def models(self) -> Sequence[str]:
        """Returns the names of the mapper's registered models, sorted."""
        with _told():
            found = self._client.search_registered_models(f"name LIKE '{MODEL_PREFIX}%'")
        return sorted(one.name for one in found)

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        """Returns the versions of a model, the newest first; none when there is no such model."""
        with _told():
            found = self._client.search_model_versions(f"name = '{model}'")
            aliases = self._aliases(model) if found else {}
        ready = [one for one in found if one.status == "READY"]
        versions = [_version(one, aliases) for one in ready]
        return sorted(versions, key=lambda one: one.number, reverse=True)

    def holder(self, model: str, alias: Alias) -> RegisteredVersion | None:
        """Returns the version that has an alias, if there is one."""
        return next((one for one in self.versions(model) if alias.value in one.aliases), None)

    def set_alias(self, version: RegisteredVersion, alias: Alias) -> None:
        """Puts an alias on a version, and takes it from the one that had it."""
        with _told():
            self._client.set_registered_model_alias(version.model, alias.value, str(version.number))

    def remove_alias(self, model: str, alias: Alias) -> None:
        """Takes an alias away; nothing happens if no version has it."""
        with _told():
            self._client.delete_registered_model_alias(model, alias.value)

    def set_tags(self, version: RegisteredVersion, tags: Mapping[Tag, str]) -> None:
        """Sets tags of a version, and leaves its other tags."""
        with _told():
            for tag, value in tags.items():
                self._client.set_model_version_tag(version.model, str(version.number), tag.value, value)

    def fetch(self, version: RegisteredVersion, target: Path) -> None:
        """Writes the release folder of a version into a new folder."""
        with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch, _told():
            uri = self._client.get_model_version_download_uri(version.model, str(version.number))
            # A store of files gives its own path, which must not be handed out to be changed.
            found = download_artifacts(f"{uri}/{_PATH_OF_RELEASE}", dst_path=scratch)
            shutil.copytree(found, target)

    def training_run(self, run: str) -> tuple[str, str] | None:
        """Returns MLflow's id of the training with the hash `run`, and who ran it; None if it is gone."""
        with _told():
            experiment = open_experiment(self._client, self._data_root)
            found = self._client.search_runs(
                [experiment], f"tags.run = '{run}' and attributes.status = 'FINISHED'", max_results=1
            )
        return (found[0].info.run_id, found[0].data.tags.get(USER_TAG, "")) if found else None

    def make_run(self, name: str, tags: Mapping[str, str]) -> str:
        """Makes a finished run for a model whose training is not in this store, and returns its id."""
        with _told():
            experiment = open_experiment(self._client, self._data_root)
            run: str = self._client.create_run(experiment, run_name=name, tags=dict(tags)).info.run_id
            self._client.set_terminated(run)
        return run

    def publish(
        self,
        model: str,
        run: str,
        save: Callable[[Path, Model], None],
        tags: Mapping[Tag, str],
        description: str,
    ) -> RegisteredVersion:
        """Registers a model as a new version.

        The files are in the store before the version is: the version appears in one transaction, as the last
        thing, with its tags. What a kill leaves before that is a logged model that never became ready, which
        the next call for the same release removes.

        Args:
            model: name of the registered model, which is made if it is not there.
            run: MLflow's id of the run that the model comes from.
            save: writes the model's files into a new folder, with what MLflow knows of it already.
            tags: of the version.
            description: of the version, Markdown.
        """
        release = tags[Tag.RELEASE]
        with _told(), tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
            experiment = open_experiment(self._client, self._data_root)
            self._remove_unfinished(experiment, model, release)
            logged = self._client.create_logged_model(
                experiment,
                name=model,
                source_run_id=run,
                tags={Tag.RELEASE.value: release, Tag.CONTENT.value: tags[Tag.CONTENT]},
                model_type="mapper",
            )
            folder = Path(scratch) / "model"
            save(folder, Model(model_id=logged.model_id, run_id=run))
            self._client.log_model_artifacts(logged.model_id, str(folder))
            self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
            if model not in self.models():
                self._client.create_registered_model(model, description=_about(model))
            made = self._client.create_model_version(
                model,
                source=logged.model_uri,
                run_id=run,
                tags={tag.value: value for tag, value in tags.items()},
                description=description,
                model_id=logged.model_id,
            )
        return _version(made, {})

    def _aliases(self, model: str) -> dict[str, list[str]]:
        by_number: dict[str, list[str]] = {}
        for alias, number in self._client.get_registered_model(model).aliases.items():
            by_number.setdefault(str(number), []).append(alias)
        return by_number

    def _remove_unfinished(self, experiment: str, model: str, release: str) -> None:
        for one in self._client.search_logged_models([experiment], f"name = '{model}'"):
            is_same = one.tags.get(Tag.RELEASE.value) == release
            if is_same and one.status == LoggedModelStatus.PENDING:
                self._client.delete_logged_model(one.model_id)


def _version(found: Any, aliases: Mapping[str, Sequence[str]]) -> RegisteredVersion:  # noqa: ANN401 - MLflow has no types
    return RegisteredVersion(
        model=found.name,
        number=int(found.version),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=tuple(sorted(aliases.get(str(found.version), ()))),
        tags=dict(found.tags),
    )


def _about(model: str) -> str:
    recipe = model.removeprefix(MODEL_PREFIX)
    return (
        f"Maps raw labels of detectors to the canonical taxonomy; trained by the recipe `{recipe}`.\n\n"
        "`candidate` was registered last and waits for a person; `approved` is served; `previous` was served "
        "before it. Approve: `python -m pipelines approve VERSION --by NAME --reason WHY`."
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (MlflowException, OSError) as error:
        raise RegistryError(f"the registry cannot do it: {error}") from error
