"""The shipped catalogue, loaded once, and short ways to build findings."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.models import Analysis, AnalysisRequest

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue("2026.11")


@pytest.fixture(scope="session")
def run(catalogue: Catalogue) -> Callable[[AnalysisRequest], Analysis]:
    return lambda request: analyze(request, catalogue=catalogue, now=NOW)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = os.environ.get("LLAMA_MAPPER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LLAMA_MAPPER_DATA names no folder: the official texts cannot be compared")
    return Path(folder)
