from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_flag,
    as_list,
    as_number,
    as_object,
    as_text,
    first,
    shape,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_FOUR_CATEGORIES_AS_FIELDS = ("hateResult", "selfHarmResult", "sexualResult", "violenceResult")
_ANALYSIS = ("categoriesAnalysis", "categories_analysis")
_BLOCKLISTS = ("blocklistsMatch", "blocklists_match")
"""As REST and as the members of the SDK are spelt."""


def parse(payload: object) -> Reading:
    """Reads text:analyze.

    Every category is always there: severity 0 means clean. A severity is a level, not a probability. A list
    of answers is that of a text that was sent in pieces.
    """
    if isinstance(payload, list | tuple) and payload and all(_is_answer(one) for one in payload):
        out = Collected()
        for one in payload:
            out.part(lambda one=one: _answer(one, out))  # type: ignore[misc]
        return out.reading()
    out = Collected()
    _answer(payload, out)
    return out.reading()


def _is_answer(payload: object) -> bool:
    return isinstance(payload, dict) and first(payload, *_ANALYSIS) is not None


def _answer(payload: object, out: Collected) -> None:
    if isinstance(payload, dict) and any(name in payload for name in _FOUR_CATEGORIES_AS_FIELDS):
        raise MalformedError("the payload is of the preview API of 2023, which is not mapped")
    if not isinstance(payload, dict) or not any(name in payload for name in _ANALYSIS):
        raise OtherShapeError
    body: Json = payload
    analysis = as_list(first(body, *_ANALYSIS), "categoriesAnalysis")
    blocklists = first(body, *_BLOCKLISTS)
    matches = () if blocklists is None else as_list(blocklists, "blocklistsMatch")
    if not analysis and not matches:
        raise MalformedError("no category was analysed")
    out.each(analysis, _category)
    # What the blocklist item says is the content itself: only that one matched is read.
    for _ in matches:
        out.add(Signal("blocklistsMatch", flagged=True))


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
