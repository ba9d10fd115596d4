from collections.abc import Callable, Sequence

import numpy as np
import pytest

from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.assemble import Measured
from pipelines.lib.evaluation.case import UNSEEN, Case, CaseSet
from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import Gate, load_gates
from pipelines.lib.evaluation.latency import Latency
from pipelines.lib.evaluation.report import Evaluated, Golden

LABELS = ("PII.Contact.Email", "PII.Contact.Phone", "SECRET.Password", "OTHER.Safe")
PILLARS = {"PII": "Personal data", "SECRET": "Secrets", "OTHER": "State of the detection"}


@pytest.fixture
def case() -> Callable[..., Case]:
    """Makes a case of which only what the test speaks of is given."""

    def make(gold: str = LABELS[0], **given: object) -> Case:
        fields: dict[str, object] = {
            "cases": CaseSet.HELDOUT,
            "vendor": "acme",
            "family": "kin",
            "raw": "EMAIL",
            "also": frozenset(),
            "lang": "en",
        }
        return Case(gold=gold, **{**fields, **given})  # type: ignore[arg-type]

    return make


@pytest.fixture
def gates() -> tuple[Gate, ...]:
    return load_gates(tuple(FIGURES))


@pytest.fixture
def measured(case: Callable[..., Case]) -> Callable[..., Measured]:
    """Makes what was asked of a version that is right in every case but the given ones, and calibrated."""

    def make(*, wrong: Sequence[int] = (), unsure: Sequence[int] = (), **given: object) -> Measured:
        cases = [
            case(LABELS[at % 4], cases=kind, vendor=f"vendor{at % 5}", raw=f"{kind} {at}", lang="de")
            for kind in CaseSet
            for at in range(100)
        ]
        unseen = sum(one.cases in UNSEEN for one in cases)
        places = np.array([LABELS.index(one.gold) for one in cases])
        for at in wrong:
            places[at] = (places[at] + 1) % 4
        confidence = np.full(len(cases), 0.99)
        confidence[list(unsure)] = 0.05
        combined = Answers(places, confidence)
        nothing = Answers.of_labels([None] * len(cases), LABELS)
        plain = Answers(places[:unseen], confidence[:unseen])
        fields: dict[str, object] = {
            "evaluated": Evaluated(
                recipe="tiny",
                run="ab" * 32,
                edition="2026.11",
                dataset_sha256="cd" * 32,
                trained_on_sha256="cd" * 32,
                free_form_sha256="ef" * 32,
                cases=dict.fromkeys([str(kind) for kind in CaseSet], 100),
                threshold=0.9,
                held_out_seen=(),
            ),
            "cases": cases,
            "labels": LABELS,
            "pillars": PILLARS,
            "tiers": {"rule": nothing, "combined": combined, "mapper": combined.above(0.9, LABELS)},
            "variants": {"UPPER CASE": (plain, np.ones(unseen, dtype=np.bool_))},
            "valid": np.ones(500, dtype=np.bool_),
            "latency": Latency(labels=200, p50=40.0, p95=60.0, mean=42.0, machine="a CPU"),
            "golden": Golden(Figure(0.99, 0.98, 1.0, 1600), (), "1600 payloads"),
            "kin": np.arange(len(cases)) % 100 < 10,
            "in_use": None,
            "environment": {"env.python": "3.11"},
        }
        return Measured(**{**fields, **given})  # type: ignore[arg-type]

    return make
