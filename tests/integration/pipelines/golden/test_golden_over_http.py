"""The golden set, asked of the mapper as it is served: its own application, database, cache and tokens."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from deploy.local import valkey
from mapper_svc.adapters.vendor_files import load_catalogue
from pipelines.lib.golden.mapper_over_http import MapperOverHttp
from pipelines.lib.golden.read_golden import read_golden
from pipelines.lib.golden.score_golden import score_golden
from tests.contracts.services import SERVICES
from tests.contracts.threaded_world import ThreadedWorld, threaded_world
from tests.contracts.world import World
from tests.fixtures.databases import ServiceDsns

MAPPER = "mapper_svc"


class ToTheMapper(httpx.BaseTransport):
    """Carries requests of this thread to the application, which lives in another."""

    def __init__(self, served: ThreadedWorld) -> None:
        self._served = served

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()

        async def there(world: World) -> httpx.Response:
            headers = {"Content-Type": request.headers["content-type"], **await world.headers()}
            return await world.running[MAPPER].client.post(request.url.path, content=body, headers=headers)

        answered = self._served.run(there)
        return httpx.Response(answered.status_code, content=answered.content, request=request)


@pytest.fixture
def mapper(
    migrated_database: Callable[[str], ServiceDsns], valkey_server: valkey.Cache
) -> Iterator[httpx.Client]:
    databases = {service.schema: migrated_database(service.schema) for service in SERVICES}
    urls = {service.schema: valkey_server.url(service.schema) for service in SERVICES}
    with (
        threaded_world(databases, urls) as served,
        httpx.Client(base_url="http://mapper", transport=ToTheMapper(served), timeout=60) as client,
    ):
        yield client


@pytest.mark.slow
def test_the_mapper_as_it_is_served_is_right_on_the_golden_set(mapper: httpx.Client) -> None:
    rows = read_golden(load_catalogue("2026.11").taxonomy)

    score = score_golden(rows, MapperOverHttp(mapper))

    wrong = "\n".join(f"{one.row.id} ({one.row.why}): {one.reason}" for one in score.wrong)
    assert score.overall.rows == len(rows)
    assert score.overall.share >= 0.95, wrong
    assert {vendor: one.share for vendor, one in score.vendors.items() if one.share < 0.95} == {}, wrong
