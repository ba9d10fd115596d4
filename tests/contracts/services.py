"""The table of services that keep the same rules. A fourth service is one entry more."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class ServiceUnderTest:
    """What the shared rules need to know of a service.

    Attributes:
        name: of its package.
        schema: of its database; also the host it has in tests.
        path: of its main POST operation.
        body: that it answers with success.
        scope: that the operation needs.
        reading: path of a GET that needs a token.
        without_postgres: what readiness says then.
        own_metrics: names of metrics beside the shared ones.
        runs_detectors: whether it takes a detector directory.
    """

    name: str
    schema: str
    path: str
    body: Mapping[str, Any]
    scope: str
    reading: str
    without_postgres: str
    own_metrics: tuple[str, ...]
    runs_detectors: bool = False


SERVICES = (
    ServiceUnderTest(
        name="orchestration_svc",
        schema="orchestration",
        path="/api/v1/orchestrate",
        body={"content": "mail eve@example.com", "mode": "sync"},
        scope="orchestrate",
        reading="/api/v1/detectors",
        without_postgres="degraded",
        own_metrics=(
            "orchestrate_requests_total",
            "orchestrate_request_duration_ms",
            "detector_latency_ms",
            "coverage_achieved",
            "policy_enforcement_total",
            "circuit_breaker_state",
            "detector_health_status",
        ),
        runs_detectors=True,
    ),
    ServiceUnderTest(
        name="mapper_svc",
        schema="mapper",
        path="/api/v1/map",
        body={"detector": "openai_moderation", "output": "harassment"},
        scope="map",
        reading="/api/v1/taxonomy",
        without_postgres="degraded",
        own_metrics=("mapper_findings_total", "mapper_review_not_kept_total", "mapper_model_call_seconds"),
    ),
    ServiceUnderTest(
        name="analysis_svc",
        schema="analysis",
        path="/api/v1/analyze",
        body={"findings": [{"id": "f1", "label": "SECRET.CloudCredential", "score": 1.0, "confidence": 1.0}]},
        scope="analyze",
        reading="/api/v1/frameworks",
        without_postgres="degraded",
        own_metrics=("analysis_analyses_total", "analysis_evidence_not_kept_total"),
    ),
)
BY_NAME = {service.name: service for service in SERVICES}


def settings_of(
    service: ServiceUnderTest,
    *,
    database_url: str,
    redis_url: str,
    key_encryption_key: str,
    changes: Mapping[str, Any],
) -> Any:
    """Make the service's settings: its example ones, on the given servers, with changes."""
    module = importlib.import_module(f"{service.name}.settings")
    given = {
        "database_url": database_url,
        "redis_url": redis_url,
        "metrics_port": 0,
        "orchestration_url": "http://orchestration",
        "mapper_url": "http://mapper",
        "analysis_url": "http://analysis",
        "key_encryption_key": key_encryption_key,
        "redis_timeout_ms": 1_000,
        "subject_key": key_encryption_key,
    }
    known = module.Settings.__struct_fields__
    chosen = {name: value for name, value in given.items() if name in known} | dict(changes)
    return msgspec.structs.replace(module.example_settings(), **chosen)
