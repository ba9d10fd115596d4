"""Findings in a report: harm is counted, what is open is shown as open, what is well is neither."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

from sqlalchemy import Select

from analysis_svc.adapters.reports.stored_facts import StoredFactsRepository, _labels
from analysis_svc.domain.catalogue import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, Catalogue


def test_word_that_all_is_well_is_not_asked_for() -> None:
    connection = AsyncMock(execute=AsyncMock(return_value=Mock(all=list)))
    asyncio.run(_labels(connection, []))
    asked: Select[Any] = connection.execute.await_args.args[0]
    query = asked.compile()
    assert "findings.label != " in str(query)
    assert SAFE in query.params.values()


def test_what_is_open_is_called_so(catalogue: Catalogue) -> None:
    repository = StoredFactsRepository(Mock(), catalogue.taxonomy)

    def title(label: str) -> str:
        row = SimpleNamespace(label=label, analyses=1, occurrences=1, confidence=1.0)
        return repository._label(row).title  # type: ignore[arg-type]  # has what is read of it

    assert all(title(one).startswith("open, not a finding") for one in (UNKNOWN, NEEDS_REVIEW, MODEL_ERROR))
    assert not title("SECRET.ApiKey").startswith("open")
