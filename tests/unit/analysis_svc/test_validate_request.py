import dataclasses
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from analysis_svc.api.wire import Name
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.models import (
    Analysis,
    AnalysisRequest,
    Context,
    DetectorFailure,
    Finding,
    Level,
)

GOOD = Finding("f1", "PII.Contact.Email", 0.9, 0.9, "presidio_analyzer")
Run = Callable[[AnalysisRequest], Analysis]


def assert_refused(run: Run, request: AnalysisRequest, field: str) -> None:
    with pytest.raises(ServiceError) as caught:
        run(request)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "f1]"}, "id"),
        ({"id": "f1\n"}, "id"),
        ({"label": "PII.Nothing"}, "label"),
        ({"label": "pii.contact.email"}, "label"),
        ({"score": -0.01}, "score"),
        ({"score": 1.01}, "score"),
        ({"score": math.nan}, "score"),
        ({"score": math.inf}, "score"),
        ({"confidence": math.nan}, "confidence"),
        ({"confidence": 2}, "confidence"),
        ({"occurrences": 0}, "occurrences"),
        ({"occurrences": 10**9}, "occurrences"),
        ({"detector": ""}, "detector"),
        ({"detector": "a\x00b"}, "detector"),
        ({"detector": "a\n"}, "detector"),
        ({"detector": "a\x7f"}, "detector"),
    ],
)
def test_wrong_finding_is_refused_by_field(run: Run, change: dict[str, Any], field: str) -> None:
    wrong = dataclasses.replace(GOOD, **{"id": "f4", **change})
    findings = tuple(dataclasses.replace(GOOD, id=f"f{i}") for i in (1, 2, 3))
    assert_refused(run, AnalysisRequest((*findings, wrong)), f"findings[3].{field}")


def test_repeated_id_is_refused(run: Run) -> None:
    assert_refused(run, AnalysisRequest((GOOD, GOOD)), "findings[1].id")


def test_a_thousand_findings_are_taken_and_one_more_is_refused(run: Run) -> None:
    findings = tuple(dataclasses.replace(GOOD, id=f"f{i}") for i in range(1001))
    run(AnalysisRequest(findings[:1000]))
    assert_refused(run, AnalysisRequest(findings), "findings")


@pytest.mark.parametrize(
    ("context", "field"),
    [
        (Context(request_id=""), "context.request_id"),
        (Context(application="x" * 129), "context.application"),
        (Context(detectors_required=("a", "")), "context.detectors_required[1]"),
        (Context(detectors_succeeded=("a",) * 257), "context.detectors_succeeded"),
        (Context(detectors_failed=(DetectorFailure("a", ""),)), "context.detectors_failed[0].status"),
        (Context(detectors_failed=(DetectorFailure("a", "x"),) * 257), "context.detectors_failed"),
        (Context(coverage=math.nan), "context.coverage"),
        (Context(coverage=1.5), "context.coverage"),
    ],
)
def test_wrong_context_is_refused_by_field(run: Run, context: Context, field: str) -> None:
    assert_refused(run, AnalysisRequest((GOOD,), context), field)


ODD_NAMES = (
    "[token]",
    "pii-[number]",
    "see [f9]",
    " ",
    "x\u00a0y",
    "\u202e",
    "\u2028",
    'a "b"',
    "\U000f0000",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_every_name_that_the_wire_takes_is_analysed(run: Run, name: str) -> None:
    assert msgspec.convert(name, Name) == name
    context = Context(
        request_id=name,
        application=name,
        detectors_required=(name,),
        detectors_succeeded=(name,),
        detectors_failed=(DetectorFailure("b", name),),
    )
    answer = run(AnalysisRequest((dataclasses.replace(GOOD, detector=name),), context))
    assert answer.risk.level is Level.MEDIUM


def test_unknown_framework_is_refused_by_place(run: Run) -> None:
    assert_refused(run, AnalysisRequest((GOOD,), frameworks=("gdpr", "iso9001")), "frameworks[1]")


def test_empty_framework_list_is_refused(run: Run) -> None:
    assert_refused(run, AnalysisRequest((GOOD,), frameworks=()), "frameworks")


def test_message_never_repeats_what_was_sent(run: Run) -> None:
    with pytest.raises(ServiceError) as caught:
        run(AnalysisRequest((dataclasses.replace(GOOD, label="my secret text"),)))
    assert "my secret text" not in str(caught.value)
