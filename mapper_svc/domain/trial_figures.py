"""What is counted of a trial: plain counters, so that those of every replica can be added up."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapper_svc.domain.label_model import LEAST_THRESHOLD, ModelAnswer
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.name_labels import NEVER_NAMED

# Upper edges of the latency classes, in milliseconds: four to each doubling, 1 ms to 3.4 s.
_PER_DOUBLING = 4
_CLASSES = 48

BOTH_SURE = "pair.both_sure"
AGREED = "pair.agreed"
PAIRS = "pair.calls"
PAIRS_SKIPPED = "pair.skipped"
PAIRS_FAILED = "pair.failed"


def only_unsure(arm: Arm) -> str:
    """Name the count of labels, asked of both, on which this arm alone abstained."""
    return f"pair.only_{arm}_unsure"


def only_slow(arm: Arm) -> str:
    """Name the count of calls, made to both, in which this arm alone was slow."""
    return f"pair.only_{arm}_slow"


def feedback(arm: Arm, *, right: bool) -> str:
    """Name the count of findings of this arm that a person called right or wrong."""
    return f"{arm}.{'right' if right else 'wrong'}"


def latency_class(milliseconds: float) -> int:
    """Return the class of a latency, 0 to 47."""
    if milliseconds <= 1:
        return 0
    return min(_CLASSES - 1, math.ceil(_PER_DOUBLING * math.log2(milliseconds)))


def upper_edge(index: int) -> float:
    """Return the most milliseconds of a class; the last class has all above as well."""
    return float(2 ** (index / _PER_DOUBLING))


class Tally:
    """Counts of this process since they were last taken."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def take(self) -> dict[str, int]:
        """Return the counts and begin anew."""
        taken = dict(self._counts)
        self._counts.clear()
        return taken

    def put_back(self, counts: Mapping[str, int]) -> None:
        """Add counts that could not be stored."""
        self._counts.update(counts)

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        self._counts[name] += number

    def failed(self, arm: Arm) -> None:
        """Count a call that gave no answer."""
        self._counts[f"{arm}.calls"] += 1
        self._counts[f"{arm}.errors"] += 1

    def answered(self, arm: Arm, answer: ModelAnswer, milliseconds: float) -> None:
        """Count a call that was answered."""
        self._counts[f"{arm}.calls"] += 1
        self._counts[f"{arm}.ms.{latency_class(milliseconds)}"] += 1
        self.labels(arm, answer)

    def labels(self, arm: Arm, answer: ModelAnswer) -> None:
        """Count the labels of an answer, and those of which it is too unsure to be used."""
        self._counts[f"{arm}.labels"] += len(answer.distributions)
        self._counts[f"{arm}.unsure"] += sum(best is None for best in _sure_bests(answer))

    def compared(
        self, answers: Mapping[Arm, ModelAnswer], milliseconds: Mapping[Arm, float], slow: float
    ) -> None:
        """Count one question that both arms were asked.

        Args:
            answers: of either arm, to the same labels.
            milliseconds: how long each took.
            slow: from how many milliseconds an answer is slow.
        """
        self._counts[PAIRS] += 1
        late = {arm: milliseconds[arm] >= slow for arm in Arm}
        if late[Arm.TREATMENT] != late[Arm.CONTROL]:
            self._counts[only_slow(Arm.TREATMENT if late[Arm.TREATMENT] else Arm.CONTROL)] += 1
        bests = zip(_sure_bests(answers[Arm.CONTROL]), _sure_bests(answers[Arm.TREATMENT]), strict=True)
        for control, treatment in bests:
            if control is not None and treatment is not None:
                self._counts[BOTH_SURE] += 1
                self._counts[AGREED] += control == treatment
            elif control is not None or treatment is not None:
                self._counts[only_unsure(Arm.TREATMENT if treatment is None else Arm.CONTROL)] += 1


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """What the counters say of one arm.

    Attributes:
        calls: made to it.
        errors: of those, without an answer.
        labels: asked in those with one.
        unsure: of those, below the version's own threshold.
        latencies: answered calls by latency class.
        right: findings that a person called right.
        wrong: findings that a person called wrong.
    """

    calls: int
    errors: int
    labels: int
    unsure: int
    latencies: tuple[int, ...]
    right: int
    wrong: int

    @classmethod
    def of(cls, arm: Arm, counts: Mapping[str, int]) -> "ArmFigures":
        """Read one arm's figures from the counters."""
        return cls(
            calls=counts.get(f"{arm}.calls", 0),
            errors=counts.get(f"{arm}.errors", 0),
            labels=counts.get(f"{arm}.labels", 0),
            unsure=counts.get(f"{arm}.unsure", 0),
            latencies=tuple(counts.get(f"{arm}.ms.{index}", 0) for index in range(_CLASSES)),
            right=counts.get(feedback(arm, right=True), 0),
            wrong=counts.get(feedback(arm, right=False), 0),
        )

    @property
    def answered(self) -> int:
        """Calls with an answer."""
        return sum(self.latencies)

    def p95_ms(self) -> float | None:
        """Upper edge of the class that the 95th percentile of the latencies is in; None without calls."""
        seen, wanted = 0, 0.95 * self.answered
        for index, count in enumerate(self.latencies):
            seen += count
            if count and seen >= wanted:
                return upper_edge(index)
        return None

    def slower_than(self, milliseconds: float) -> int:
        """Count the answered calls that were surely slower: those in classes that lie wholly above."""
        return sum(
            count
            for index, count in enumerate(self.latencies)
            if index > 0 and upper_edge(index - 1) >= milliseconds
        )


def _sure_bests(answer: ModelAnswer) -> list[str | None]:
    """Return the best label for each question, or None where the answer decides nothing.

    That is where the version is less sure than its threshold, and where it says what only rules may say.
    """
    return [_sure_best(one.combined, answer.labels, answer.version.threshold) for one in answer.distributions]


def _sure_best(probabilities: Sequence[float], labels: Sequence[str], threshold: float | None) -> str | None:
    place = max(range(len(labels)), key=probabilities.__getitem__)
    if threshold is None or probabilities[place] < max(threshold, LEAST_THRESHOLD):
        return None
    return None if labels[place] in NEVER_NAMED else labels[place]
