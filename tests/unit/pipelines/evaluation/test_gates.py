from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.assemble import Measured, VersionInUse, assemble_report
from pipelines.lib.evaluation.case import UNSEEN
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import Found, Gate, load_gates, pass_gates
from pipelines.lib.evaluation.latency import Latency
from pipelines.lib.evaluation.report import EvaluationReport, Golden

Make = Callable[..., Measured]


def outcomes(report: EvaluationReport) -> dict[str, bool]:
    return {gate.name: gate.passed for gate in report.gates}


def failed(report: EvaluationReport) -> set[str]:
    return {name for name, passed in outcomes(report).items() if not passed}


def test_a_version_that_has_everything_passes_every_gate(measured: Make, gates: tuple[Gate, ...]) -> None:
    report = assemble_report(measured(), gates)
    assert failed(report) == set()
    assert report.passed
    assert outcomes(report).keys() == {gate.name for gate in gates}


def test_each_gate_fails_on_its_own(measured: Make, gates: tuple[Gate, ...]) -> None:
    spoilt = np.ones(500, dtype=np.bool_)
    spoilt[7] = False
    slow = Latency(labels=200, p50=100.0, p95=251.0, mean=120.0, machine="a CPU")
    cases = {
        "schema_valid": measured(valid=spoilt),
        "latency": measured(latency=slow),
        "golden": measured(golden=Golden(None, (), "the golden set is missing")),
        # Wrong and sure of it, first in few cases, then in many.
        "confident_answers": measured(wrong=range(4)),
        "calibration": measured(unsure=range(100, 200)),
    }
    for name, one in cases.items():
        assert failed(assemble_report(one, gates)) == {name}, name
    many = failed(assemble_report(measured(wrong=range(16), unsure=range(16)), gates))
    assert many == {"held_out_families"}


def test_few_sure_answers_are_not_enough_however_right(measured: Make, gates: tuple[Gate, ...]) -> None:
    report = assemble_report(measured(unsure=range(51)), gates)
    assert "confident_answers" in failed(report)


def test_a_version_without_a_threshold_passes_no_gate_of_sure_answers(
    measured: Make, gates: tuple[Gate, ...]
) -> None:
    evaluated = msgspec.structs.replace(measured().evaluated, threshold=None)
    assert failed(assemble_report(measured(evaluated=evaluated), gates)) == {"confident_answers"}


def test_a_version_that_saw_held_out_vendors_cannot_pass_on_them(
    measured: Make, gates: tuple[Gate, ...]
) -> None:
    evaluated = msgspec.structs.replace(measured().evaluated, held_out_seen=("openai_moderation",))
    report = assemble_report(measured(evaluated=evaluated), gates)
    assert "held_out_families" in failed(report)
    (gate,) = [one for one in report.gates if one.name == "held_out_families"]
    assert "openai_moderation" in gate.found


def test_a_pillar_that_got_worse_fails_even_when_the_rest_is_better(
    measured: Make, gates: tuple[Gate, ...]
) -> None:
    one = measured(wrong=[2, 6, 10, 102, 106, 110])
    secrets = [case.pillar == "SECRET" for case in one.cases if case.cases in UNSEEN]
    gold = np.array([one.labels.index(case.gold) for case in one.cases if case.cases in UNSEEN])
    current = Answers(np.where(secrets, gold, (gold + 1) % 4))
    report = assemble_report(
        measured(wrong=[2, 6, 10, 102, 106, 110], in_use=VersionInUse("before", current)), gates
    )
    comparison = report.compared.comparison
    assert comparison is not None
    assert comparison.overall.gained > comparison.overall.lost == 6
    assert "no_pillar_worse" in failed(report)


