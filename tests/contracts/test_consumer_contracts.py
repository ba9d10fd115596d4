"""What orchestration_svc sends and reads, against the contracts of those it calls."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin
from uuid import uuid4

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.adapters import analysis_client, mapper_client
from orchestration_svc.adapters.analysis_client import question_out
from orchestration_svc.adapters.mapper_client import BatchOut, payload_out
from orchestration_svc.domain.detection import DetectorStatus
from orchestration_svc.domain.downstream import AnalysisQuestion, FailedDetector, MadeWith, MappedFinding
from orchestration_svc.domain.handover import MAX_BYTES, Provenance, build_payloads
from tests.contracts.world import World

ROOT = Path(__file__).parents[2]
NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)
SHARES = st.floats(0, 1)
OUTPUTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(0, 1) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PROVENANCE = st.builds(
    Provenance,
    detector=NAMES,
    vendor=NAMES,
    version=NAMES,
    confidence=st.none() | SHARES,
    output=OUTPUTS,
    processing_time_ms=st.floats(0, 1e6),
)


def document(service: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / service / "openapi.json").read_text("utf-8")))


def validator(service: str, schema: str) -> jsonschema_rs.Draft202012Validator:
    """Check against one schema of a service's contract, formats included."""
    whole = document(service)
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": whole["components"]}, validate_formats=True
    )


def answer_schema(service: str, path: str, status: str = "200") -> str:
    """Name the schema that a provider documents for an answer."""
    content = document(service)["paths"][path]["post"]["responses"][status]["content"]
    return str(content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1])


def body_schema(service: str, path: str) -> str:
    """Name the schema that a provider documents for a body."""
    content = document(service)["paths"][path]["post"]["requestBody"]["content"]
    schema: Mapping[str, Any] = content["application/json"]["schema"]
    return str(schema.get("$ref", schema.get("allOf", [{}])[0].get("$ref")).rsplit("/", 1)[1])


def wire(body: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(body))


@given(st.lists(PROVENANCE, min_size=1, max_size=5), SHARES)
def test_every_hand_over_fits_the_mappers_contract(said: list[Provenance], coverage: float) -> None:
    payloads = build_payloads(said, coverage_achieved=coverage, aggregation_method="REQUIRED_SET")
    one = validator("mapper_svc", body_schema("mapper_svc", "/api/v1/map"))
    many = validator("mapper_svc", body_schema("mapper_svc", "/api/v1/map/batch"))
    for payload in payloads:
        one.validate(wire(payload_out(payload)))
    many.validate(wire(BatchOut([payload_out(payload) for payload in payloads])))


def test_large_hand_over_is_split_into_bodies_that_the_mapper_takes() -> None:
    finding = {"type": "AWS Access Key", "start": 0, "end": 20}
    said = Provenance("d", "v", "1", None, [finding | {"start": n} for n in range(9000)], 1.0)
    payloads = build_payloads([said], coverage_achieved=1.0, aggregation_method="REQUIRED_SET")
    assert len(payloads) > 1
    for payload in payloads:
        assert len(msgspec.json.encode(payload_out(payload))) <= MAX_BYTES
    outputs = [part.output for payload in payloads for part in payload.provenance]
    assert sum(len(output) for output in outputs if isinstance(output, list)) == 9000


FINDINGS = st.builds(
    MappedFinding,
    label=st.sampled_from(["PII.Contact.Email", "SECRET.CloudCredential", "OTHER.Safe"]),
    score=SHARES,
    confidence=SHARES,
    detector=NAMES,
    tier=st.sampled_from(["rule", "model", "semantic", "fallback"]),
    occurrences=st.integers(1, 1_000_000),
)


@given(
    st.builds(
        AnalysisQuestion,
        request_id=st.uuids(),
        findings=st.lists(FINDINGS, max_size=6).map(tuple),
        required=st.lists(NAMES, max_size=4).map(tuple),
        succeeded=st.lists(NAMES, max_size=4).map(tuple),
        failed=st.lists(
            st.builds(
                FailedDetector, detector=NAMES, status=st.sampled_from([one.value for one in DetectorStatus])
            ),
            max_size=4,
        ).map(tuple),
        coverage=SHARES,
        made_with=st.builds(
            MadeWith,
            policy=st.none() | st.text(),
            policy_version=st.none() | st.text(),
            mapper_taxonomy=st.none() | st.text(),
            model=st.none() | st.text(),
            detectors=st.dictionaries(st.text(), st.text(), max_size=4),
        ),
    )
)
def test_every_question_fits_the_analysis_contract(question: AnalysisQuestion) -> None:
    schema = body_schema("analysis_svc", "/api/v1/analyze")
    validator("analysis_svc", schema).validate(wire(question_out(question)))


def needed_of(struct: type) -> dict[str, Any]:
    """Return the fields that a consumer's Struct insists on, with the Structs inside."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct) if field.required}


def unwrapped(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is list else kind


def check_provider_gives(struct: type, service: str, schema: str) -> None:
    """Check that the provider documents every field that the consumer needs as one that is always there."""
    schemas = document(service)["components"]["schemas"]
    documented = schemas[schema]
    for name, kind in needed_of(struct).items():
        assert name in documented["required"], f"{service} does not promise {schema}.{name}"
        inner = unwrapped(kind)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            property_ = documented["properties"][name]
            reference = property_.get("items", property_)["$ref"]
            check_provider_gives(inner, service, reference.rsplit("/", 1)[1])


@pytest.mark.parametrize(
    ("struct", "service", "path"),
    [
        (mapper_client._Answer, "mapper_svc", "/api/v1/map"),
        (mapper_client._BatchAnswer, "mapper_svc", "/api/v1/map/batch"),
        (analysis_client._Answer, "analysis_svc", "/api/v1/analyze"),
    ],
)
def test_provider_promises_what_the_consumer_reads(struct: type, service: str, path: str) -> None:
    check_provider_gives(struct, service, answer_schema(service, path))


async def test_real_answers_fit_their_documents_and_the_consumers_reading(world: World) -> None:
    mapper, analysis = world.running["mapper_svc"], world.running["analysis_svc"]
    headers = await world.headers(tenant_id=uuid4())
    said = [
        Provenance("detect_secrets", "detect_secrets", "1.5", None, [{"type": "AWS Access Key"}], 1.0),
        Provenance("strange", "strange", "unknown", 0.5, {"label": "never heard of"}, 2.0),
        Provenance("broken", "openai_moderation", "2", None, {"unexpected": []}, 2.0),
    ]
    (payload,) = build_payloads(said, coverage_achieved=1.0, aggregation_method="REQUIRED_SET")
    mapped = await mapper.client.post("/api/v1/map", json=wire(payload_out(payload)), headers=headers)
    validator("mapper_svc", answer_schema("mapper_svc", "/api/v1/map")).validate(mapped.json())
    read = mapper_client._read([msgspec.json.decode(mapped.content, type=mapper_client._Answer)], {})
    assert len(read.findings) == 3
    question = AnalysisQuestion(
        request_id=uuid4(),
        findings=read.findings,
        required=("detect_secrets", "other"),
        succeeded=("detect_secrets",),
        failed=(FailedDetector("other", "timeout"),),
        coverage=0.5,
    )
    analysed = await analysis.client.post(
        "/api/v1/analyze", json=wire(question_out(question)), headers=headers
    )
    assert analysed.status_code == 200, analysed.text
    validator("analysis_svc", answer_schema("analysis_svc", "/api/v1/analyze")).validate(analysed.json())
    msgspec.json.decode(analysed.content, type=analysis_client._Answer)
