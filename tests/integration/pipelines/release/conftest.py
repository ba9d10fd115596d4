import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.training.recipe import Recipe
from tests.integration.pipelines.release.tiny_release import make_tiny_release
from tests.unit.pipelines.training.conftest import tiny_base, tiny_recipe  # noqa: F401 - fixtures

NO_MLFLOW = "the extra `training` is not installed: the registry in MLflow is NOT tested here"


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return load_taxonomy("2026.11")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store of MLflow without anything in it; making one takes seconds, copying it does not."""
    mlflow: Any = pytest.importorskip("mlflow", reason=NO_MLFLOW)
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_registered_models()
    return file


@pytest.fixture
def data_root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data root with its own MLflow store."""
    for name in ("MLFLOW_TRACKING_URI", "PIPELINES_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "root"
    root.mkdir()
    shutil.copyfile(empty_store, root / "mlflow.db")
    monkeypatch.setenv("PIPELINES_DATA_ROOT", str(root))
    monkeypatch.setenv("PIPELINES_ACTOR", "Max Maker")
    return root


@pytest.fixture
def make_trained(
    tmp_path: Path,
    data_root: Path,
    tiny_base: Path,  # noqa: F811 - the fixture
    tiny_recipe: Callable[..., Recipe],  # noqa: F811 - the fixture
    taxonomy: Taxonomy,
) -> Callable[..., Path]:
    """Makes a trained and evaluated folder of a tiny model; another seed is another model."""

    def make(*, seed: int = 1) -> Path:
        return make_tiny_release(
            tmp_path / f"trained{seed}", tiny_base, data_root, taxonomy, tiny_recipe(), seed=seed
        )

    return make
