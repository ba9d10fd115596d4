import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue("2026.11")


@pytest.fixture(scope="session")
def map_now(catalogue: Catalogue) -> Callable[[MapperPayload], MapResult]:
    return lambda payload: map_payload(payload, catalogue=catalogue, now=NOW)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = os.environ.get("LLAMA_MAPPER_DATA")
    if not folder:
        pytest.skip("LLAMA_MAPPER_DATA names no folder: the vendors' label and shape files are not here")
    return Path(folder)
