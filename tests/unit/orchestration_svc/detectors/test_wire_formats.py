"""Each language is spoken as its servers expect; an answer that is none is never "nothing found"."""

import json
from typing import Any

import httpx
import pytest

from orchestration_svc.adapters.detectors.http_detector import HttpDetector, HttpTarget
from orchestration_svc.adapters.detectors.wire_formats import make_wire_format
from orchestration_svc.domain.detection import CallContext, DetectorFault, DetectorOutput, DetectorStatus
from orchestration_svc.domain.detector_registration import AdapterName
from orchestration_svc.domain.reduced_output import is_reduced
from tests.fixtures.scripted_calls import ScriptedCalls

TEXT = "mail jane.doe@example.com now"
MAIL = "jane.doe@example.com"
GENERIC = {
    "path": "/scan",
    "request": {"doc": {"body": "{text}"}, "lang": "en"},
    "entries": "found[?risk > `0.1`]",
    "label": "kind.name",
    "score": "risk",
    "start": "at[0]",
    "end": "at[1]",
}
KSERVE = {"model": "hap", "labels": ["safe", "toxic"]}


async def ask(
    adapter: AdapterName, options: dict[str, Any], answer: Any
) -> tuple[httpx.Request, DetectorOutput]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=answer)

    target = HttpTarget("d", "http://detector.test/", "acme")
    detector = HttpDetector(target, make_wire_format(adapter, options), ScriptedCalls(handler))
    said = await detector.detect_remote(TEXT, CallContext())
    return seen[0], said


@pytest.mark.parametrize(
    ("adapter", "options", "path", "sent", "answer", "kept", "confidence"),
    [
        (
            AdapterName.OPENAI_MODERATIONS,
            {"model": "omni-moderation-latest"},
            "/v1/moderations",
            {"input": TEXT, "model": "omni-moderation-latest"},
            {
                "id": "x",
                "model": "m",
                "results": [
                    {
                        "flagged": True,
                        "categories": {"harassment/threatening": True, "hate": False, "illicit": None},
                        "category_scores": {"harassment/threatening": 0.8, "hate": 0.1, "illicit": None},
                        "category_applied_input_types": {"hate": ["text"]},
                    }
                ],
            },
            {
                "results": [
                    {
                        "flagged": True,
                        "categories": {"harassment/threatening": True, "hate": False},
                        "category_scores": {"harassment/threatening": 0.8, "hate": 0.1},
                    }
                ]
            },
            0.8,
        ),
        (
            AdapterName.PRESIDIO,
            {"language": "en", "score_threshold": 0.4},
            "/analyze",
            {"text": TEXT, "language": "en", "score_threshold": 0.4},
            [
                {
                    "entity_type": "EMAIL_ADDRESS",
                    "start": 5,
                    "end": 25,
                    "score": 1.0,
                    "analysis_explanation": MAIL,
                }
            ],
            [{"entity_type": "EMAIL_ADDRESS", "start": 5, "end": 25, "score": 1.0}],
            1.0,
        ),
        (
            AdapterName.LLM_GUARD,
            {},
            "/analyze/prompt",
            {"prompt": TEXT},
            {"sanitized_prompt": MAIL, "is_valid": False, "scanners": {"Anonymize": 1.0, "Toxicity": -1.0}},
            {"is_valid": False, "scanners": {"Anonymize": 1.0, "Toxicity": -1.0}},
            1.0,
        ),
        (
            AdapterName.LLAMA_STACK,
            {"shield_id": "llama-guard"},
            "/v1/safety/run-shield",
            {"shield_id": "llama-guard", "messages": [{"role": "user", "content": TEXT}], "params": {}},
            {
                "violation": {
                    "violation_level": "error",
                    "user_message": MAIL,
                    "metadata": {"violation_type": "S1,S10"},
                }
            },
            {"violation": {"violation_level": "error", "metadata": {"violation_type": "S1,S10"}}},
            None,
        ),
        (
            AdapterName.KSERVE_V2,
            KSERVE,
            "/v2/models/hap/infer",
            {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]},
            {"outputs": [{"name": "scores", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}]},
            [{"label": "safe", "score": 0.25}, {"label": "toxic", "score": 0.75}],
            0.75,
        ),
        (
            AdapterName.KSERVE_V2,
            {"model": "hap", "labels_output": "output_0"},
            "/v2/models/hap/infer",
            {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]},
            {"outputs": [{"name": "output_0", "data": ['{"label": "LABEL_1", "score": 0.5}']}]},
            [{"label": "LABEL_1", "score": 0.5}],
            0.5,
        ),
        (
            AdapterName.GENERIC_JSON,
            GENERIC,
            "/scan",
            {"doc": {"body": TEXT}, "lang": "en"},
            {"found": [{"kind": {"name": "mail"}, "risk": 0.9, "at": [5, 25], "match": MAIL}, {"risk": 0.0}]},
            [{"label": "mail", "score": 0.9, "start": 5, "end": 25}],
            0.9,
        ),
        (
            AdapterName.GENERIC_JSON,
            {"request": {"q": "{text}"}, "entries": "scores"},
            "/",
            {"q": TEXT},
            {"scores": {"toxicity": 0.7, "insult": 0.1}},
            [{"label": "toxicity", "score": 0.7}, {"label": "insult", "score": 0.1}],
            0.7,
        ),
    ],
)
async def test_language_is_spoken_and_the_text_is_dropped(
    adapter: AdapterName, options: Any, path: str, sent: Any, answer: Any, kept: Any, confidence: float | None
) -> None:
    request, said = await ask(adapter, options, answer)
    assert (request.method, request.url.path, json.loads(request.content)) == ("POST", path, sent)
    assert request.headers["accept-encoding"] == "identity"
    assert (said.output, said.confidence) == (kept, confidence)
    assert is_reduced(said.output)
    assert MAIL not in json.dumps(said.output)


