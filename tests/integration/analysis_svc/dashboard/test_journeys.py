"""What a person does with the dashboard, in a real browser: by mouse, by keyboard, without scripts."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.integration.analysis_svc.dashboard.conftest import VIEWER, Dashboard, a_worker

CHROMIUM = os.environ.get("LLAMA_MAPPER_CHROMIUM", "/usr/bin/chromium")
PAGES = ("", "/risk", "/findings", "/frameworks", "/incidents", "/evidence", "/search", "/reports")
WIDTHS = (1280, 390)
NAMELESS = """() => [
    ...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a, svg[role=img]')
].filter(one => !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-labelledby')))
.map(one => one.outerHTML)"""
IDS_GIVEN_TWICE = """() => {
    const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
    return ids.length - new Set(ids).size;
}"""
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no Chromium at {CHROMIUM}: install it (Debian: apt-get install chromium)")
    # Its sandbox needs rights that a container's root does not have; what is opened is our own page.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, dashboard: Dashboard) -> Iterator[OpenPage]:
    """Open the dashboard in a browser of its own, signed in; whatever it complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def give(key: str | None = None, **options: Any) -> Page:
        context = chromium.new_context(base_url=dashboard.url, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto("/dashboard")
        page.get_by_label("API key").fill(dashboard.key() if key is None else key)
        page.get_by_role("button", name="Sign in").click()
        return page

    yield give
    for context in contexts:
        context.close()
    # A form that is sent back is answered with 400, which the browser mentions as well.
    assert [one for one in complaints if "400 (Bad Request)" not in one] == []


def test_from_the_overview_to_a_record_and_out_again(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_label("Period").select_option("30d")  # htmx fetches it, without a click on "Show"
    expect(page).to_have_url(re.compile("period=30d"))
    expect(page.get_by_label("Period")).to_have_value("30d")
    page.get_by_role("link", name="high", exact=True).click()
    expect(page.get_by_label("Level")).to_have_value("high")
    rows = page.locator("tbody tr")
    assert set(rows.locator("td:nth-child(2)").all_inner_texts()) == {"high"}
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Who looked")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.go_back()
    expect(page.get_by_label("API key")).to_be_visible()


def test_records_are_paged_to_the_oldest(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/dashboard/evidence?period=30d&application=support-chat")
    seen: list[str] = []
    while True:
        seen += [str(link.get_attribute("href")) for link in page.locator("tbody th a").all()]
        older = page.get_by_role("link", name="Older records")
        if not older.count():
            break
        older.click()
        page.wait_for_load_state()
    assert len(seen) == len(set(seen)) > 50


def test_signing_in_works_by_keyboard_alone(chromium: Browser, dashboard: Dashboard) -> None:
    with chromium.new_context(base_url=dashboard.url) as context:
        page = context.new_page()
        page.goto("/dashboard/findings")
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type(dashboard.key())
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/dashboard/findings"))
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Period")).to_be_focused()


def test_everything_works_without_scripts(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/dashboard/evidence")
    page.get_by_label("Period").select_option("30d")
    page.get_by_label("Label").fill("SECRET.CloudCredential")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("label=SECRET"))
    page.locator("tbody th a").first.click()
    assert "SECRET.CloudCredential" in page.inner_text("table")


def test_colours_are_chosen_and_remembered(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    page.goto("/dashboard/risk")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_tenant_without_evidence_is_told_what_that_means(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(dashboard.key(dashboard.empty, VIEWER))
    for path in ("", "/risk", "/findings", "/incidents", "/evidence", "/search", "/reports"):
        page.goto(f"/dashboard{path}")
        expect(page.locator(".empty-title")).to_be_visible()
        assert page.locator("table").count() == 0
    page.goto("/dashboard/frameworks")
    assert set(page.locator("tbody td:nth-of-type(1)").all_inner_texts()) == {"insufficient"}
    assert set(page.locator("tbody td.cell").evaluate_all("all => all.map(one => one.className)")) == {
        "cell heat-blind"
    }


def test_control_that_was_violated_leads_to_the_evidence(open_page: OpenPage) -> None:
    page = open_page()
    page.goto("/dashboard/frameworks")
    page.get_by_label("Framework", exact=True).select_option("iso27001")
    expect(page.get_by_role("heading", name="ISO/IEC 27001")).to_be_visible()
    row = page.locator("tr:has(.state-violated)").first
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Controls violated")).to_be_visible()
    expect(page.get_by_text("iso27001").first).to_be_visible()


def test_incident_is_acknowledged_and_resolved(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page()
    page.goto("/dashboard/incidents?status=open")
    page.locator("tbody th a").first.click()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("h1")).to_contain_text("acknowledged")
    page.get_by_label("It ended as").select_option("false_positive")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".timeline")).to_contain_text("resolved as false positive by key test")
    expect(page.get_by_role("button", name="Resolve")).to_have_count(0)
    reader = open_page(dashboard.key(scopes=VIEWER))
    reader.goto("/dashboard/incidents?status=open")
    reader.locator("tbody th a").first.click()
    expect(reader.get_by_text("sign in with a key that carries the scope incidents:manage")).to_be_visible()
    expect(reader.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_answer_quotes_its_source_or_says_that_there_is_none(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    add_document(dashboard, dashboard.busy)
    page = open_page()
    page.goto("/dashboard/search")
    page.get_by_label("A question").fill("When are keys found in a prompt revoked?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("blockquote").first).to_contain_text("revoked within one hour")
    expect(page.locator(".source").first).to_contain_text("House rules, 1")
    assert "prompt" not in page.url, "a question is in no address"
    page.get_by_label("A question").fill("Which planet has the most moons?")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", name="Not in the sources")).to_be_visible()
    other = open_page(dashboard.key(dashboard.empty))
    other.goto("/dashboard/search")
    other.get_by_label("A question").fill("When are keys found in a prompt revoked?")
    other.get_by_role("button", name="Ask").click()
    expect(other.get_by_role("heading", name="Not in the sources")).to_be_visible()


def test_report_is_ordered_made_and_downloaded(open_page: OpenPage, dashboard: Dashboard) -> None:
    page = open_page(dashboard.key(uuid4()))
    page.goto("/dashboard/reports")
    page.get_by_label("Framework").select_option("soc2")
    page.get_by_label("For", exact=True).select_option("auditor")
    page.get_by_label("As", exact=True).select_option("html")
    page.get_by_role("button", name="Order").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    with a_worker(dashboard):
        expect(page.locator(".state-ready")).to_be_visible(timeout=60_000)  # without a reload
    with page.expect_download() as downloading:
        page.get_by_role("link", name="HTML").click()
    assert downloading.value.suggested_filename.endswith(".html")
    assert "SOC 2" in Path(downloading.value.path()).read_text("utf-8")
    address = page.get_by_role("link", name="HTML").get_attribute("href")
    reader = open_page(dashboard.key(dashboard.empty, VIEWER))
    assert reader.request.get(f"{dashboard.url}{address}").status == 404, "another tenant's report"
    reader.goto("/dashboard/reports")
    expect(reader.get_by_role("button", name="Order")).to_have_count(0)


def test_report_of_a_period_that_makes_no_sense_is_not_ordered(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/dashboard/reports")
    before = page.locator("tbody tr").count()
    page.get_by_label("First day").fill("2026-11-02")
    page.get_by_label("Last day").fill("2026-11-01")
    page.get_by_role("button", name="Order").click()
    expect(page.get_by_role("alert")).to_contain_text("must be before")
    expect(page.get_by_label("First day")).to_have_value("2026-11-02")
    assert page.locator("tbody tr").count() == before


def add_document(dashboard: Dashboard, tenant: UUID) -> None:
    text = "# 1 Secrets\n\nKeys that are found in a prompt are revoked within one hour.\n"
    answer = httpx.post(
        f"{dashboard.url}/api/v1/knowledge",
        headers={"Authorization": f"Bearer {dashboard.key(tenant, 'knowledge:read knowledge:manage')}"},
        json={"source": "house-rules", "title": "House rules", "format": "markdown", "content": text},
        timeout=60,
    )
    assert answer.status_code in {200, 201}, answer.text


def test_every_page_fits_the_screen_can_be_read_aloud_and_needs_nothing_from_elsewhere(
    open_page: OpenPage, dashboard: Dashboard
) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        page.goto(f"/dashboard{path}?period=30d")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("h1").count() == page.locator("main").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.evaluate(NAMELESS) == []
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.evaluate(IDS_GIVEN_TWICE) == 0
    assert len(asked) > len(PAGES)
    assert [url for url in asked if not url.startswith(dashboard.url)] == []
    # htmx notes which address it is at; of what is on a page the browser keeps nothing.
    assert page.evaluate("localStorage.length") == 0
    assert set(page.evaluate("Object.keys(sessionStorage)")) <= {"htmx-current-path-for-history"}
    assert page.evaluate("document.cookie") == "", "no script sees a cookie"
