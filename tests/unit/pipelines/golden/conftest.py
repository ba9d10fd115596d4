from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.catalogue import Catalogue
from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.read_golden import read_golden

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue("2026.11")


@pytest.fixture(scope="session")
def golden_rows(catalogue: Catalogue) -> tuple[GoldenRow, ...]:
    return read_golden(catalogue.taxonomy)


@pytest.fixture
def row() -> Callable[..., GoldenRow]:
    """Makes a row of which only what the test speaks of is given."""

    def make(findings: dict[str, list[float] | None], **given: Any) -> GoldenRow:
        fields = {
            "id": "presidio_analyzer/h001",
            "vendor": "presidio_analyzer",
            "output": [],
            "why": "a test",
        }
        expected = {"findings": findings, "tier": given.pop("tier", None)}
        return msgspec.convert({**fields, "expected": expected, **given}, GoldenRow)

    return make
