from typing import Any

import pytest

from mapper_svc.domain.findings import Tier
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry


def one(result: Any) -> Any:
    (finding,) = result.findings
    return finding


def test_each_detector_of_the_provenance_is_mapped_by_itself(map_now: Any) -> None:
    payload = MapperPayload(
        "aggregate",
        provenance=(
            ProvenanceEntry("llama_guard", "unsafe\nS1", version="3"),
            ProvenanceEntry("my-pii", [{"entity_type": "US_SSN", "score": 0.9}], vendor="presidio"),
            ProvenanceEntry("detect_secrets", []),
        ),
    )
    result = map_now(payload)
    assert [(f.raw.detector, f.taxonomy[0], f.provenance.vendor) for f in result.findings] == [
        ("llama_guard", "HARM.VIOLENCE.Physical", "llama_guard_3_4"),
        ("my-pii", "PII.GovernmentId.SSN", "presidio_analyzer"),
        ("detect_secrets", "OTHER.Safe", "detect_secrets"),
    ]
    assert result.findings[0].provenance.detector_version == "3"
    assert not result.fallback_used


def test_one_finding_for_each_raw_label_with_the_highest_risk_and_all_occurrences(map_now: Any) -> None:
    entities = [
        {"entity_type": "EMAIL_ADDRESS", "start": 0, "end": 9, "score": 0.5},
        {"entity_type": "EMAIL_ADDRESS", "start": 20, "end": 29, "score": 0.9},
        {"entity_type": "EMAIL_ADDRESS", "start": 20, "end": 29, "score": 0.7},
        {"entity_type": "PERSON", "start": 0, "end": 4, "score": 0.8},
    ]
    result = map_now(MapperPayload("presidio", entities))
    assert [(f.taxonomy[0], f.scores[f.taxonomy[0]], f.occurrences) for f in result.findings] == [
        ("PII.Contact.Email", 0.9, 2),
        ("PII.Person.Name", 0.8, 1),
    ]


def test_two_spellings_of_one_label_are_one_finding(map_now: Any) -> None:
    finding = one(map_now(MapperPayload("openai_moderation", ["self-harm/intent", "self_harm_intent"])))
    assert (finding.raw.label, finding.occurrences, finding.confidence) == ("self-harm/intent", 2, 1.0)


def test_an_unknown_label_is_unknown_with_guesses_and_waits_for_review(map_now: Any) -> None:
    result = map_now(MapperPayload("openai_moderation", [{"label": "sexual harassment", "score": 0.7}]))
    finding = one(result)
    assert finding.taxonomy == ("OTHER.Unknown",)
    assert finding.tier is Tier.FALLBACK
    assert finding.confidence == 0.0
    assert finding.scores == {"OTHER.Unknown": 0.7}
    assert "HARM.SPEECH.Harassment" in finding.notes
    (label,) = result.unmapped
    assert (label.vendor, label.raw) == ("openai_moderation", "sexual harassment")
    assert 1 <= len(label.guesses) <= 5
    assert result.fallback_used


def test_unknown_labels_alone_are_never_safe_however_low_their_scores(map_now: Any) -> None:
    result = map_now(MapperPayload("presidio", [{"entity_type": "BADGE_NO", "score": 0.05}]))
    assert one(result).taxonomy == ("OTHER.Unknown",)


def test_content_in_an_unknown_label_is_scrubbed_from_answer_and_review(map_now: Any) -> None:
    result = map_now(MapperPayload("presidio", [{"entity_type": "jane.doe@example.com", "score": 0.9}]))
    assert one(result).raw.label == "[email]"
    assert result.unmapped[0].raw == "[email]"
    assert "jane" not in repr(result)


