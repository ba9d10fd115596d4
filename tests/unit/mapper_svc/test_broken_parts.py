"""A number that cannot be read loses itself, not the finding beside it; and is always told."""

import json
from collections.abc import Callable

import pytest

from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.payload import MapperPayload

Map = Callable[[MapperPayload], MapResult]
FAILED = "OTHER.ModelError"


def labels(map_now: Map, vendor: str, output: object) -> set[str]:
    result = map_now(MapperPayload(detector=vendor, output=output))
    return {label for one in result.findings for label in one.taxonomy}


@pytest.mark.parametrize(
    ("vendor", "output", "found"),
    [
        (
            "openai_moderation",
            {
                "results": [
                    {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": "0.9"}}
                ]
            },
            "HARM.SPEECH.Hate.Other",
        ),
        (
            "aws_bedrock_guardrails",
            {
                "action": "GUARDRAIL_INTERVENED",
                "assessments": [{"contentPolicy": {"filters": [{"type": "HATE", "action": "BLOCKED"}]}}],
            },
            "HARM.SPEECH.Hate.Other",
        ),
        (
            "azure_language_pii",
            {"documents": [{"entities": [{"category": "Email", "confidenceScore": "high"}]}], "errors": []},
            "PII.Contact.Email",
        ),
        ("llama_guard_3_4", {"verdict": "unsafe\nS1", "score": "83%"}, "HARM.VIOLENCE.Physical"),
        (
            "ibm_granite_guardian",
            {"risk_name": "violence", "output": "Yes", "score": []},
            "HARM.VIOLENCE.Physical",
        ),
        (
            "llama_stack_ogx_shield_llama_guard",
            {"violation": {"violation_level": 3, "metadata": {"violation_type": "S1"}}},
            "HARM.VIOLENCE.Physical",
        ),
    ],
)
def test_a_verdict_with_a_broken_number_stands_and_the_breakage_is_told(
    map_now: Map, vendor: str, output: object, found: str
) -> None:
    assert labels(map_now, vendor, output) == {found, FAILED}


def test_a_grounding_score_that_is_no_number_is_not_above_its_threshold(map_now: Map) -> None:
    filters = [{"type": "GROUNDING", "threshold": 0.7, "score": float("nan"), "action": "NONE"}]
    output = {"action": "NONE", "assessments": [{"contextualGroundingPolicy": {"filters": filters}}]}

    assert labels(map_now, "aws_bedrock_guardrails", output) == {FAILED}


def test_a_check_nobody_knows_makes_a_clean_answer_unclean(map_now: Map) -> None:
    clean: object = {"results": {"contentFilter": {"results": []}, "groundedness": None}}
    unread: object = {"results": {"contentFilter": {"results": []}, "groundedness": {"results": []}}}

    assert labels(map_now, "aws_bedrock_invoke_guardrail_checks", clean) == {"OTHER.Safe"}
    assert labels(map_now, "aws_bedrock_invoke_guardrail_checks", unread) == {FAILED}


@pytest.mark.parametrize("cut", [1, 9, 20, 40])
@pytest.mark.parametrize(
    "vendor", ["presidio_analyzer", "llm_guard", "ibm_granite_guardian", "detect_secrets"]
)
def test_json_that_was_cut_is_no_label(map_now: Map, vendor: str, cut: int) -> None:
    whole = json.dumps([{"entity_type": "PERSON", "output": "<score> yes </score>", "score": 0.85}])

    assert labels(map_now, vendor, whole[:-cut]) == {FAILED}


@pytest.mark.parametrize(
    "label", ["[HIGH] patient number", "[REDACTED_ODDITY_1]", "DLP-1042: chart number in chat"]
)
def test_a_label_may_open_with_a_bracket_or_be_a_phrase(map_now: Map, label: str) -> None:
    assert labels(map_now, "presidio_analyzer", label) == {"OTHER.Unknown"}


def test_a_job_that_is_not_done_is_not_clean(map_now: Map) -> None:
    done = {
        "kind": "PiiEntityRecognitionLROResults",
        "results": {"documents": [{"entities": []}], "errors": []},
    }
    for status, expected in (
        ("succeeded", "OTHER.Safe"),
        ("running", FAILED),
        ("partiallyCompleted", FAILED),
    ):
        job = {"status": status, "tasks": {"items": [done]}}
        assert labels(map_now, "azure_language_pii", job) == {expected}
    assert labels(map_now, "azure_language_pii", {"status": "succeeded", "tasks": {"items": []}}) == {FAILED}
