"""What each tier alone, and all together, answer to the rows of an evaluation."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mapper_svc.domain.askable_label import askable_form
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.evaluate import EvaluatedAnswer, EvaluationRow
from mapper_svc.domain.findings import Finding, Tier
from mapper_svc.domain.label_model import LEAST_THRESHOLD, AskedLabel
from mapper_svc.domain.map_payload import RULES_ALONE, DraftMapping
from mapper_svc.domain.model_opinion import Judgement, ModelOpinion
from mapper_svc.domain.name_labels import NEVER_NAMED, LabelNamer
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.taxonomy import MODEL_ERROR, UNKNOWN
from mapper_svc.domain.tenant_settings import MappingChoices

_ABSTAINED = EvaluatedAnswer(UNKNOWN, None, taken=False, tier=Tier.FALLBACK)

Judgements = Mapping[AskedLabel, Judgement]


def asked_of(rows: Sequence[EvaluationRow], catalogue: Catalogue) -> list[AskedLabel]:
    """Returns what a model is asked for rows, each label once."""
    asked = (_asked(row, catalogue) for row in rows)
    return list(dict.fromkeys(one for one in asked if one is not None))


def by_rule(rows: Sequence[EvaluationRow], catalogue: Catalogue, now: datetime) -> list[EvaluatedAnswer]:
    """Returns the answers of exact rules alone."""
    return _mapped(rows, catalogue, now, RULES_ALONE, {})


def by_all(
    rows: Sequence[EvaluationRow], catalogue: Catalogue, now: datetime, judgements: Judgements
) -> list[EvaluatedAnswer]:
    """Returns the answers of the whole mapper, as it answers a tenant that chose nothing."""
    return _mapped(rows, catalogue, now, MappingChoices(), judgements)


def by_model(
    rows: Sequence[EvaluationRow], catalogue: Catalogue, judgements: Judgements
) -> list[EvaluatedAnswer]:
    """Returns the likeliest labels of model and head together; taken from the version's threshold on."""
    return [
        _ABSTAINED
        if judgement is None
        else _likeliest(judgement, judgement.distributions.combined, Tier.MODEL)
        for judgement in _judged(rows, catalogue, judgements)
    ]


def by_meaning(
    rows: Sequence[EvaluationRow], catalogue: Catalogue, judgements: Judgements
) -> list[EvaluatedAnswer]:
    """Returns the answers of the embedding head alone, and by likeness where it is not sure or not there."""
    return [
        _meant(row, catalogue, judgement)
        for row, judgement in zip(rows, _judged(rows, catalogue, judgements), strict=True)
    ]


def payload_of(row: EvaluationRow) -> MapperPayload:
    """Returns the hand-over of a detector that names the row's label; labels that are JSON stay labels."""
    output = {"label": row.raw} if row.raw.lstrip()[:1] in {"{", "["} else row.raw
    return MapperPayload(detector=row.vendor, output=output)


def answer_of(label: str, confidence: float, tier: str) -> EvaluatedAnswer:
    """Returns the answer that a finding is."""
    taken = label not in {UNKNOWN, MODEL_ERROR}
    return EvaluatedAnswer(label, confidence if taken else None, taken=taken, tier=tier)


def _meant(row: EvaluationRow, catalogue: Catalogue, judgement: Judgement | None) -> EvaluatedAnswer:
    guess = _ABSTAINED
    if judgement is not None:
        guess = _likeliest(judgement, judgement.distributions.head, Tier.SEMANTIC)
        if guess.taken:
            return guess
    form = askable_form(row.raw)
    alike = None if form is None else catalogue.similar.answer(form)
    if alike is None:
        return guess
    return EvaluatedAnswer(alike.label, alike.confidence, taken=True, tier=Tier.SEMANTIC)


def _likeliest(judgement: Judgement, probabilities: Sequence[float], tier: Tier) -> EvaluatedAnswer:
    label, confidence = judgement.best(probabilities, 1)[0]
    threshold = judgement.version.threshold
    sure = threshold is not None and confidence >= max(threshold, LEAST_THRESHOLD)
    taken = sure and label not in NEVER_NAMED
    return EvaluatedAnswer(label, confidence, taken=taken, tier=tier if taken else Tier.FALLBACK)


def _mapped(
    rows: Sequence[EvaluationRow],
    catalogue: Catalogue,
    now: datetime,
    choices: MappingChoices,
    judgements: Judgements,
) -> list[EvaluatedAnswer]:
    namer = LabelNamer(catalogue.similar, choices, ModelOpinion(judgements))
    drafts = (DraftMapping(payload_of(row), catalogue, now, choices) for row in rows)
    return [_answered(draft.finish(namer).findings[0]) for draft in drafts]


def _answered(finding: Finding) -> EvaluatedAnswer:
    return answer_of(finding.taxonomy[0], finding.confidence, finding.tier)


def _judged(
    rows: Sequence[EvaluationRow], catalogue: Catalogue, judgements: Judgements
) -> list[Judgement | None]:
    asked = (_asked(row, catalogue) for row in rows)
    return [None if one is None else judgements.get(one) for one in asked]


def _asked(row: EvaluationRow, catalogue: Catalogue) -> AskedLabel | None:
    form = askable_form(row.raw)
    vendor = catalogue.resolve(row.vendor)
    return None if form is None else AskedLabel(None if vendor is None else vendor.id, form)
