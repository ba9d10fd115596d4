"""``python -m mapper_svc evaluate``: score a file of labelled rows, offline or through a running service."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx
import msgspec

from mapper_svc.adapters.http_client import make_http_client
from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.model_client import BentoModel
from mapper_svc.adapters.model_wire import ITEMS_MAX
from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.evaluate import (
    EvaluatedAnswer,
    EvaluationRow,
    EvaluationRowError,
    evaluate,
    read_rows,
)
from mapper_svc.domain.evaluated_tiers import (
    Judgements,
    answer_of,
    asked_of,
    by_all,
    by_meaning,
    by_model,
    by_rule,
    payload_of,
)
from mapper_svc.domain.label_model import ModelUnavailableError
from mapper_svc.domain.model_opinion import Judgement

_BATCH = 100
_MODEL_BATCH = min(64, ITEMS_MAX)
_PATIENCE_S = 120.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was asked to do.

    Attributes:
        tier: rule, model, semantic or all.
        url: base URL of a running mapper, or None to map here.
        token: for it.
        model_url: base URL of a Bento to ask, or None to do without a model.
        model_token: its service token.
        edition: of the taxonomy, in which the rows are read and answered.
        as_json: print JSON instead of a table.
    """

    tier: str
    url: str | None
    token: str
    model_url: str | None
    model_token: str
    edition: str
    as_json: bool


class _Finding(msgspec.Struct, frozen=True):
    taxonomy: list[str]
    confidence: float
    tier: str


class _Result(msgspec.Struct, frozen=True):
    findings: list[_Finding]


class _BatchAnswer(msgspec.Struct, frozen=True):
    results: list[_Result]


class _Unheard:
    """The command tells of a failure itself; nobody counts calls."""

    def model_call(self, outcome: str, seconds: float) -> None:
        """Count nothing."""

    def breaker_state(self, state: str) -> None:
        """Show nothing."""


def run(file: Path, asked: Asked) -> None:
    """Score ``file`` and print the figures.

    Raises:
        click.ClickException: a line of the file is no row, which is named; a server does not answer;
            there is no such edition.
        click.UsageError: the options do not go together.
    """
    if asked.url is not None and (asked.tier != "all" or asked.model_url is not None):
        raise click.UsageError("--url asks a mapper as it runs: it goes with --tier all and no --model-url")
    if asked.tier == "model" and asked.model_url is None:
        raise click.UsageError("--tier model needs --model-url, the base URL of a Bento")
    try:
        catalogue = load_catalogue(asked.edition)
    except DataFaultError as error:
        raise click.ClickException(str(error)) from None
    try:
        with file.open(encoding="utf-8") as lines:
            rows = list(read_rows(lines, catalogue.taxonomy))
    except (EvaluationRowError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name}: {error}") from None
    answers = asyncio.run(_answers(rows, catalogue, asked))
    report = evaluate(zip(rows, answers, strict=True))
    click.echo(json.dumps(report, ensure_ascii=False) if asked.as_json else _table(report))


async def _answers(
    rows: Sequence[EvaluationRow], catalogue: Catalogue, asked: Asked
) -> list[EvaluatedAnswer]:
    now = datetime.now(UTC)
    async with make_http_client(timeout_s=_PATIENCE_S, max_connections=2) as client:
        if asked.url is not None:
            return await _through(client, rows, asked.url, asked.token)
        if asked.tier == "rule":
            return by_rule(rows, catalogue, now)
        judgements: Judgements = {}
        if asked.model_url is not None:
            judgements = await _judgements(client, rows, catalogue, asked.model_url, asked.model_token)
    if asked.tier == "model":
        return by_model(rows, catalogue, judgements)
    if asked.tier == "semantic":
        return by_meaning(rows, catalogue, judgements)
    return by_all(rows, catalogue, now, judgements)


async def _judgements(
    client: httpx.AsyncClient,
    rows: Sequence[EvaluationRow],
    catalogue: Catalogue,
    url: str,
    token: str,
) -> Judgements:
    model = BentoModel(client, url, token, catalogue.taxonomy, _Unheard(), timeout_s=_PATIENCE_S)
    labels = asked_of(rows, catalogue)
    judgements = {}
    for first in range(0, len(labels), _MODEL_BATCH):
        part = labels[first : first + _MODEL_BATCH]
        try:
            answer = await model.distributions(part)
        except ModelUnavailableError as error:
            raise click.ClickException(f"the model at {url} cannot be used: {error.reason.value}") from None
        for label, said in zip(part, answer.distributions, strict=True):
            judgements[label] = Judgement(answer.version, answer.labels, said)
    return judgements


async def _through(
    client: httpx.AsyncClient, rows: Sequence[EvaluationRow], url: str, token: str
) -> list[EvaluatedAnswer]:
    answers = []
    for first in range(0, len(rows), _BATCH):
        payloads = [payload_of(row) for row in rows[first : first + _BATCH]]
        items = [{"detector": payload.detector, "output": payload.output} for payload in payloads]
        try:
            response = await client.post(
                f"{url.rstrip('/')}/api/v1/map/batch",
                json={"items": items},
                headers={"Authorization": f"Bearer {token}"},
            )
            response.raise_for_status()
            batch = msgspec.json.decode(response.content, type=_BatchAnswer)
        except httpx.HTTPStatusError as error:
            raise click.ClickException(f"the mapper answers {error.response.status_code}") from None
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            raise click.ClickException(f"the mapper gives no answer: {type(error).__name__}") from None
        found = [result.findings[0] for result in batch.results]
        answers += [answer_of(one.taxonomy[0], one.confidence, one.tier) for one in found]
    return answers


def _table(report: dict[str, object]) -> str:
    per_vendor, tiers, errors = report["per_vendor"], report["tiers"], report["errors"]
    if not isinstance(per_vendor, dict) or not isinstance(tiers, dict) or not isinstance(errors, list):
        raise TypeError("the report lost its shape")
    width = max((len(vendor) for vendor in per_vendor), default=len("vendor"))
    lines = [f"{'vendor':<{width}}  rows  accuracy  macro F1  coverage  precision    ECE"]
    lines += [_line(vendor, figures, width) for vendor, figures in per_vendor.items()]
    lines.append(_line("all", report, width))
    lines.append("answered by: " + ", ".join(f"{tier} {count}" for tier, count in tiers.items()))
    lines += [
        f"wrong: {row['vendor']} {row['raw']!r}: {row['answer']} instead of {row['gold']}" for row in errors
    ]
    return "\n".join(lines)


def _line(name: str, figures: dict[str, object], width: int) -> str:
    return (
        f"{name:<{width}}  {figures['rows']:>4}  {figures['accuracy']:>8.3f}  {figures['macro_f1']:>8.3f}"
        f"  {figures['coverage']:>8.3f}  {figures['precision']:>9.3f}  {figures['ece']:>5.3f}"
    )
