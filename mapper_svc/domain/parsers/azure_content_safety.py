from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_flag,
    as_list,
    as_number,
    as_object,
    as_text,
    shape,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_FOUR_CATEGORIES_AS_FIELDS = ("hateResult", "selfHarmResult", "sexualResult", "violenceResult")


def parse(payload: object) -> Reading:
    """Reads text:analyze.

    Every category is always there: severity 0 means clean. A severity is a level, not a probability.
    """
    if isinstance(payload, dict) and any(name in payload for name in _FOUR_CATEGORIES_AS_FIELDS):
        raise MalformedError("the payload is of the preview API of 2023, which is not mapped")
    body = shape(payload, "categoriesAnalysis")
    analysis = as_list(body["categoriesAnalysis"], "categoriesAnalysis")
    blocklists = body.get("blocklistsMatch")
    matches = () if blocklists is None else as_list(blocklists, "blocklistsMatch")
    if not analysis and not matches:
        raise MalformedError("no category was analysed")
    out = Collected()
    out.each(analysis, _category)
    # What the blocklist item says is the content itself: only that one matched is read.
    for _ in matches:
        out.add(Signal("blocklistsMatch", flagged=True))
    return out.reading()


def _category(entry: object) -> Signal:
    fields = as_object(entry, "a category")
    return Signal(
        as_text(fields.get("category"), "the name of a category"),
        severity=as_number(fields.get("severity"), "a severity"),
    )


def parse_prompt_shields(payload: object) -> Reading:
    """Reads text:shieldPrompt: the user's prompt and the documents are told apart."""
    if not isinstance(payload, dict) or not {"userPromptAnalysis", "documentsAnalysis"} & payload.keys():
        raise OtherShapeError
    body: Json = payload
    prompt, documents = body.get("userPromptAnalysis"), body.get("documentsAnalysis")
    if prompt is None and not documents:
        raise MalformedError("neither the prompt nor a document was analysed")
    out = Collected()
    if prompt is not None:
        out.each([prompt], lambda entry: _attack(entry, "userPromptAnalysis.attackDetected"))
    if documents is not None:
        out.each(
            as_list(documents, "documentsAnalysis"),
            lambda entry: _attack(entry, "documentsAnalysis[].attackDetected"),
        )
    return out.reading()


def _attack(entry: object, label: str) -> Signal | None:
    found = as_flag(as_object(entry, "an analysis").get("attackDetected"), "attackDetected")
    return Signal(label, flagged=True) if found else None


def parse_protected_material(payload: object) -> Reading:
    """Reads text:detectProtectedMaterial."""
    body = shape(payload, "protectedMaterialAnalysis")
    analysis = as_object(body["protectedMaterialAnalysis"], "protectedMaterialAnalysis")
    if as_flag(analysis.get("detected"), "detected"):
        return Reading((Signal("protectedMaterialAnalysis.detected", flagged=True),))
    return Reading()
