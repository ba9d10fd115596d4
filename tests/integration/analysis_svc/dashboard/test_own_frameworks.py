"""A tenant's own framework stands among the others on its pages, and on nobody else's."""

import asyncio
import html
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.framework_repository import FrameworkRepository
from analysis_svc.domain import tenant_catalogues
from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import JudgedOn, Priority
from analysis_svc.domain.check_framework import DraftControl, FrameworkDraft, check_framework
from analysis_svc.domain.own_frameworks import Decision
from tests.integration.analysis_svc.dashboard.conftest import Dashboard
from tests.integration.analysis_svc.dashboard.test_sign_in import sign_in, token_on

TITLE = "Rules of <our> own house"


async def approve(database_url: str, tenant: UUID) -> None:
    control = DraftControl("H-1", "No keys", "Nobody pastes keys.", Priority.HIGH, JudgedOn.REQUEST)
    draft = FrameworkDraft("house-rules", TITLE, "2026", "Handbook", [control])
    database = Database(database_url, pool_size=1, statement_timeout_ms=5_000)
    store = FrameworkRepository(database)
    kept = await store.propose(tenant, check_framework(draft, load_catalogue("2026.11")), actor="anna")
    berta = Principal(tenant, "berta", frozenset(), frozenset())
    await store.decide(berta, "house-rules", kept.version, Decision.APPROVE, "")
    await database.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too the first page waits for the tenant's frameworks."""
    monkeypatch.setattr(tenant_catalogues, "FIRST_LIMIT_S", 10.0)


@pytest.fixture(scope="module")
def owner(dashboard: Dashboard) -> UUID:
    """A tenant with a framework of its own in force."""
    tenant = uuid4()
    with ThreadPoolExecutor(1) as thread:  # Playwright keeps this thread's loop to itself
        thread.submit(asyncio.run, approve(dashboard.database_url, tenant)).result()
    return tenant


def test_own_framework_is_listed_assessed_and_reported_on(dashboard: Dashboard, owner: UUID) -> None:
    with httpx.Client(base_url=dashboard.url) as browser:
        sign_in(browser, dashboard.key(owner))
        page = browser.get("/dashboard/frameworks?framework=house-rules")
        assert page.status_code == 200
        assert html.escape(TITLE) in page.text
        assert "H-1" in page.text
        form = browser.get("/dashboard/reports")
        assert 'value="house-rules"' in form.text
        today = datetime.now(UTC)
        order = {
            "csrf_token": token_on(form),
            "framework": "house-rules",
            "from": f"{today - timedelta(days=7):%Y-%m-%d}",
            "to": f"{today - timedelta(days=1):%Y-%m-%d}",
            "application": "",
            "audience": "auditor",
            "format": "html",
        }
        assert browser.post("/dashboard/reports", data=order).status_code == 303
        assert html.escape(TITLE) in browser.get("/dashboard/reports").text.partition("<tbody>")[2]


def test_own_framework_of_another_is_not_there(dashboard: Dashboard, owner: UUID) -> None:
    assert owner != dashboard.empty
    with httpx.Client(base_url=dashboard.url) as browser:
        sign_in(browser, dashboard.key(dashboard.empty))
        assert browser.get("/dashboard/frameworks?framework=house-rules").status_code == 404
        for page in ("frameworks", "reports"):
            assert html.escape(TITLE) not in browser.get(f"/dashboard/{page}").text
