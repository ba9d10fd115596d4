"""The door of the dashboard: what opens it, what ends it, and what no other site can do with it."""

import html
import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.integration.analysis_svc.dashboard.conftest import VIEWER, Dashboard

SESSION = "llama-mapper-session"
PAGES = ("", "/risk", "/findings", "/frameworks", "/incidents", "/evidence", "/search", "/reports")


@pytest.fixture
def browser(dashboard: Dashboard) -> Iterator[httpx.Client]:
    """What sends cookies back, and follows nothing by itself."""
    with httpx.Client(base_url=dashboard.url) as client:
        yield client


def token_on(page: httpx.Response) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert found, page.text[:500]
    return found[1]


def sign_in(browser: httpx.Client, key: str, **fields: str) -> httpx.Response:
    token = token_on(browser.get("/dashboard/sign-in"))
    return browser.post("/dashboard/sign-in", data={"csrf_token": token, "key": key} | fields)


@pytest.fixture
def inside(dashboard: Dashboard, browser: httpx.Client) -> httpx.Client:
    assert sign_in(browser, dashboard.key()).status_code == 303
    return browser


def test_key_is_exchanged_for_a_session_that_no_script_and_no_other_site_can_use(
    dashboard: Dashboard, browser: httpx.Client
) -> None:
    answer = sign_in(browser, dashboard.key(), next="/dashboard/evidence?level=high")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/evidence?level=high")
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(SESSION)]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=1800"} <= {
        part.strip() for part in cookie.split(";")
    }
    assert "Secure" not in cookie, "on loopback there is no TLS"
    assert dashboard.key() not in str(answer.headers)
    assert browser.get("/dashboard").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "dashboard.example"},
        {"x-forwarded-for": "203.0.113.9"},
        {"x-forwarded-proto": "https"},
        {"forwarded": "for=203.0.113.9"},
    ],
)
def test_off_loopback_the_cookie_is_kept_to_tls(browser: httpx.Client, headers: dict[str, str]) -> None:
    answer = browser.get("/dashboard/sign-in", headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-llama-mapper-visit=")
    assert "Secure" in answer.headers["set-cookie"]


def test_no_page_is_shown_without_a_session(browser: httpx.Client) -> None:
    for page in (*PAGES, "/no-such-page", f"/evidence/{uuid4()}", f"/reports/{uuid4()}/file"):
        answer = browser.get(f"/dashboard{page}")
        assert answer.status_code == 303, page
        assert answer.headers["location"].startswith("/dashboard/sign-in")


def test_every_page_forbids_scripts_frames_and_caches(inside: httpx.Client) -> None:
    for page in (*PAGES, "/no-such-page", "/sign-in"):
        headers = inside.get(f"/dashboard{page}").headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, page
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("key", ["", "   ", "made-up", "x" * 70_000])
def test_what_is_no_key_opens_nothing(browser: httpx.Client, key: str) -> None:
    answer = sign_in(browser, key)
    assert answer.status_code in {400, 401, 413}
    assert SESSION not in browser.cookies
    assert "made-up" not in answer.text, "a key is never shown again"


def test_sign_in_form_of_another_site_is_refused(dashboard: Dashboard, browser: httpx.Client) -> None:
    token = token_on(browser.get("/dashboard/sign-in"))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        form = {"csrf_token": token, "key": dashboard.key()}
        assert browser.post("/dashboard/sign-in", data=form, headers=headers).status_code == 403
    form = {"csrf_token": "0" * 64, "key": dashboard.key()}
    assert browser.post("/dashboard/sign-in", data=form).status_code == 403
    assert SESSION not in browser.cookies


def test_every_form_needs_the_sessions_own_token(dashboard: Dashboard, inside: httpx.Client) -> None:
    assert len(dashboard.posts) >= 6
    for post in dashboard.posts:
        path = re.sub(r"\{\w+:uuid\}", str(uuid4()), post)
        for form in ({"key": "k"}, {"csrf_token": ""}, {"csrf_token": "0" * 64}, {"csrf_token": "é"}):
            assert inside.post(path, data=form).status_code == 403, (path, form)
    assert inside.get("/dashboard").status_code == 200, "still signed in"


def test_signing_out_ends_every_copy_of_the_session(dashboard: Dashboard, inside: httpx.Client) -> None:
    copy = {SESSION: inside.cookies[SESSION]}
    token = token_on(inside.get("/dashboard"))
    answer = inside.post("/dashboard/sign-out", data={"csrf_token": token})
    assert answer.headers["location"] == "/dashboard/sign-in?notice=out"
    assert SESSION not in inside.cookies
    with httpx.Client(base_url=dashboard.url, cookies=copy) as other:
        assert other.get("/dashboard").status_code == 303


def test_revoked_key_ends_the_session_that_it_opened(dashboard: Dashboard, browser: httpx.Client) -> None:
    key = dashboard.key(uuid4())
    sign_in(browser, key)
    assert browser.get("/dashboard").status_code == 200
    dashboard.keys.revoked.add(key)
    assert browser.get("/dashboard").headers["location"] == "/dashboard/sign-in?notice=key"
    dashboard.keys.revoked.discard(key)
    assert browser.get("/dashboard").status_code == 303, "it does not come back"


def test_key_without_the_scope_sees_nothing(dashboard: Dashboard, browser: httpx.Client) -> None:
    sign_in(browser, dashboard.key(scopes="analyze"))
    for page in PAGES:
        answer = browser.get(f"/dashboard{page}")
        assert answer.status_code == 403
        assert "carry the scope" in answer.text


def test_evidence_of_another_tenant_is_not_there(dashboard: Dashboard, inside: httpx.Client) -> None:
    ids = re.findall(
        r"/dashboard/evidence/([0-9a-f-]{36})", inside.get("/dashboard/evidence?period=30d").text
    )
    assert ids
    with httpx.Client(base_url=dashboard.url) as other:
        sign_in(other, dashboard.key(dashboard.empty, VIEWER))
        assert other.get(f"/dashboard/evidence/{ids[0]}").status_code == 404
        assert "No record fits" in other.get("/dashboard/evidence?period=30d").text
        assert ids[0] not in other.get("/dashboard?period=30d").text


@pytest.mark.parametrize(
    "query",
    [
        "period=forever",
        "from=yesterday",
        "level=worst",
        "after=x",
        "label=" + "a" * 300,
        "application=%00",
        "label=%00",
        "after=%ff",
        "from=2026-01-02&to=2026-01-01",
    ],
)
def test_address_that_makes_no_sense_is_said_to_be_so(inside: httpx.Client, query: str) -> None:
    answer = inside.get(f"/dashboard/evidence?{query}")
    assert answer.status_code == 400
    assert "That cannot be shown" in answer.text


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "\ufffd\u202e"]
)
def test_what_an_address_says_is_text_on_the_page(inside: httpx.Client, hostile: str) -> None:
    text = inside.get("/dashboard/evidence", params={"label": hostile, "application": hostile}).text
    assert "<script>alert" not in text
    assert "<img" not in text
    shown = re.search(r'id="label" name="label" value="([^"]*)"', text)
    assert shown
    assert html.unescape(shown[1]) == hostile
