import os
import random
from pathlib import Path

import msgspec
import pytest

from analysis_svc.adapters.plugins.severity_calibrator import VARIABLE, SeverityCalibrator
from pipelines.lib.severity.calibrate import ROWS, calibrate
from pipelines.lib.severity.judged import PROFANITY, Judged, read_corpus
from pipelines.lib.severity.release import write_release
from pipelines.make_calibration import CORPUS, make_calibration
from pipelines.retention_settings import RetentionSettings
from pipelines.settings import Settings

LABEL = "HARM.SPEECH.Toxicity"
SEVERITIES = {LABEL: 0.5, "OTHER.Unknown": 0.3}


def rows(count: int, severity_of: float, noise: float, *, label: str = LABEL) -> list[Judged]:
    draw = random.Random(7)
    found = []
    for _ in range(count):
        score = draw.random()
        people = severity_of * score + draw.uniform(-noise, noise)
        found.append(Judged("one", label, score, min(max(people, 0.0), 1.0)))
    return found


def test_what_people_find_worse_than_the_formula_is_released_and_never_falls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trial,) = calibrate(rows(80, 0.95, 0.1), SEVERITIES)
    assert trial.why == ""
    assert trial.error is not None
    assert trial.error_of_formula is not None
    assert trial.error < trial.error_of_formula
    assert list(trial.values) == sorted(trial.values)
    path = write_release(tmp_path, [trial])
    assert path is not None
    monkeypatch.setenv(VARIABLE, str(path))
    served = SeverityCalibrator()
    assert served.covers() == [("one", LABEL)]
    assert served.severity("one", LABEL, 1.0) == pytest.approx(0.95, abs=0.1)


def test_where_the_formula_is_right_nothing_is_released(tmp_path: Path) -> None:
    (trial,) = calibrate(rows(80, 0.5, 0.2), SEVERITIES)
    assert (trial.values, trial.why) == ((), "it does not beat the formula on held-out findings")
    assert write_release(tmp_path, [trial]) is None


def test_noise_that_could_be_learned_by_heart_is_not_released() -> None:
    draw = random.Random(1)
    noise = [Judged("one", LABEL, 1.0, 0.5 + draw.choice((-0.5, 0.5))) for _ in range(60)]
    (trial,) = calibrate(noise, SEVERITIES)
    assert trial.values == ()


def test_too_few_judgements_release_nothing_however_clear() -> None:
    (trial,) = calibrate(rows(ROWS - 1, 1.0, 0.0), SEVERITIES)
    assert (trial.values, trial.why) == ((), f"{ROWS - 1} judged findings, {ROWS} are needed")


def test_a_detector_that_is_often_wrong_is_believed_less() -> None:
    wrong = [Judged("one", LABEL, 0.6, 0.0) for _ in range(40)]
    right = [Judged("one", LABEL, 0.9, None) for _ in range(40)]
    (trial,) = calibrate(wrong + right, SEVERITIES)
    assert trial.values[12] < 0.05
    assert trial.values[18] == pytest.approx(0.45)


def test_labels_that_say_nothing_are_passed_over() -> None:
    assert (
        calibrate(rows(80, 1.0, 0.0, label="OTHER.Unknown") + rows(80, 1.0, 0.0, label="X.Y"), SEVERITIES)
        == []
    )


def test_texts_under_the_detectors_boundary_are_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("category,text,human_score\nx,a,0.25\nx,b,1\n")
    assert read_corpus(path, lambda _: [0.4, 0.6]) == [Judged(*PROFANITY, 0.6, 1.0)]
    path.write_text("category,text,human_score\nx,a,7\n")
    with pytest.raises(ValueError, match="row 2"):
        read_corpus(path, lambda _: [0.4])


def test_the_corpus_of_judged_answers_has_too_few_findings_to_release_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.environ.get("LLAMA_MAPPER_DATA", "")
    corpus = Path(folder) / "corpora" / "harm-severity.dev.csv"
    if not folder or not corpus.exists():
        pytest.skip("LLAMA_MAPPER_DATA is not set: the corpus is not shipped")
    monkeypatch.setenv(CORPUS, str(corpus))
    settings = msgspec.structs.replace(Settings(), data_root=str(tmp_path))
    made = make_calibration(settings, RetentionSettings(), lambda _: None, register=False)
    (trial,) = made.trials
    assert (trial.detector, trial.label, trial.rows) == (*PROFANITY, 11)
    assert made.file is None
