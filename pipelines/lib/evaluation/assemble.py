"""From what a version answered to its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.abstention import AtThreshold, abstention_curve, at_threshold
from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.calibration_scores import calibration_score
from pipelines.lib.evaluation.case import UNSEEN, Case, CaseSet
from pipelines.lib.evaluation.comparison import compare
from pipelines.lib.evaluation.confusion import confusion_of
from pipelines.lib.evaluation.figure import Figure, share_of
from pipelines.lib.evaluation.gate_figures import gate_figures
from pipelines.lib.evaluation.gates import Gate, pass_gates
from pipelines.lib.evaluation.latency import Latency
from pipelines.lib.evaluation.report import (
    POOLED,
    Compared,
    Evaluated,
    EvaluationReport,
    Golden,
    GroupTable,
)
from pipelines.lib.evaluation.robustness import VariantScore, variant_score
from pipelines.lib.evaluation.tier_scores import GroupScore, group_scores, tier_scores

COMBINED = "combined"
"""The tier whose answers the mapper gives when it is sure enough: model and embedding head together."""
_SEEN_SETS = (CaseSet.VALIDATION_VENDORS, CaseSet.VALIDATION_FREE_FORM, CaseSet.VALIDATION_PHRASINGS)


@dataclass(frozen=True)
class VersionInUse:
    """What the version in use says of the unseen cases.

    Attributes:
        name: what it is.
        answers: its combined answers to the cases of the unseen sets; None when it could not be asked.
        note: why it could not.
        learnt: vendors that it was trained on: their cases say nothing of who is better.
    """

    name: str
    answers: Answers | None
    note: str = ""
    learnt: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measured:
    """Everything that was asked of a version.

    Attributes:
        evaluated: which version, on what.
        cases: the cases.
        labels: the labels, in the order of the answers' places.
        pillars: titles of the pillars, in the order of the edition.
        tiers: the answers to all cases by tier; `COMBINED` among them.
        variants: the combined answers to other spellings of the unseen cases, and which are changed.
        valid: which of all answers a finding can be built of.
        latency: of one label.
        golden: the golden set.
        kin: which cases have kin among the rows that were learnt, see `has_kin`.
        in_use: the version in use; None when there is none.
        environment: versions and machine.
    """

    evaluated: Evaluated
    cases: Sequence[Case]
    labels: tuple[str, ...]
    pillars: Mapping[str, str]
    tiers: Mapping[str, Answers]
    variants: Mapping[str, tuple[Answers, NDArray[np.bool_]]]
    valid: NDArray[np.bool_]
    latency: Latency
    golden: Golden
    kin: NDArray[np.bool_]
    in_use: VersionInUse | None
    environment: Mapping[str, str]


def assemble_report(measured: Measured, gates: Sequence[Gate]) -> EvaluationReport:
    """Works out every figure, and holds them to the gates.

    Raises:
        ValueError: an unseen set has no case.
    """
    cases, threshold = measured.cases, measured.evaluated.threshold
    gold = Gold.of(cases, measured.labels)
    combined = measured.tiers[COMBINED]
    right, confidence = combined.right(gold), _confidence(combined)
    nameable = combined.nameable(measured.labels)
    sets = _sets(cases)
    unseen = sets[POOLED]
    valid = share_of(measured.valid)
    heldout = sets.get(CaseSet.HELDOUT, np.zeros(len(cases), dtype=np.bool_))
    by_table = share_of(
        combined.right(Gold.of([_without_also(case) for case in cases], measured.labels))[heldout]
    )
    if valid is None or by_table is None or not all(sets[kind].any() for kind in UNSEEN):
        raise ValueError("there are no held-out or no free-form cases to measure on")
    found = {
        name: at_threshold(confidence[at], right[at], nameable[at], threshold) for name, at in sets.items()
    }
    report = EvaluationReport(
        evaluated=measured.evaluated,
        tiers=tier_scores(cases, measured.tiers, measured.labels),
        heldout_by_table=by_table,
        without_kin=_without_kin(right, measured.kin, sets),
        groups=_groups(cases, right, sets, measured.pillars),
        calibration={name: calibration_score(confidence[at], right[at]) for name, at in sets.items()},
        abstention={
            name: abstention_curve(confidence[at], right[at], nameable[at]) for name, at in sets.items()
        },
        at_threshold=_present(found),
        confusion=confusion_of(combined[unseen], gold[unseen], tuple(measured.pillars)),
        robustness=_robustness(measured, combined[unseen], gold[unseen]),
        valid=valid,
        latency=measured.latency,
        golden=measured.golden,
        compared=_compared(measured, right[unseen], gold[unseen]),
        environment=dict(measured.environment),
    )
    return msgspec.structs.replace(report, gates=pass_gates(gates, gate_figures(report)))


def _without_kin(
    right: NDArray[np.bool_], kin: NDArray[np.bool_], sets: Mapping[str, NDArray[np.bool_]]
) -> dict[str, Figure]:
    found = {kind.value: share_of(right[sets[kind] & ~kin]) for kind in UNSEEN}
    return {name: figure for name, figure in found.items() if figure is not None}


def _without_also(case: Case) -> Case:
    return msgspec.structs.replace(case, also=frozenset())


def _confidence(answers: Answers) -> NDArray[np.float64]:
    if answers.confidence is None:
        raise ValueError("the combined answers say how sure they are")
    return answers.confidence


def _sets(cases: Sequence[Case]) -> dict[str, NDArray[np.bool_]]:
    """Returns which cases are in each set that has some; both unseen sets together come first."""
    of = {kind: np.array([case.cases is kind for case in cases], dtype=np.bool_) for kind in CaseSet}
    validation = np.logical_or.reduce([of[kind] for kind in _SEEN_SETS])
    sets: dict[str, NDArray[np.bool_]] = {POOLED: np.logical_or.reduce([of[kind] for kind in UNSEEN])}
    sets |= {kind.value: taken for kind, taken in of.items()}
    present: dict[str, NDArray[np.bool_]] = {name: taken for name, taken in sets.items() if taken.any()}
    return {**present, "validation": validation} if validation.any() else present


def _present(found: Mapping[str, AtThreshold | None]) -> dict[str, AtThreshold]:
    return {name: one for name, one in found.items() if one is not None}


def _groups(
    cases: Sequence[Case],
    right: NDArray[np.bool_],
    sets: Mapping[str, NDArray[np.bool_]],
    pillars: Mapping[str, str],
) -> tuple[GroupTable, ...]:
    def scores(name: str, groups: Sequence[str], titles: Mapping[str, str]) -> tuple[GroupScore, ...]:
        taken = sets[name]
        mine = [group for group, one in zip(groups, taken, strict=True) if one]
        return group_scores(right[taken], mine, titles)

    by_pillar = [case.pillar for case in cases]
    tables = [
        GroupTable("pillar", name, scores(name, by_pillar, pillars))
        for name in (POOLED, CaseSet.HELDOUT, CaseSet.FREE_FORM)
    ]
    by = {
        "family": (CaseSet.HELDOUT, [case.family for case in cases]),
        "vendor": (CaseSet.HELDOUT, [case.vendor for case in cases]),
        "language": (CaseSet.FREE_FORM, [case.lang for case in cases]),
    }
    tables += [GroupTable(name, kind, scores(kind, groups, {})) for name, (kind, groups) in by.items()]
    return tuple(tables)


def _robustness(measured: Measured, plain: Answers, gold: Gold) -> tuple[VariantScore, ...]:
    scores = (
        variant_score(name, plain, changed, differs, gold)
        for name, (changed, differs) in measured.variants.items()
    )
    return tuple(score for score in scores if score is not None)


def _compared(measured: Measured, right: NDArray[np.bool_], gold: Gold) -> Compared:
    in_use = measured.in_use
    if in_use is None:
        return Compared(None, "there is no version in use yet")
    if in_use.answers is None:
        return Compared(None, f"{in_use.name} could not be asked: {in_use.note}", faulty=True)
    cases = [case for case in measured.cases if case.cases in UNSEEN]
    fair = np.array([case.vendor not in in_use.learnt for case in cases])
    pillars = [case.pillar for case, is_fair in zip(cases, fair, strict=True) if is_fair]
    if not pillars:
        return Compared(None, f"{in_use.name} has learnt from every case", faulty=True)
    before = in_use.answers.right(gold)[fair]
    comparison = compare(in_use.name, right[fair], before, pillars, measured.pillars)
    return Compared(comparison, f"{in_use.name} on the {len(pillars)} cases that neither has learnt from")