@pytest.mark.parametrize(
    ("adapter", "options", "answer"),
    [
        (AdapterName.OPENAI_MODERATIONS, {}, {"results": []}),
        (AdapterName.OPENAI_MODERATIONS, {}, {"results": [{"flagged": False, "categories": {}}]}),
        (AdapterName.OPENAI_MODERATIONS, {}, {"results": [{"flagged": True, "categories": {MAIL: True}}]}),
        (AdapterName.OPENAI_MODERATIONS, {}, {"error": {"message": MAIL}}),
        (AdapterName.PRESIDIO, {}, {"error": MAIL}),
        (AdapterName.PRESIDIO, {}, [{"entity_type": MAIL, "score": 1.0}]),
        (AdapterName.PRESIDIO, {}, [{"entity_type": "PERSON", "score": 7}]),
        (AdapterName.LLM_GUARD, {}, {"is_valid": True, "scanners": {}}),
        (AdapterName.LLM_GUARD, {}, {"detail": MAIL}),
        (AdapterName.LLAMA_STACK, {"shield_id": "x"}, {}),
        (AdapterName.LLAMA_STACK, {"shield_id": "x"}, {"violation": MAIL}),
        (AdapterName.KSERVE_V2, KSERVE, {"outputs": []}),
        (AdapterName.KSERVE_V2, KSERVE, {"outputs": [{"name": "scores", "data": [3.5, -2.0]}]}),
        (AdapterName.KSERVE_V2, KSERVE, {"outputs": [{"name": "scores", "data": [0.5]}]}),
        (AdapterName.GENERIC_JSON, GENERIC, {"other": []}),
        (AdapterName.GENERIC_JSON, GENERIC, {"found": [{"kind": {"name": MAIL}, "risk": 0.9}]}),
    ],
)
async def test_answer_that_is_none_is_unparsed(adapter: AdapterName, options: Any, answer: Any) -> None:
    with pytest.raises(DetectorFault) as caught:
        await ask(adapter, options, answer)
    assert caught.value.status is DetectorStatus.UNPARSED
    assert MAIL not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"request": {"q": "none"}}, "options.request"),
        ({"entries": "found["}, "options.entries"),
        ({"entries": "[@,@] | [@,@][]"}, "options.entries"),
        ({"entries": "map(&@, found)"}, "options.entries"),
        ({"label": "join('', @)"}, "options.label"),
        ({"path": "//evil.example.com"}, None),
        ({"token": "s3cret"}, "options"),
    ],
)
def test_option_that_could_do_harm_is_refused(changes: dict[str, Any], named: str | None) -> None:
    if named is None:
        # It stays a path of the server that was registered, whatever it looks like.
        wire = make_wire_format(AdapterName.GENERIC_JSON, {**GENERIC, **changes})
        assert httpx.URL("http://detector.test" + wire.path).host == "detector.test"
        return
    with pytest.raises(ValueError, match=named) as caught:
        make_wire_format(AdapterName.GENERIC_JSON, {**GENERIC, **changes})
    assert "s3cret" not in str(caught.value)