def test_versions_are_compared_on_what_neither_has_learnt_from(measured: Make) -> None:
    one = measured()
    cases = [case for case in one.cases if case.cases in UNSEEN]
    gold = np.array([one.labels.index(case.gold) for case in cases])
    by_heart = frozenset({"vendor0", "vendor1"})
    current = Answers(np.where([case.vendor in by_heart for case in cases], gold, (gold + 1) % 4))
    before = VersionInUse("before", current, learnt=by_heart)
    compared = assemble_report(measured(in_use=before), ()).compared
    assert compared.comparison is not None
    assert compared.comparison.overall.lost == 0
    assert f"{sum(case.vendor not in by_heart for case in cases)} cases that neither" in compared.note


def test_a_version_that_has_learnt_every_case_is_no_measure(measured: Make, gates: tuple[Gate, ...]) -> None:
    everything = frozenset(case.vendor for case in measured().cases)
    answers = Answers(np.zeros(200, dtype=np.int64))
    report = assemble_report(measured(in_use=VersionInUse("before", answers, learnt=everything)), gates)
    assert failed(report) == {"no_pillar_worse"}


def test_a_version_in_use_that_cannot_be_asked_is_no_pass(measured: Make, gates: tuple[Gate, ...]) -> None:
    broken = VersionInUse("smollm2-135m 1", None, "no adapter")
    report = assemble_report(measured(in_use=broken), gates)
    assert failed(report) == {"no_pillar_worse"}


def test_a_first_version_has_nothing_to_be_worse_than_and_says_so(
    measured: Make, gates: tuple[Gate, ...]
) -> None:
    report = assemble_report(measured(), gates)
    (gate,) = [one for one in report.gates if one.name == "no_pillar_worse"]
    assert gate.passed
    assert "no version in use" in gate.found


def test_a_report_is_the_same_after_reading_it_again(measured: Make, gates: tuple[Gate, ...]) -> None:
    report = assemble_report(measured(wrong=[1]), gates)
    assert msgspec.json.decode(msgspec.json.encode(report), type=EvaluationReport) == report


def test_a_figure_that_is_exactly_the_bound_is_good_enough(gates: tuple[Gate, ...]) -> None:
    bounds = {limit.figure: limit.bound for gate in gates for limit in gate.limits}
    at_bound = {name: Found(bound) for name, bound in bounds.items()}
    assert all(outcome.passed for outcome in pass_gates(gates, at_bound))
    beyond = {
        limit.figure: Found(limit.bound + (-1e-6 if limit.at_least else 1e-6))
        for gate in gates
        for limit in gate.limits
    }
    assert not any(outcome.passed for outcome in pass_gates(gates, beyond))


def test_the_committed_bounds_are_those_that_were_asked_for(gates: tuple[Gate, ...]) -> None:
    assert {gate.name: gate.required for gate in gates} == {
        "schema_valid": "schema_valid ≥ 1",
        "golden": "golden_accuracy ≥ 0.95",
        "held_out_families": "heldout_accuracy ≥ 0.85",
        "calibration": "ece ≤ 0.05",
        "confident_answers": "precision_above_threshold ≥ 0.97 and coverage_above_threshold ≥ 0.5",
        "no_pillar_worse": "pillars_worse ≤ 0",
        "latency": "latency_p95_ms ≤ 250",
    }
    assert all(gate.why and gate.source for gate in gates)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "gates:\n  a:\n    limits: [{figure: no_such, at_least: 1}]\n    why: x\n    source: y\n",
            ":3: figure: is no figure",
        ),
        (
            "gates:\n  a:\n    limits: [{figure: ece}]\n    why: x\n    source: y\n",
            "either at_least or at_most",
        ),
        (
            "gates:\n  a:\n    limits: [{figure: ece, at_most: 1}]\n    why: x\n    source: y\n",
            "no gate bounds",
        ),
        ("gates:\n  a:\n    limits: [{figure: ece, at_most: 1}]\n    source: y\n", "field why is missing"),
    ],
)
def test_a_fault_in_the_list_names_its_line(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(DataFaultError, match=problem):
        load_gates(tuple(FIGURES), path)
