"""The report of an evaluation as it is kept: `evaluation.json`."""

import msgspec

from pipelines.lib.evaluation.abstention import AbstentionPoint, AtThreshold
from pipelines.lib.evaluation.calibration_scores import CalibrationScore
from pipelines.lib.evaluation.comparison import Comparison
from pipelines.lib.evaluation.confusion import Confusion
from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.gates import GateOutcome
from pipelines.lib.evaluation.latency import Latency
from pipelines.lib.evaluation.robustness import VariantScore
from pipelines.lib.evaluation.tier_scores import GroupScore, TierScore

REPORT = "evaluation.json"
"""File name of the report in a trained folder."""
POOLED = "held-out families and free form"
"""Name of the two unseen sets together."""


class Evaluated(msgspec.Struct, frozen=True):
    """Which version was measured, on what.

    Attributes:
        recipe: name of the recipe.
        run: hash of everything that decided the training.
        edition: edition of the taxonomy.
        dataset_sha256: hash of the rows that the cases were taken from.
        trained_on_sha256: hash of the rows that the version was trained on.
        free_form_sha256: hash of the free-form set's files.
        cases: cases in each set.
        threshold: confidence from which on the version's answer is relied on; None when it has none.
        held_out_seen: held-out vendors that the version was trained on; none, or its figures are void.
    """

    recipe: str
    run: str
    edition: str
    dataset_sha256: str
    trained_on_sha256: str
    free_form_sha256: str
    cases: dict[str, int]
    threshold: float | None
    held_out_seen: tuple[str, ...]


class GroupTable(msgspec.Struct, frozen=True):
    """The combined answer, group by group.

    Attributes:
        by: what the groups are: pillar, vendor, family or language.
        cases: name of the set, or `POOLED`.
        scores: one line for each group.
    """

    by: str
    cases: str
    scores: tuple[GroupScore, ...]


class Golden(msgspec.Struct, frozen=True):
    """The golden set of native payloads.

    Attributes:
        accuracy: share of the payloads whose whole answer is right; None when the set is missing.
        vendors: the same by vendor.
        note: what was scored, or why nothing was.
    """

    accuracy: Figure | None
    vendors: tuple[GroupScore, ...]
    note: str


class Compared(msgspec.Struct, frozen=True):
    """The comparison with the version in use.

    Attributes:
        comparison: the figures; None when there are none.
        note: what was compared, or why nothing was.
        faulty: there is a version in use, and it could not be asked.
    """

    comparison: Comparison | None
    note: str
    faulty: bool = False


class EvaluationReport(msgspec.Struct, frozen=True):
    """Everything that was measured.

    Attributes:
        evaluated: which version, on what.
        tiers: each tier alone and together, on each set.
        heldout_by_table: accuracy on the held-out families when only the label of the vendor's table counts.
        without_kin: accuracy on each unseen set without the labels that have kin among the rows learnt.
        groups: the combined answer by pillar, vendor, family and language.
        calibration: by name of the set.
        abstention: coverage against precision, by name of the set.
        at_threshold: at the version's own threshold, by name of the set; empty when it has none.
        confusion: over both unseen sets.
        robustness: other spellings of the labels of both unseen sets.
        valid: share of all answers, those to odd texts among them, that a finding can be built of.
        latency: of one label.
        golden: the golden set.
        compared: against the version in use.
        environment: versions and machine.
        gates: whether the version may go on.
    """

    evaluated: Evaluated
    tiers: tuple[TierScore, ...]
    heldout_by_table: Figure
    groups: tuple[GroupTable, ...]
    calibration: dict[str, CalibrationScore]
    abstention: dict[str, tuple[AbstentionPoint, ...]]
    at_threshold: dict[str, AtThreshold]
    confusion: Confusion
    robustness: tuple[VariantScore, ...]
    valid: Figure
    latency: Latency
    golden: Golden
    compared: Compared
    environment: dict[str, str]
    gates: tuple[GateOutcome, ...] = ()
    without_kin: dict[str, Figure] = {}

    @property
    def passed(self) -> bool:
        """Whether every gate is passed."""
        return bool(self.gates) and all(gate.passed for gate in self.gates)

    def bound(self, figure: str) -> float | None:
        """Returns the bound that a gate sets to a figure."""
        return next((gate.bounds[figure] for gate in self.gates if figure in gate.bounds), None)

    def accuracy(self, cases: str, tier: str = "combined") -> Figure | None:
        """Returns the accuracy of a tier on a set; None when it was not measured."""
        return next((one.accuracy for one in self.tiers if one.cases == cases and one.tier == tier), None)
