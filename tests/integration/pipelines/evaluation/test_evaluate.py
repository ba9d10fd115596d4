"""The evaluation from a trained folder to the report, with a tiny random model that is bad at everything."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.build_dataset import DatasetSources, build_dataset
from pipelines.lib.dataset_folder import publish, write_dataset
from pipelines.lib.evaluation.case import UNSEEN
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import load_gates
from pipelines.lib.evaluation.plots import PLOTS
from pipelines.lib.evaluation.read_cases import read_cases
from pipelines.lib.evaluation.report import POOLED, REPORT, EvaluationReport
from tests.integration.pipelines.release.conftest import NO_MLFLOW

torch: Any = pytest.importorskip("torch", reason=NO_MLFLOW)
pytest.importorskip("mlflow", reason=NO_MLFLOW)

from dagster import DagsterInstance  # noqa: E402
from mlflow import MlflowClient  # noqa: E402 - it is of the same extra

from pipelines import make_report  # noqa: E402
from pipelines.__main__ import main  # noqa: E402
from pipelines.definitions import defs  # noqa: E402
from pipelines.lib.evaluation import run_evaluation as module  # noqa: E402
from pipelines.lib.evaluation.golden_score import score_golden  # noqa: E402
from pipelines.lib.evaluation.run_evaluation import run_evaluation  # noqa: E402
from pipelines.lib.evaluation.trained_version import read_origin  # noqa: E402
from pipelines.lib.mlflow_store import EXPERIMENT, open_experiment, tracking_uri  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
Trained = Callable[..., Path]
RECIPE = "smollm2-135m"


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def dataset_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a data set of every vendor and few phrasings."""
    root = tmp_path_factory.mktemp("data")
    sources = DatasetSources()
    phrasings = tmp_path_factory.mktemp("phrasings")
    shutil.copy(sources.phrasings / "secret.jsonl", phrasings)
    publish(root, write_dataset(root, build_dataset(replace(sources, phrasings=phrasings)), {}).name)
    return root


@pytest.fixture
def data(dataset_home: Path, data_root: Path) -> Path:
    shutil.copytree(dataset_home / "mapping_examples", data_root / "mapping_examples")
    return next(path for path in (data_root / "mapping_examples").iterdir() if path.is_dir())


@pytest.fixture(autouse=True)
def _fewer_cases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The release of the repository needs its base model, which takes half a minute to make.
    monkeypatch.setattr(make_report, "SHIPPED", tmp_path / "nowhere")

    # All of the cases take minutes, and the golden set has a test of its own.
    def some_golden(edition: str, ask: Any) -> Any:
        return score_golden(edition, ask, lambda rows: rows[::50])

    monkeypatch.setattr(module, "score_golden", some_golden)
    monkeypatch.setattr(module, "read_cases", lambda data: read_cases(data)[::8])
    monkeypatch.setattr(module, "_RESPELLED", 10)


def test_a_report_measures_everything_and_is_logged_to_the_training(
    make_trained: Trained, data_root: Path, data: Path
) -> None:
    trained = make_trained(seed=1)
    client = MlflowClient(tracking_uri(data_root))
    run = client.create_run(open_experiment(client, data_root), tags={"run": f"{1:064x}"}).info.run_id
    said: list[str] = []
    report = run_evaluation(trained, data, data_root, None, said.append)

    assert msgspec.json.decode((trained / REPORT).read_bytes(), type=EvaluationReport) == report
    assert {path.name for path in trained.glob("*.png")} >= PLOTS.keys()
    tiers = [one.tier for one in report.tiers if one.cases == "held-out families"]
    assert tiers == ["rule", "table of others", "similarity", "model", "head", "combined", "mapper"]
    assert report.calibration[POOLED].cases == sum(list(report.evaluated.cases.values())[:2])
    # A model that knows nothing still answers every text with a distribution, and fails where it should.
    outcomes = {gate.name: gate.passed for gate in report.gates}
    assert outcomes.keys() == {gate.name for gate in load_gates(tuple(FIGURES))}
    assert outcomes["schema_valid"]
    assert not outcomes["held_out_families"]
    assert not report.passed

    logged = client.get_run(run)
    assert logged.data.tags["gate.held_out_families"] == "failed"
    assert logged.data.tags["evaluation.passed"] == "false"
    assert logged.data.metrics["gate/ece"] == pytest.approx(report.calibration[POOLED].ece)
    assert {one.path for one in client.list_artifacts(run, "evaluation")} == {
        f"evaluation/{name}" for name in (REPORT, *PLOTS)
    }
    assert client.get_experiment_by_name(EXPERIMENT) is not None


