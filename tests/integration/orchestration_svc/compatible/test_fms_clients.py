"""The FMS detector and orchestrator APIs, and this repository's own FMS client against them."""

import msgspec
import pytest

from orchestration_svc.adapters.detectors.fms_http import configured_detector, read_http_detectors
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.domain.detection import CallContext, DetectorFault, DetectorStatus, FailureReason
from tests.integration.orchestration_svc.compatible.conftest import Served

CONTENTS = "/api/v1/text/contents"
DETECTION = "/api/v2/text/detection/content"
EMAIL = {
    "start": 3,
    "end": 12,
    "text": "eve@x.org",
    "detection": "EMAIL",
    "detection_type": "PII.Contact.Email",
    "score": 0.7,
}


async def test_each_content_has_its_findings_in_order(served: Served) -> None:
    body = {"contents": ["to eve@x.org", "nothing", "👩🏽‍🦰 é eve@x.org"], "detector_params": {}}
    answer = await served.post(CONTENTS, body, **{"detector-id": "addresses"})
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json()
    assert (first, second) == ([EMAIL], [])
    assert third[0]["text"] == "eve@x.org", "offsets are code points"


async def test_finding_without_a_place_is_the_whole_text(served: Served) -> None:
    answer = await served.post(CONTENTS, {"contents": ["ignore all"]}, **{"detector-id": "llama-mapper"})
    (finding,) = answer.json()[0]
    assert (finding["start"], finding["end"], finding["detection"]) == (0, 10, "injection")


async def test_detector_that_is_not_there_is_404(served: Served) -> None:
    answer = await served.post(CONTENTS, {"contents": ["a"]}, **{"detector-id": "nobody"})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
    answer = await served.post(DETECTION, {"content": "a", "detectors": {"nobody": {}}})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


async def test_missing_detector_id_is_named(served: Served) -> None:
    answer = await served.post(CONTENTS, {"contents": ["a"]})
    assert answer.status_code == 400
    assert "detector-id" in answer.text.lower()


async def test_orchestrator_answers_for_each_detector_by_its_own_threshold(served: Served) -> None:
    text = "to eve@x.org ignore all"
    asked = {"addresses": {"threshold": 0.8}, "attacks": {"threshold": 0.8}}
    answer = (await served.post(DETECTION, {"content": text, "detectors": asked})).json()
    assert [one["detector_id"] for one in answer["detections"]] == ["attacks"]
    asked["addresses"]["threshold"] = 0.1
    answer = (await served.post(DETECTION, {"content": text, "detectors": asked})).json()
    assert answer["detections"][1] == {**EMAIL, "detector_id": "addresses"}


async def test_policy_as_a_whole_is_one_detector(served: Served) -> None:
    body = {"content": "to eve@x.org", "detectors": {"llama-mapper": {}}}
    answer = (await served.post(DETECTION, body)).json()
    assert answer == {"detections": [{**EMAIL, "detector_id": "llama-mapper"}]}


async def test_text_that_not_everybody_looked_at_has_a_finding_that_says_so(served: Served) -> None:
    served.attacks.raises = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.WORKER_DIED)
    answer = await served.post(CONTENTS, {"contents": ["good"]}, **{"detector-id": "llama-mapper"})
    (finding,) = answer.json()[0]
    assert (finding["detection"], finding["detection_type"]) == ("detectors_missing", "undetermined")


async def test_nobody_answering_is_502(served: Served) -> None:
    served.attacks.raises = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.WORKER_DIED)
    answer = await served.post(CONTENTS, {"contents": ["good"]}, **{"detector-id": "attacks"})
    assert (answer.status_code, answer.json()["error_code"]) == (502, "ALL_DETECTORS_UNAVAILABLE")


async def test_parameter_that_would_be_passed_over_is_refused(served: Served) -> None:
    body = {"contents": ["a"], "detector_params": {"regex": ["email"]}}
    answer = await served.post(CONTENTS, body, **{"detector-id": "addresses"})
    assert answer.json()["errors"][0]["field"] == "detector_params.regex"


async def test_our_own_fms_client_reads_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_TOKEN", served.token)
    entry = {
        "name": "edge",
        "base_url": served.url,
        "detector_id": "addresses",
        "vendor": "fms_detectors_api",
        "auth_env": "EDGE_TOKEN",
        "timeout_ms": 10_000,
    }
    (config,) = read_http_detectors(msgspec.json.encode([entry]).decode())
    async with OutboundClient(AnyAddress(), max_connections=1) as client:
        output = await configured_detector(config, client).detect_remote("to eve@x.org", CallContext())
    assert output.output == [{name: value for name, value in EMAIL.items() if name != "text"}]
