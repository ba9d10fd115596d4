import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.pipelines.release.conftest import NO_MLFLOW
from tests.integration.pipelines.release.tiny_release import write_evaluation

mlflow: Any = pytest.importorskip("mlflow", reason=NO_MLFLOW)
pytest.importorskip("torch", reason=NO_MLFLOW)

from pipelines.lib.release.mlflow_registry import MlflowRegistry  # noqa: E402 - they need MLflow and torch
from pipelines.lib.release.register import register  # noqa: E402
from pipelines.lib.release.registered_version import Alias, Tag  # noqa: E402
from pipelines.lib.release.release_error import ReleaseError  # noqa: E402
from pipelines.lib.scoring.release_id import release_id  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Trained = Callable[..., Path]
MODEL = "llama-mapper-tiny"


def said(_: str) -> None:
    pass


def test_a_version_is_registered_once_and_answers_where_nothing_else_is(
    make_trained: Trained, data_root: Path
) -> None:
    trained = make_trained()
    registry = MlflowRegistry(data_root)
    first = register(registry, trained, data_root, said)
    again = register(registry, trained, data_root, said)
    assert (first.is_new, again.is_new) == (True, False)
    assert [one.number for one in registry.versions(MODEL)] == [1]
    version = registry.holder(MODEL, Alias.CANDIDATE)
    assert version is not None
    assert version.tag(Tag.RELEASE) == release_id(trained)
    assert version.tag(Tag.REGISTERED_BY) == "Max Maker"

    # As anybody else would load it: by alias, with a signature, an input example and a card.
    uri = f"models:/{MODEL}@candidate"
    info = mlflow.models.get_model_info(uri)
    assert [column.name for column in info.signature.inputs] == ["vendor", "label"]
    assert info.saved_input_example_info is not None
    assert mlflow.MlflowClient().get_model_version(MODEL, "1").description == first.card
    fetched = data_root / "fetched"
    registry.fetch(version, fetched)
    assert (fetched / "MODEL_CARD.md").read_text() == first.card
    files = {path.suffix for path in fetched.parent.rglob("*") if path.is_file()}
    assert not files & {".pkl", ".pickle", ".bin", ".pt"}


def test_a_failed_gate_is_not_registered(make_trained: Trained, data_root: Path) -> None:
    trained = make_trained()
    write_evaluation(trained, f"{1:064x}", failed="golden")
    registry = MlflowRegistry(data_root)
    with pytest.raises(ReleaseError, match="did not pass its gates and is not registered: golden"):
        register(registry, trained, data_root, said)
    assert registry.models() == []


def test_the_evaluation_of_another_training_is_not_registered(make_trained: Trained, data_root: Path) -> None:
    trained = make_trained()
    write_evaluation(trained, "a" * 64)
    with pytest.raises(ReleaseError, match="the evaluation is of the training aaaaaaaa"):
        register(MlflowRegistry(data_root), trained, data_root, said)


def test_a_model_that_was_broken_after_its_evaluation_is_not_registered(
    make_trained: Trained, data_root: Path
) -> None:
    trained = make_trained()
    origin = json.loads((trained / "origin.json").read_text())
    (trained / "origin.json").write_text(json.dumps(origin | {"base_sha256": "0" * 64}))
    registry = MlflowRegistry(data_root)
    with pytest.raises(Exception, match="was trained with the base model 0000"):
        register(registry, trained, data_root, said)
    assert registry.models() == []


_REGISTERING = """
import sys
from pathlib import Path
from pipelines.lib.release.mlflow_registry import MlflowRegistry
from pipelines.lib.release.register import register
root = Path(sys.argv[2])
register(MlflowRegistry(root), Path(sys.argv[1]), root, lambda step: print(step, flush=True))
"""


def test_killed_while_it_registers_it_leaves_no_version_and_the_next_try_leaves_one(
    make_trained: Trained, data_root: Path
) -> None:
    trained = make_trained()
    registry = MlflowRegistry(data_root)
    process = subprocess.Popen(
        [sys.executable, "-c", _REGISTERING, str(trained), str(data_root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "loading it in a process" in line:
            break
    _wait_for_unfinished_model(data_root)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert registry.models() == []
    register(registry, trained, data_root, said)
    assert [(one.number, one.aliases) for one in registry.versions(MODEL)] == [(1, ("candidate",))]
    statuses = [str(one.status) for one in _logged_models(data_root)]
    assert statuses == ["READY"]


def _wait_for_unfinished_model(data_root: Path) -> None:
    deadline = time.monotonic() + 60
    while not _logged_models(data_root):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _logged_models(data_root: Path) -> Any:
    client = mlflow.MlflowClient(f"sqlite:///{data_root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mapper")
    return client.search_logged_models([experiment.experiment_id]) if experiment else []
