from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from mapper_svc.api.wire import MapBatchAnswer, MapBatchRequest, answer_of, payload_of
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.map_payload import map_payload
from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.mapper_over_http import MapperOverHttp
from pipelines.lib.golden.score_golden import by_rules, score_golden

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def asked() -> list[int]:
    """How many items each request held."""
    return []


@pytest.fixture
def client(catalogue: Catalogue, asked: list[int]) -> httpx.Client:
    """A client of the mapper's own request and answer types, without the server between."""

    def serve(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/map/batch"
        batch = msgspec.json.decode(request.content, type=MapBatchRequest)
        asked.append(len(batch.items))
        mapped = [
            answer_of(map_payload(payload_of(one), catalogue=catalogue, now=NOW)) for one in batch.items
        ]
        return httpx.Response(200, content=msgspec.json.encode(MapBatchAnswer(mapped)))

    return httpx.Client(base_url="http://mapper", transport=httpx.MockTransport(serve))


def test_the_answers_over_http_are_those_of_the_rules(
    client: httpx.Client, asked: list[int], golden_rows: tuple[GoldenRow, ...], catalogue: Catalogue
) -> None:
    some = golden_rows[::9]

    over_http = score_golden(some, MapperOverHttp(client))

    assert over_http == score_golden(some, by_rules(catalogue, NOW))
    assert sum(asked) == len(some)
    assert max(asked) <= 50


def test_the_version_reaches_the_mapper(client: httpx.Client, row: Callable[..., GoldenRow]) -> None:
    old = row(
        {"OTHER.Unknown": None},
        id="llama_guard_3_4/h001",
        vendor="llama_guard_3_4",
        output="unsafe\nS5",
        version="Llama-Guard-2-8B",
    )

    assert score_golden([old], MapperOverHttp(client)).overall.share == 1.0


def test_an_error_of_the_mapper_is_no_answer(row: Callable[..., GoldenRow]) -> None:
    refusing = httpx.MockTransport(lambda _: httpx.Response(401))
    with (
        httpx.Client(base_url="http://mapper", transport=refusing) as client,
        pytest.raises(httpx.HTTPStatusError),
    ):
        score_golden([row({"OTHER.Safe": None})], MapperOverHttp(client))


def test_fewer_results_than_items_are_no_answer(row: Callable[..., GoldenRow]) -> None:
    short = httpx.MockTransport(lambda _: httpx.Response(200, json={"results": []}))
    with (
        httpx.Client(base_url="http://mapper", transport=short) as client,
        pytest.raises(msgspec.ValidationError, match="as many results"),
    ):
        score_golden([row({"OTHER.Safe": None})], MapperOverHttp(client))