def test_a_label_of_another_vendor_is_not_borrowed(map_now: Any) -> None:
    assert one(map_now(MapperPayload("openai_moderation", "US_SSN"))).taxonomy == ("OTHER.Unknown",)
    assert one(map_now(MapperPayload("nobody", "harassment"))).taxonomy == ("OTHER.Unknown",)


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("HARM.SPEECH.Threat", "HARM.SPEECH.Threat"),
        ([{"label": "PII.Email", "score": 0.9}], "PII.Contact.Email"),
        ("HARM", "OTHER.Unknown"),
        ("safe", "OTHER.Unknown"),
        ("OTHER.Safe", "OTHER.Unknown"),
        ([{"label": "OTHER.Safe", "score": 1.0}], "OTHER.Unknown"),
        ([], "OTHER.ModelError"),
        ({}, "OTHER.ModelError"),
        (None, "OTHER.ModelError"),
        (0.0, "OTHER.ModelError"),
        (False, "OTHER.ModelError"),
    ],
)
def test_an_unknown_detector_is_taken_at_its_word_only_for_canonical_labels(
    output: object, label: str, map_now: Any
) -> None:
    assert one(map_now(MapperPayload("nobody", output))).taxonomy == (label,)


def test_a_broken_part_is_reported_beside_what_could_be_read(map_now: Any) -> None:
    entities = [{"entity_type": "PERSON", "score": 0.9}, {"entity_type": "US_SSN", "score": True}]
    result = map_now(MapperPayload("presidio", entities))
    assert [finding.taxonomy[0] for finding in result.findings] == ["PII.Person.Name", "OTHER.ModelError"]
    assert "is no number" in result.findings[1].notes


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), float("inf"), True, "0.9", [0.9]])
def test_a_score_that_is_none_is_never_safe(score: object, map_now: Any) -> None:
    result = map_now(MapperPayload("presidio", [{"entity_type": "PERSON", "score": score}]))
    assert one(result).taxonomy == ("OTHER.ModelError",)


def test_a_flag_without_a_label_is_a_violation(map_now: Any) -> None:
    output = {"results": [{"flagged": True, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}]}
    assert one(map_now(MapperPayload("openai_moderation", output))).taxonomy == ("POLICY.Violation",)
    assert one(map_now(MapperPayload("llama_guard", "unsafe\n"))).taxonomy == ("HARM.Other",)


def test_a_safe_label_takes_no_finding_away(map_now: Any) -> None:
    rows = [{"label": "BENIGN", "score": 0.9}, {"label": "MALICIOUS", "score": 0.8}]
    assert one(map_now(MapperPayload("prompt_guard_2", rows))).taxonomy == ("PROMPT_INJECTION.Other",)


def test_a_bare_number_is_a_score_only_where_the_vendor_says_so(map_now: Any) -> None:
    assert one(map_now(MapperPayload("alt_profanity_check", 0.9))).scores == {"HARM.SPEECH.Profanity": 0.9}
    assert one(map_now(MapperPayload("alt_profanity_check", 0.1))).taxonomy == ("OTHER.Safe",)
    assert one(map_now(MapperPayload("presidio", 0.1))).taxonomy == ("OTHER.ModelError",)


def test_json_in_a_text_is_read_as_json(map_now: Any) -> None:
    finding = one(map_now(MapperPayload("presidio", '[{"entity_type": "PERSON", "score": 0.9}]')))
    assert finding.taxonomy == ("PII.Person.Name",)


def flood(size: int, first: int = 0) -> list[str]:
    letters = [chr(97 + n) for n in range(26)]
    names = [f"thing {a}{b}{c}" for a in letters for b in letters for c in letters]
    return names[first : first + size]


def test_a_flood_of_unknown_labels_is_listed_in_part_and_counted_in_full(map_now: Any) -> None:
    rows = [{"entity_type": name, "score": 0.9} for name in flood(600)] * 2
    rows[-1]["score"] = 1.0
    result = map_now(MapperPayload("presidio", rows))
    assert len(result.findings) == 101
    assert sum(finding.occurrences for finding in result.findings) == 1200
    assert {finding.taxonomy[0] for finding in result.findings} == {"OTHER.Unknown"}
    assert all(finding.notes for finding in result.findings)
    last = result.findings[-1]
    assert (last.raw.label, last.occurrences, last.scores) == ("", 1000, {"OTHER.Unknown": 1.0})
    assert len(result.unmapped) == 100


