"""Times that leave a service are called UTC; the zone of the database's server must not show in them."""

from importlib import import_module
from typing import Any

import pytest
from procrastinate.testing import InMemoryConnector

from tests.unit.chassis.test_copies_are_alike import SERVICES

UTC_OPTION = "-c TimeZone=UTC "


@pytest.mark.parametrize("service", SERVICES)
def test_every_connection_asks_for_utc(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"{service}.adapters.database")
    told: dict[str, Any] = {}
    monkeypatch.setattr(module, "create_async_engine", lambda _, **how: told.update(how))
    module.Database("postgresql+psycopg://nobody@localhost:1/none", pool_size=1, statement_timeout_ms=1_000)
    assert UTC_OPTION in told["connect_args"]["options"]


@pytest.mark.parametrize("service", ["orchestration_svc", "analysis_svc"])
def test_every_connection_of_a_worker_asks_for_utc(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"{service}.adapters.job_queue")
    told: dict[str, Any] = {}

    def connector(**how: Any) -> InMemoryConnector:
        told.update(how)
        return InMemoryConnector()

    monkeypatch.setattr(module, "PsycopgConnector", connector)
    module.queue_app("postgresql+psycopg://nobody@localhost:1/none", connections=1)
    assert UTC_OPTION in told["kwargs"]["options"]
