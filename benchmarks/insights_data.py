"""Evidence of a busy tenant for benchmarks: real analyses of random findings, repeated over time."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from analysis_svc.adapters.evidence_rows import FINDING_COLUMNS, analysis_row
from analysis_svc.adapters.tables import analyses
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.catalogue import MODEL_ERROR, SAFE, Catalogue
from analysis_svc.domain.models import AnalysisRequest, Context, DetectorFailure, Finding, StatedVersions

TEMPLATES = 3_000
DETECTORS = ("presidio_analyzer", "detect_secrets", "prompt_guardrail", "alt_profanity_check")
_APPLICATIONS = ("chat", "search", "support", None)
_LABELS = (
    *("PII.Contact.Email", "PII.Person.Name", "PII.Contact.Phone", "PII.Financial.CreditCard"),
    *("SECRET.ApiKey", "JAILBREAK.Attempt", "PROMPT_INJECTION.Direct", "HARM.SPEECH.Profanity"),
    *("HARM.SPEECH.Threat", "HARM.SPEECH.Insult", "INTEGRITY.Hallucination", "OTHER.Unknown"),
)
_COLUMNS = tuple(
    column.name for column in analyses.columns if column.name not in ("id", "analysed_at", "digest")
)
# Busy by day, quiet at night; the same in every run. A template is drawn for each analysis.
_ANALYSES = """
insert into analysis.analyses (id, analysed_at, {columns})
select gen_random_uuid(), %(start)s + (%(end)s - %(start)s) * (n - 0.5 + 0.4 * sin(n * 0.37)) / %(count)s,
       {columns}
from generate_series(1, %(count)s) n
join made on made.number = mod(abs(hashint4(n)), {templates})
"""
_FINDINGS = """
insert into analysis.findings (tenant_id, analysis_id, {columns})
select a.tenant_id, a.id, f.*
from analysis.analyses a join made on made.request_id = a.request_id
cross join lateral jsonb_to_recordset(made.found) as f({typed})
where a.tenant_id = %(tenant)s
"""
_FOUND = FINDING_COLUMNS[1:]
_TYPES = {"score": "float8", "confidence": "float8", "occurrences": "int"}


def fill(dsn: str, tenant: UUID, catalogue: Catalogue, *, count: int, start: datetime, end: datetime) -> None:
    """Insert `count` analyses between two times, two findings each in the mean; half of them have none.

    Args:
        dsn: of a superuser.
        tenant: whose they become.
        catalogue: analyses them.
        count: how many.
        start: of the stretch.
        end: of the stretch.
    """
    names = ", ".join(_COLUMNS)
    values = {"tenant": tenant, "count": count, "start": start, "end": end}
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(
            f"create temp table made as select 0 as number, '[]'::jsonb as found, {names}"  # noqa: S608 - our own
            " from analysis.analyses limit 0"
        )
        with admin.cursor().copy(f"copy made (number, found, {names}) from stdin") as copy:
            for row in _templates(tenant, catalogue):
                copy.write_row(row)
        admin.execute(_ANALYSES.format(columns=names, templates=TEMPLATES), values)
        typed = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in _FOUND)
        admin.execute(_FINDINGS.format(columns=", ".join(_FOUND), typed=typed), values)
        admin.execute("vacuum analyze analysis.analyses, analysis.findings")


def _templates(tenant: UUID, catalogue: Catalogue) -> Iterator[list[Any]]:
    draw = random.Random(20261122)  # noqa: S311 - the same data in every run is what is wanted
    for number in range(TEMPLATES):
        request = _request(draw, number)
        analysis = analyze(request, catalogue=catalogue, now=datetime.now(UTC))
        row = analysis_row(tenant, uuid4(), request, analysis)
        found = msgspec.json.encode(
            [
                {name: getattr(one, "id" if name == "finding_id" else name) for name in _FOUND}
                for one in request.findings
            ]
        )
        cells = [row[name] for name in _COLUMNS]
        yield [
            number,
            found.decode(),
            *(_cell(name, cell) for name, cell in zip(_COLUMNS, cells, strict=True)),
        ]


def _cell(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever the column holds
    return msgspec.json.encode(value).decode() if name in ("detectors_failed", "versions") else value


def _request(draw: random.Random, number: int) -> AnalysisRequest:
    failed = tuple(name for name in DETECTORS if draw.random() < 0.02)  # noqa: PLR2004 - one in fifty
    context = Context(
        request_id=f"t-{number}",
        application=draw.choice(_APPLICATIONS),
        detectors_required=DETECTORS[:3],
        detectors_succeeded=tuple(name for name in DETECTORS if name not in failed),
        detectors_failed=tuple(DetectorFailure(name, "timeout") for name in failed),
        versions=StatedVersions(
            policy="default",
            policy_version=str(draw.randint(1, 4)),
            mapper_taxonomy="2026.11",
            detectors=dict.fromkeys(DETECTORS, "1.0"),
        ),
    )
    each = 0 if draw.random() < 0.5 else draw.randint(1, 7)  # noqa: PLR2004 - half of them
    findings = tuple(_finding(draw, at) for at in range(each))
    return AnalysisRequest(findings=findings, context=replace(context))


def _finding(draw: random.Random, at: int) -> Finding:
    kind = draw.random()
    label = SAFE if kind < 0.3 else MODEL_ERROR if kind < 0.31 else draw.choice(_LABELS)  # noqa: PLR2004 - shares
    return Finding(
        id=f"f{at}",
        label=label,
        score=round(draw.random(), 3),
        confidence=round(draw.uniform(0.5, 1.0), 3),
        detector=draw.choice(DETECTORS),
        tier=draw.choice(("rule", "model", "fallback")),
    )