def test_a_flood_over_many_detectors_is_listed_in_part_and_each_detector_is_answered(map_now: Any) -> None:
    entries = tuple(ProvenanceEntry(f"d{n}", flood(20, first=20 * n)) for n in range(256))
    result = map_now(MapperPayload("aggregate", provenance=entries))
    assert len(result.unmapped) == 100
    assert len(result.findings) == 100 + 251
    assert {finding.raw.detector for finding in result.findings} == {entry.detector for entry in entries}
    assert sum("guess" in f.notes and "Too many" not in f.notes for f in result.findings) <= 20


def test_a_flood_of_unknown_labels_hides_no_known_one(map_now: Any) -> None:
    rows = [{"entity_type": name, "score": 0.9} for name in [*flood(600), "US_SSN"]]
    labels = [f.taxonomy[0] for f in map_now(MapperPayload("presidio", rows)).findings]
    assert "PII.GovernmentId.SSN" in labels


@pytest.mark.parametrize(
    "name",
    [
        "granite-guardian-hap-38m",
        "pii-20240101",
        "jane@example.com",
        ("a@b," * 12 + " )" * 2 + "a@b"),
        "x" * 128,
    ],
)
def test_a_detector_is_called_what_the_caller_calls_it(name: str, map_now: Any) -> None:
    entry = ProvenanceEntry(name, "unheard-of", version="build-20240101-4f5e6d7c8b9a0f1e")
    result = map_now(MapperPayload("aggregate", provenance=(entry,)))
    finding = one(result)
    assert finding.raw.detector == finding.provenance.detector == result.unmapped[0].detector == name
    assert finding.provenance.detector_version == entry.version


@pytest.mark.parametrize("version", ["5", "v5.1", "Llama-Guard-5-8B"])
def test_a_safe_label_of_another_version_clears_nothing(version: str, map_now: Any) -> None:
    entry = ProvenanceEntry("llama_guard", "safe", version=version)
    finding = one(map_now(MapperPayload("aggregate", provenance=(entry,))))
    assert finding.taxonomy == ("OTHER.NeedsReview",)
    assert "version" in finding.notes
    known = ProvenanceEntry("llama_guard", "safe", version="3")
    assert one(map_now(MapperPayload("aggregate", provenance=(known,)))).taxonomy == ("OTHER.Safe",)


@pytest.mark.parametrize(
    ("detector", "output", "confidence"),
    [
        ("prompt_guardrail", {"label": "safe", "score": 0.02}, 0.56),
        ("alt_profanity_check", {"label": "safe", "score": 0.04}, 0.65),
        ("alt_profanity_check", 0.1, 0.65),
        ("trustyai_builtin_file_type", [[]], 1.0),
        ("presidio", [], 0.5),
        ("llama_guard", "safe", 0.5),
        ("nobody", [{"label": "HARM.SPEECH.Threat", "score": 0.1}], 0.5),
    ],
)
def test_a_safe_answer_is_as_sure_as_the_detector_was_measured(
    detector: str, output: object, confidence: float, map_now: Any
) -> None:
    finding = one(map_now(MapperPayload(detector, output)))
    assert (finding.taxonomy, finding.confidence) == (("OTHER.Safe",), confidence)


def test_versions_and_time_are_told(map_now: Any) -> None:
    result = map_now(MapperPayload("presidio", []))
    finding = one(result)
    assert (
        finding.provenance.taxonomy
        == finding.version_info.taxonomy
        == result.version_info.taxonomy
        == "2026.11"
    )
    assert finding.provenance.ts.isoformat() == "2026-11-22T12:00:00+00:00"
