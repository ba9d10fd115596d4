import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.lib.release.model_card import model_card
from pipelines.lib.release.release_error import ReleaseError
from tests.integration.pipelines.release.tiny_release import write_evaluation

RUN = "ab" * 32


@pytest.fixture
def release(tmp_path: Path) -> Path:
    origin: dict[str, Any] = {
        "recipe": "tiny",
        "base": "wheel:some-weights",
        "base_sha256": "b" * 64,
        "embedder_sha256": "e" * 64,
        "dtype": "float32",
        "prompt": "1",
        "edition": "2026.11",
        "taxonomy_sha256": "t" * 64,
        "dataset_sha256": "d" * 64,
        "run": RUN,
        "vendors": ["presidio_analyzer"],
    }
    (tmp_path / "origin.json").write_text(json.dumps(origin))
    (tmp_path / "calibration.json").write_text(json.dumps({"temperature": 1.0, "threshold": 0.9294}))
    training = {
        "recipe": {"name": "tiny", "lora": {"rank": 4}},
        "steps": 5,
        "environment": {"env.torch": "2"},
    }
    training["state"] = {"seconds": 12.4, "best_step": 3}
    (tmp_path / "training.json").write_text(json.dumps(training))
    write_evaluation(tmp_path, RUN)
    return tmp_path


def test_the_figures_of_the_card_are_those_of_the_evaluation(release: Path) -> None:
    card = model_card(release, "0a1b2c3d4e5f", None)
    assert "release 0a1b2c3d4e5f" in card
    assert "| held-out families | combined | 300 | 90.0% [85.0%, 94.0%]" in card
    assert "Threshold: 0.929." in card
    assert "5 steps in 12 s, best at step 3." in card
    assert "| lora.rank | 4 |" in card
    assert "It cannot be approved" not in card


def test_the_card_says_whether_the_adapter_saw_held_out_families(release: Path) -> None:
    assert "It has seen no held-out family" in model_card(release, "x", None)
    write_evaluation(release, RUN, held_out_seen=True)
    card = model_card(release, "x", None)
    assert "**It has seen held-out families** (openai_moderation)" in card
    assert "It has seen no held-out family" not in card


def test_a_gate_that_is_not_passed_is_a_limit_in_bold(release: Path) -> None:
    write_evaluation(release, RUN, failed="golden")
    assert "**It does not pass its gates: golden.** It cannot be approved." in model_card(release, "x", None)


def test_a_release_without_a_threshold_gives_guesses(release: Path) -> None:
    (release / "calibration.json").write_text(json.dumps({"threshold": None}))
    assert "Threshold: none." in model_card(release, "x", None)


@pytest.mark.parametrize("missing", ["origin.json", "evaluation.json", "training.json", "calibration.json"])
def test_no_card_is_made_up_of_less_than_everything(release: Path, missing: str) -> None:
    (release / missing).unlink()
    with pytest.raises(ReleaseError, match="cannot be described"):
        model_card(release, "x", None)


def test_no_card_has_the_figures_of_another_training(release: Path) -> None:
    write_evaluation(release, "cd" * 32)
    with pytest.raises(ReleaseError, match="the evaluation is of the training cdcdcdcd, not abababab"):
        model_card(release, "x", None)
