from pathlib import Path

import msgspec
import pytest

from pipelines.lib.evaluation.folds import FOLDS, FoldResult, pool
from pipelines.lib.release.model_card import model_card
from pipelines.lib.release.release_error import ReleaseError
from tests.integration.pipelines.release.tiny_release import write_evaluation

RUN = "1" * 64


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The files of a release that its card is told from."""
    origin = {
        **dict.fromkeys(("recipe", "base", "dtype", "prompt", "edition"), "x"),
        **dict.fromkeys(("base_sha256", "embedder_sha256", "taxonomy_sha256", "dataset_sha256"), "0" * 64),
        "run": RUN,
        "vendors": [],
    }
    training = {"recipe": {}, "state": {"seconds": 1.0, "best_step": 1}, "steps": 1, "environment": {}}
    for name, content in {"origin": origin, "training": training, "calibration": {"threshold": 0.7}}.items():
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(content))
    write_evaluation(tmp_path, RUN)
    return tmp_path


def test_a_card_cites_the_folds_with_their_interval(release: Path) -> None:
    fold = FoldResult(
        "openai", "x", "", 1.0, {"combined": (True, True, False)}, {"combined": (0.9,) * 3}, 0.8
    )
    report = pool("tiny", "all", "2026.11", "x", [fold])
    (release / FOLDS).write_bytes(msgspec.json.encode(report))
    card = model_card(release, "abc", None)
    assert "1 families left out in turn, 3 cases" in card
    assert f"| combined | {report.pooled[0].accuracy} |" in card


def test_a_card_without_folds_says_that_they_were_not_measured(release: Path) -> None:
    assert "Not measured for this release" in model_card(release, "abc", None)


def test_broken_folds_are_no_card(release: Path) -> None:
    (release / FOLDS).write_text("{")
    with pytest.raises(ReleaseError, match="no figures of folds"):
        model_card(release, "abc", None)


def test_folds_of_before_they_could_be_left_out_together_are_read(release: Path) -> None:
    fold = FoldResult("openai", "x", "", 1.0, {"combined": (True,)}, {"combined": (0.9,)}, 0.8)
    written = msgspec.to_builtins(pool("tiny", "all", "2026.11", "x", [fold]))
    del written["at_once"]
    (release / FOLDS).write_bytes(msgspec.json.encode(written))
    assert "1 families left out in turn, 1 cases" in model_card(release, "abc", None)