def test_a_version_is_compared_on_what_neither_learnt_and_one_that_will_not_load_blocks(
    make_trained: Trained, data_root: Path, data: Path
) -> None:
    trained, other = make_trained(seed=1), make_trained(seed=2)
    report = run_evaluation(trained, data, data_root, other, silent)
    comparison = report.compared.comparison
    assert comparison is not None
    learnt = read_origin(other).vendors
    asked = read_cases(data)[::8]
    fair = [one for one in asked if one.cases in UNSEEN and one.vendor not in learnt]
    assert 0 < len(fair) < report.calibration[POOLED].cases
    assert comparison.overall.candidate.cases == len(fair)
    assert sum(one.candidate.cases for one in comparison.pillars) == comparison.overall.candidate.cases

    (other / "adapter" / "adapter_model.safetensors").unlink()
    report = run_evaluation(trained, data, data_root, other, silent)
    (gate,) = [one for one in report.gates if one.name == "no_pillar_worse"]
    assert not gate.passed
    assert "could not be asked" in gate.found


def test_the_job_shows_the_report_and_a_failed_gate_fails_the_step(
    make_trained: Trained, data_root: Path, data: Path
) -> None:
    assert data.is_dir()
    shutil.copytree(make_trained(seed=1), data_root / "lora_adapter" / RECIPE)
    with DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("evaluate_job").execute_in_process(
            partition_key=RECIPE, instance=instance, raise_on_error=False
        )
    assert not result.success
    checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert checks.keys() == {gate.name for gate in load_gates(tuple(FIGURES))}
    assert checks["schema_valid"]
    assert not checks["held_out_families"]
    (shown,) = result.asset_materializations_for_node("evaluation_report")
    pictures = [key for key, value in shown.metadata.items() if "data:image/png" in str(value.value)]
    assert len(pictures) == len(PLOTS)
    assert "held_out_families" in str(shown.metadata["report"].value)


def test_the_command_prints_the_gates_and_ends_with_one(
    make_trained: Trained, data_root: Path, data: Path
) -> None:
    assert data_root.is_dir()
    trained = make_trained(seed=1)
    result = CliRunner().invoke(
        main, ["evaluate", "--recipe", RECIPE, "--folder", str(trained), "--data", str(data)]
    )
    assert result.exit_code == 1
    assert "| held_out_families | FAILED | heldout_accuracy ≥ 0.85 |" in result.output
    assert "gates not passed" in result.output
    assert "Traceback" not in result.output


def test_what_is_no_trained_folder_is_one_line(data_root: Path, data: Path, tmp_path: Path) -> None:
    assert data_root.is_dir()
    result = CliRunner().invoke(main, ["evaluate", "--folder", str(tmp_path), "--data", str(data)])
    assert result.exit_code == 1
    assert "holds no trained model" in result.output
    assert "Traceback" not in result.output


def test_a_model_that_calls_unknown_things_safe_loses_the_golden_set(taxonomy: Taxonomy) -> None:
    def all_safe(asked: Sequence[tuple[str | None, str]]) -> list[str | None]:
        return ["OTHER.Safe"] * len(asked)

    def silent_model(asked: Sequence[tuple[str | None, str]]) -> list[str | None]:
        return [None] * len(asked)

    without, with_it = (score_golden(taxonomy.edition, one) for one in (silent_model, all_safe))
    assert without.accuracy is not None
    assert with_it.accuracy is not None
    assert without.accuracy.value > with_it.accuracy.value
    assert without.accuracy.value >= 0.95
