"""Less common shapes of the same vendors: other routes, other versions, error bodies."""

from collections import Counter
from typing import Any

import pytest

from mapper_svc.domain.payload import MapperPayload

SPAN = {"byteRange": {"start": "0", "end": "11"}}
MATCH = {"executionState": "EXECUTION_SUCCESS", "matchState": "MATCH_FOUND"}


def armor(**filters: Any) -> dict[str, Any]:
    return {"sanitizationResult": {"filterMatchState": "MATCH_FOUND", "filterResults": filters}}


CASES: list[tuple[str, Any, list[str]]] = [
    # other versions or operations of the same vendor
    ("azure_content_safety", {"hateResult": {"category": "Hate", "severity": 4}}, ["OTHER.ModelError"]),
    ("azure_content_safety", {"categoriesAnalysis": []}, ["OTHER.ModelError"]),
    ("azure_prompt_shields", {"userPromptAnalysis": None, "documentsAnalysis": []}, ["OTHER.ModelError"]),
    (
        "azure_prompt_shields",
        {"documentsAnalysis": [{"attackDetected": False}, {"attackDetected": True}]},
        ["PROMPT_INJECTION.Indirect"],
    ),
    (
        "azure_language_pii",
        {"kind": "x", "results": {"documents": [{"entities": [{"category": "Age"}]}], "errors": []}},
        ["PII.Person.Age"],
    ),
    ("azure_language_pii", {"documents": [], "errors": [{"id": "1"}]}, ["OTHER.ModelError"]),
    ("azure_language_pii", {"documents": []}, ["OTHER.ModelError"]),
    ("comprehend_pii", {"ResultList": []}, ["OTHER.ModelError"]),
    ("comprehend_pii", {"Labels": [{"Name": "SSN", "Score": 0.9}]}, ["PII.GovernmentId.SSN"]),
    ("bedrock_guardrails", {"action": "GUARDRAIL_INTERVENED", "assessments": []}, ["POLICY.Violation"]),
    ("bedrock_guardrails", {"action": "MAYBE", "assessments": []}, ["OTHER.ModelError"]),
    (
        "bedrock_guardrails",
        {"action": "NONE", "assessments": [{"automatedReasoningPolicy": {"findings": [{"tooComplex": {}}]}}]},
        ["OTHER.ModelError"],
    ),
    (
        "bedrock_guardrails",
        {
            "action": "NONE",
            "assessments": [{"sensitiveInformationPolicy": {"piiEntities": [{"type": "NEW"}]}}],
        },
        ["OTHER.Unknown"],
    ),
    ("bedrock_guardrail_checks", {"results": {}}, ["OTHER.ModelError"]),
    (
        "bedrock_guardrail_checks",
        {"results": {"sensitiveInformation": {"results": [], "truncated": True}}},
        ["OTHER.ModelError"],
    ),
    # the whole response around the rated part
    (
        "gemini",
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}},
        ["POLICY.Violation"],
    ),
    ("gemini", {"candidates": [{"finish_reason": "SPII"}]}, ["PII.Other"]),
    ("gemini", {"candidates": []}, ["OTHER.ModelError"]),
    ("gemini", {"candidates": [{}]}, ["OTHER.ModelError"]),
    ("gemini", {"candidates": [{"finishReason": "SAFETY", "safetyRatings": []}]}, ["POLICY.Violation"]),
    (
        "model_armor",
        armor(sdp={"sdpFilterResult": {"deidentifyResult": {**MATCH, "infoTypes": ["EMAIL_ADDRESS"]}}}),
        ["PII.Contact.Email"],
    ),
    (
        "model_armor",
        armor(
            sdp={
                "sdpFilterResult": {
                    "inspectResult": {
                        **MATCH,
                        "findings": [{"infoType": "PASSWORD", "location": SPAN}],
                        "findingsTruncated": True,
                    }
                }
            }
        ),
        ["SECRET.Password", "OTHER.ModelError"],
    ),
    ("model_armor", armor(sdp={"sdpFilterResult": {"inspectResult": MATCH}}), ["PII.Other"]),
    ("model_armor", armor(sdp={"sdpFilterResult": {}}), ["POLICY.Violation", "OTHER.ModelError"]),
    (
        "model_armor",
        armor(
            rai={
                "raiFilterResult": {
                    **MATCH,
                    "raiFilterTypeResults": [{"filterType": "DANGEROUS", "matchState": "MATCH_FOUND"}],
                }
            }
        ),
        ["HARM.Other"],
    ),
    ("model_armor", armor(rai={"raiFilterResult": MATCH}), ["POLICY.Violation"]),
    (
        "nemo_guardrails",
        {
            "status": "blocked",
            "guardrails_data": {"log": {"activated_rails": [{"name": "self check input", "stop": True}]}},
        },
        ["POLICY.Violation"],
    ),
    ("nemo_guardrails", {"status": "error", "rails_status": {}}, ["OTHER.ModelError"]),
    (
        "granite_guardian",
        [{"risk_name": "harm", "output": "Yes"}, {"risk_name": "violence", "output": "No"}],
        ["HARM.Other"],
    ),
    (
        "granite_guardian",
        {"risk_name": "harm", "output": "<score>yes</score><score>no</score>"},
        ["OTHER.ModelError"],
    ),
    ("granite_guardian", "No.", ["OTHER.Safe"]),
    ("granite_guardian", "no\n<confidence> High </confidence>", ["OTHER.Safe"]),
    ("granite_guardian", "<think>yes?</think>\n<score> no </score>\n", ["OTHER.Safe"]),
    ("granite_guardian", "No idea, the context window was exceeded", ["OTHER.ModelError"]),
    ("granite_guardian", "No, but it is very harmful", ["OTHER.ModelError"]),
    ("granite_guardian", "No. Yes it is harmful", ["OTHER.ModelError"]),
    ("granite_guardian", {"risk_name": "harm", "output": "No-one is safe"}, ["OTHER.ModelError"]),
    ("granite_guardian", "<score>no</score> or so it says", ["OTHER.ModelError"]),
    ("granite_guardian", "<think>the text says <score>no</score> and then", ["OTHER.ModelError"]),
    ("granite_guardian", "<think><score>no</score></think><score>yes</score>", ["POLICY.Violation"]),
    ("granite_guardian", {"risk_name": "harm", "output": "Yes, it is harmful"}, ["HARM.Other"]),
    ("llama_guard", [{"generated_text": "unsafe\nS3"}], ["HARM.SEXUAL.Crime"]),
    ("llama_guard", "unsafe\nS1\nbecause of this text", ["HARM.VIOLENCE.Physical", "OTHER.ModelError"]),
    ("llama_guard", "unsafe\nS99", ["OTHER.Unknown"]),
    ("llama_stack", {"violation": {"violation_level": "error", "metadata": {}}}, ["POLICY.Violation"]),
    ("llama_stack", {"results": []}, ["OTHER.ModelError"]),
    ("llama_stack", {}, ["OTHER.ModelError"]),
    ("gibberish_detector", {"labels": ["clean", "noise"], "scores": [0.2, 0.8]}, ["QUALITY.LowQuality"]),
    ("gibberish_detector", {"labels": ["clean"], "scores": []}, ["OTHER.ModelError"]),
    ("prompt_guard_2", [], ["OTHER.ModelError"]),
    ("prompt_guard_2", [[], []], ["OTHER.ModelError"]),
    ("bert_base_ner", [], ["OTHER.Safe"]),
    ("detoxify", {"toxic": [0.1, 0.9]}, ["HARM.SPEECH.Toxicity"]),
    ("presidio", {"error": "no such language"}, ["OTHER.ModelError"]),
    ("presidio", {"entity_type": "PERSON", "score": 0.9}, ["PII.Person.Name"]),
    ("detect_secrets", [{"type": "Private Key", "is_secret": False}], ["OTHER.Safe"]),
    (
        "garak",
        [{"detector": "dan.DAN", "score": 1.0}, {"detector": "dan.STAN", "score": 0.0}],
        ["JAILBREAK.Attempt"],
    ),
    ("garak", {"detector": "dan.DAN", "scores": [None]}, ["OTHER.ModelError"]),
    ("garak", {"detector": "dan.DAN", "scores": []}, ["OTHER.ModelError"]),
    ("garak", {"entry_type": "eval", "detector": "dan.DAN", "passed": 5, "total": 4}, ["OTHER.ModelError"]),
    ("fms", {"detection_type": "pii", "detection": "NewKind", "score": 0.9}, ["PII.Other"]),
    ("fms", [{"detection_type": "pii", "start": 0, "end": 5, "score": 0.9}], ["PII.Other"]),
    ("fms", [{"detection_type": "pii", "detection": "EmailAddress"}], ["PII.Contact.Email"]),
    ("pangea", {"status": "Unauthorized", "result": {}}, ["OTHER.ModelError"]),
    ("calypsoai", {"result": {"outcome": "redacted", "scannerResults": None}}, ["POLICY.Violation"]),
    ("aporia", {"action": "block", "policy_execution_result": {}}, ["POLICY.Violation"]),
    ("guardrails_ai", {"validationPassed": False, "error": "canary"}, ["OTHER.ModelError"]),
    ("openai_moderation", {"results": []}, ["OTHER.ModelError"]),
    ("openai_moderation", {"error": {"message": "canary"}}, ["OTHER.ModelError"]),
    ("openai_moderation", {"results": [{"flagged": False, "categories": {}}]}, ["OTHER.ModelError"]),
]


@pytest.mark.parametrize(("vendor", "output", "gives"), CASES)
def test_variant_is_read(vendor: str, output: Any, gives: list[str], map_now: Any) -> None:
    result = map_now(MapperPayload(vendor, output))
    assert Counter(finding.taxonomy[0] for finding in result.findings) == Counter(gives)
    assert "canary" not in repr(result)
