"""Content reaches no log line, span, metric or row, whatever goes wrong on its way."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestration_svc.domain.detection import DetectorOutput
from tests.contracts.detectors import crashes_with_the_text, hangs
from tests.contracts.witnesses import Canary, Witness, listening
from tests.contracts.world import Answering, World


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.fixture
def witness(world: World) -> Iterator[Witness]:
    with listening(world) as witness:
        yield witness


async def post(world: World, service: str, body: bytes | object, **headers: str) -> httpx.Response:
    running = world.running[service]
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    sent = await world.headers(tenant_id=uuid4()) | {"Content-Type": "application/json"} | headers
    return await running.client.post(running.table.path, content=content, headers=sent)


async def orchestrate(world: World, canary: Canary, **fields: object) -> httpx.Response:
    return await post(world, "orchestration_svc", {"content": canary.content, "mode": "sync", **fields})


def test_witness_notices_a_leak_of_each_kind(witness: Witness, canary: Canary) -> None:
    logging.getLogger("some.library").debug("sent %s", canary.in_base64)
    with pytest.raises(AssertionError, match="every record"):
        witness.check_silence_on(canary)


async def test_success(world: World, witness: Witness, canary: Canary) -> None:
    answer = await orchestrate(world, canary)
    assert answer.status_code == 200
    assert answer.json()["analysis_result"]["evidence_id"]
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_answer_from_the_cache(world: World, witness: Witness, canary: Canary) -> None:
    body, tenant = {"content": canary.content, "mode": "sync"}, uuid4()
    running, evidence = world.running["orchestration_svc"], set()
    for _ in range(40):  # what was found is kept behind the answer
        answer = await running.client.post(
            running.table.path, json=body, headers=await world.headers(tenant_id=tenant)
        )
        evidence.add(answer.json()["analysis_result"]["evidence_id"])
        if answer.json()["cached_at"]:
            break
    assert answer.json()["cached_at"], "with the real mapper's word for what it maps with"
    assert len(evidence) > 1, "each request has its own"
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_success_with_the_content_in_escapes(world: World, witness: Witness, canary: Canary) -> None:
    answer = await post(world, "orchestration_svc", b'{"mode": "sync", "content": ' + canary.escaped() + b"}")
    assert answer.status_code == 200
    witness.check_silence_on(canary)


async def test_person_whose_text_it_was_is_only_a_hash_in_the_evidence(
    world: World, witness: Witness, canary: Canary
) -> None:
    answer = await orchestrate(world, canary, subject=canary.mark, application="of people")
    assert answer.status_code == 200, answer.text
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)
    evidence = [json.loads(row) for row in witness.testimony()["table analysis.analyses"].splitlines()]
    (kept,) = (one for one in evidence if one["application"] == "of people")
    assert len(kept["subject_hash"]) == len(r"\x") + 64


async def test_person_that_the_analysis_would_lose_is_missed_by_name(
    world: World, witness: Witness, canary: Canary
) -> None:
    with_key, table = world.wires.apps["analysis"], world.running["analysis_svc"].table
    async with world.another(table, subject_key="") as keyless:
        world.wires.apps["analysis"] = keyless.app
        answer = await orchestrate(world, canary, subject=canary.mark)
    world.wires.apps["analysis"] = with_key
    assert answer.status_code == 206
    assert answer.json()["missing"] == [{"part": "analysis", "reason": "subject_not_kept"}]
    witness.check_silence_on(canary)


async def test_detector_that_crashes_with_the_text_in_its_exception(
    world: World, witness: Witness, canary: Canary
) -> None:
    world.directory.let("detect_secrets", crashes_with_the_text)
    answer = await orchestrate(world, canary)
    assert answer.status_code == 206
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_all_detectors_crash_with_the_text(world: World, witness: Witness, canary: Canary) -> None:
    for name in ("detect_secrets", "presidio_analyzer"):
        world.directory.let(name, crashes_with_the_text)
    answer = await orchestrate(world, canary)
    assert answer.json()["error_code"] == "ALL_DETECTORS_UNAVAILABLE"
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_detector_that_hangs(world: World, witness: Witness, canary: Canary) -> None:
    world.directory.let("detect_secrets", hangs)
    answer = await orchestrate(world, canary)
    assert {one["status"] for one in answer.json()["detector_results"]} == {"success", "timeout"}
    witness.check_silence_on(canary)


async def test_detector_that_returns_the_text_as_output(
    world: World, witness: Witness, canary: Canary
) -> None:
    async def repeats(text: str) -> DetectorOutput:
        return DetectorOutput([{"label": text * 5}])

    world.directory.let("detect_secrets", repeats)
    answer = await orchestrate(world, canary)
    states = {one["detector"]: one["status"] for one in answer.json()["detector_results"]}
    assert states["detect_secrets"] == "unparsed", "a text is no label"
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_content_as_an_unknown_label_is_kept_for_review_scrubbed(
    world: World, witness: Witness, canary: Canary
) -> None:
    async def names_it(text: str) -> DetectorOutput:
        del text
        return DetectorOutput([{"type": f"leak of {canary.mark}", "start": 0, "end": 9}])

    world.directory.let("detect_secrets", names_it)
    answer = await orchestrate(world, canary)
    assert "OTHER.Unknown" in json.dumps(answer.json()["mapping_result"])
    testimony = witness.testimony()
    assert "[token]" in testimony["table mapper.review_items"]
    witness.check_silence_on(canary)


def raising(error: type[httpx.TransportError], words: str) -> Answering:
    async def fail(request: httpx.Request) -> httpx.Response:
        raise error(f"while sending {words}", request=request)

    return fail


def answering(status: int, content: bytes) -> Answering:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content, request=request)

    return answer


async def hanging(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(60)
    raise AssertionError(request)


def faults(canary: Canary) -> dict[str, Answering]:
    quoted = json.dumps({"detail": canary.content}).encode()
    return {
        "down": raising(httpx.ConnectError, canary.content),
        "cut off": raising(httpx.RemoteProtocolError, canary.content),
        "hanging": hanging,
        "garbage": answering(200, canary.content.encode()),
        "wrong shape": answering(
            200, json.dumps({"findings": canary.content, "risk": canary.content}).encode()
        ),
        "failing": answering(500, quoted),
        "refusing": answering(422, quoted),
    }


@pytest.mark.parametrize("kind", list(faults(Canary())))
@pytest.mark.parametrize(("host", "part"), [("mapper", "mapping"), ("analysis", "analysis")])
async def test_other_service_at_fault(
    world: World, witness: Witness, canary: Canary, kind: str, host: str, part: str
) -> None:
    world.wires.faults[host] = faults(canary)[kind]
    answer = await orchestrate(world, canary)
    assert answer.status_code == 206
    assert part in {one["part"] for one in answer.json()["missing"]}
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


Refused = Callable[[Canary], bytes]
REFUSALS: dict[str, tuple[Refused, int]] = {
    "too large": (lambda canary: json.dumps({"content": canary.content * 900}).encode(), 413),
    "far too large": (lambda canary: json.dumps({"content": canary.content * 20_000}).encode(), 413),
    "null byte": (lambda canary: json.dumps({"content": f"{canary.content}\x00"}).encode(), 400),
    "unknown field": (lambda canary: json.dumps({"content": "x", "note": canary.content}).encode(), 400),
    "wrong type": (lambda canary: json.dumps({"content": [canary.content]}).encode(), 400),
    "cut off": (lambda canary: b'{"content": ' + canary.escaped()[:-1], 400),
    "not UTF-8": (lambda canary: b'{"content": "' + canary.mark.encode() + b'\xff"}', 400),
    "lone surrogate": (lambda canary: b'{"content": "' + canary.mark.encode() + b'\\ud800 x"}', 400),
    "as a policy": (lambda canary: json.dumps({"content": "x", "policy": canary.content}).encode(), 400),
    "as a detector": (
        lambda canary: json.dumps({"content": "x", "detectors": [canary.content]}).encode(),
        400,
    ),
    "as a subject": (
        lambda canary: json.dumps({"content": "x", "subject": f"{canary.content}\n"}).encode(),
        400,
    ),
    "as too long a subject": (
        lambda canary: json.dumps({"content": "x", "subject": canary.mark * 6}).encode(),
        400,
    ),
    "as a mode": (lambda canary: json.dumps({"content": "x", "mode": canary.content}).encode(), 400),
}


@pytest.mark.parametrize("kind", list(REFUSALS))
async def test_refused_request(world: World, witness: Witness, canary: Canary, kind: str) -> None:
    make, status = REFUSALS[kind]
    answer = await post(world, "orchestration_svc", make(canary))
    assert answer.status_code == status, answer.text
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_content_in_path_query_and_headers(world: World, witness: Witness, canary: Canary) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the test's own client, which logs its URLs
    sent = await world.headers(tenant_id=uuid4())
    for running in world.running.values():
        await running.client.get(f"/api/v1/{canary.mark}", headers=sent)
        await running.client.get(f"{running.table.reading}?q={canary.mark}", headers=sent)
        await running.client.get(
            running.table.reading, headers=sent | {"User-Agent": canary.mark, "X-Other": canary.mark}
        )
        await running.client.get(running.table.reading, headers={"Authorization": f"Bearer {canary.mark}"})
    witness.check_silence_on(canary)


async def test_unhandled_exception_with_the_content_in_its_words(
    world: World, witness: Witness, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration_svc.domain import orchestrate as module  # noqa: PLC0415 - patched here only

    def breaks(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError(f"cannot share out the time for {canary.content} {arguments} {named}")

    monkeypatch.setattr(module, "budget_for", breaks)
    answer = await orchestrate(world, canary)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert canary.traces_in(answer.text) == []
    assert "unhandled_error" in witness.production_log.getvalue()
    witness.check_silence_on(canary)


async def test_unhandled_exception_below_the_application(
    world: World, witness: Witness, canary: Canary
) -> None:
    async def breaks(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(f"a client library quotes {request.content!r} {canary.content}")

    world.wires.faults["mapper"] = breaks
    answer = await orchestrate(world, canary)
    assert answer.status_code == 500
    witness.check_silence_on(canary)


NATIVE: dict[str, Callable[[Canary], dict[str, Any]]] = {
    "a bare label": lambda canary: {"detector": "openai_moderation", "output": canary.mark},
    "a sentence": lambda canary: {"detector": "openai_moderation", "output": canary.content},
    "a label with words": lambda canary: {"detector": "strange", "output": {"label": f"leak {canary.mark}"}},
    "labels as keys": lambda canary: {
        "detector": "openai_moderation",
        "output": {"results": [{"categories": {canary.mark: True}, "category_scores": {canary.mark: 0.9}}]},
    },
    "matched text": lambda canary: {
        "detector": "presidio_analyzer",
        "output": [{"entity_type": "EMAIL_ADDRESS", "start": 0, "end": 9, "score": 1, "text": canary.mark}],
    },
    "text of a FMS answer": lambda canary: {
        "detector": "fms_detectors_api",
        "output": [
            {
                "start": 0,
                "end": 5,
                "text": canary.content,
                "detection": "EmailAddress",
                "detection_type": "pii",
                "score": 0.9,
                "evidence": [{"name": canary.mark, "value": canary.mark}],
            }
        ],
    },
    "a Bedrock answer": lambda canary: {
        "detector": "bedrock_guardrails",
        "output": {
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": canary.content}],
            "assessments": [
                {
                    "sensitiveInformationPolicy": {
                        "piiEntities": [{"match": canary.mark, "type": "EMAIL", "action": "BLOCKED"}],
                        "regexes": [
                            {"name": canary.mark, "match": canary.mark, "regex": ".*", "action": "BLOCKED"}
                        ],
                    },
                    "wordPolicy": {"customWords": [{"match": canary.mark, "action": "BLOCKED"}]},
                }
            ],
        },
    },
    "an unreadable answer": lambda canary: {
        "detector": "llama_guard_3_4",
        "output": f"safe? {canary.content}",
    },
}


@pytest.mark.parametrize("kind", list(NATIVE))
async def test_content_in_what_a_detector_says(
    world: World, witness: Witness, canary: Canary, kind: str
) -> None:
    answer = await post(world, "mapper_svc", NATIVE[kind](canary))
    assert answer.status_code == 200, answer.text
    assert "OTHER.Safe" not in answer.text
    witness.check_silence_on(canary)
    assert canary.traces_in(answer.text) == [], "the answer is kept and passed on by others"


async def test_names_that_the_mapper_keeps_are_only_in_its_review_queue(
    world: World, witness: Witness, canary: Canary
) -> None:
    # Names of detectors are metadata that the caller chose: the queue may hold them, logs do not.
    said = {"detector": canary.mark, "version": canary.mark, "vendor": canary.mark, "output": "x"}
    body = {"detector": "aggregate", "metadata": {"provenance": [said]}}
    answer = await post(world, "mapper_svc", body)
    assert answer.status_code == 200, answer.text
    told = {source for source, text in witness.testimony().items() if canary.traces_in(text)}
    assert told <= {"table mapper.review_items"}


FINDING = {"id": "f1", "label": "SECRET.CloudCredential", "score": 1.0, "confidence": 1.0}
REFUSED_BY_ANALYSIS: dict[str, Callable[[Canary], dict[str, Any]]] = {
    "label": lambda canary: {"findings": [FINDING | {"label": canary.mark}]},
    "id with spaces": lambda canary: {"findings": [FINDING | {"id": f"x {canary.mark}"}]},
    "text beside the finding": lambda canary: {"findings": [FINDING | {"text": canary.mark}]},
    "framework": lambda canary: {"findings": [], "frameworks": [canary.mark]},
    "whole content as a name": lambda canary: {
        "findings": [],
        "context": {"application": canary.content * 3},
    },
}


@pytest.mark.parametrize("kind", list(REFUSED_BY_ANALYSIS))
async def test_content_sent_to_the_analysis_is_refused_and_not_kept(
    world: World, witness: Witness, canary: Canary, kind: str
) -> None:
    answer = await post(world, "analysis_svc", REFUSED_BY_ANALYSIS[kind](canary))
    assert answer.status_code == 400, answer.text
    assert canary.traces_in(answer.text) == []
    witness.check_silence_on(canary)


async def test_names_that_the_analysis_keeps_are_only_in_its_evidence(
    world: World, witness: Witness, canary: Canary
) -> None:
    # Ids and names are metadata that the caller chose: evidence holds them, logs do not.
    body = {
        "findings": [FINDING | {"id": canary.mark, "detector": canary.mark}],
        "context": {"request_id": canary.mark, "application": canary.mark},
    }
    answer = await post(world, "analysis_svc", body)
    assert answer.status_code == 200
    told = {source for source, text in witness.testimony().items() if canary.traces_in(text)}
    assert told == {"table analysis.analyses", "table analysis.findings"}


async def test_evidence_that_cannot_be_kept_is_not_logged_instead(world: World, canary: Canary) -> None:
    dead = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    with listening(world) as witness:
        for name in ("mapper_svc", "analysis_svc"):
            table = world.running[name].table
            async with world.another(table, database_url=dead) as cut_off:
                body = {
                    "mapper_svc": {"detector": "x", "output": f"label {canary.mark}"},
                    "analysis_svc": {"findings": [FINDING | {"id": canary.mark}]},
                }[name]
                answer = await cut_off.client.post(table.path, json=body, headers=await world.headers())
                assert answer.status_code == 200, answer.text
        witness.check_silence_on(canary)
