"""Addresses of the dashboard: where one may be sent, and what stretch of time they name."""

from datetime import UTC, datetime, timedelta

import pytest

from analysis_svc.domain.errors import ServiceError
from analysis_svc.web.paths import HOME, back_to
from analysis_svc.web.stretches import Chosen, chosen_stretch

NOW = datetime(2026, 11, 3, 12, 34, 56, tzinfo=UTC)


def chosen(
    period: str | None = None,
    since: str | None = None,
    until: str | None = None,
    application: str | None = None,
) -> Chosen:
    return chosen_stretch(NOW, period=period, since=since, until=until, application=application)


@pytest.mark.parametrize(
    "path",
    ["/dashboard", "/dashboard/evidence?level=high&label=PII.Person.Name", "/dashboard/frameworks/soc2"],
)
def test_pages_of_the_dashboard_are_gone_back_to(path: str) -> None:
    assert back_to(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "https://evil.example/dashboard",
        "//evil.example/dashboard",
        "/dashboard//evil.example",
        "/dashboard/..\\evil",
        "/dashboard\r\nSet-Cookie: a=b",
        "/dashboardevil",
        "/dashboard/sign-in",
        "/dashboard/sign-out",
        "/dashboard?" + "a" * 2_000,
        "javascript:alert(1)",
    ],
)
def test_any_other_address_leads_to_the_first_page(path: str) -> None:
    assert back_to(path) == HOME


@pytest.mark.parametrize("period", ["24h", "7d", "30d", "90d", None])
def test_named_period_holds_the_present_and_has_whole_slices(period: str | None) -> None:
    stretch = chosen(period).stretch
    assert stretch.start < NOW < stretch.end <= NOW + stretch.step
    assert (stretch.end - stretch.start) % stretch.step == timedelta(0)
    assert 7 <= len(stretch.slices) <= 30
    assert stretch.slices[0] == stretch.start
    assert stretch.slices[-1] + stretch.step == stretch.end


def test_last_day_of_an_own_period_is_in_it() -> None:
    one = chosen(since="2026-10-01", until="2026-10-31")
    assert one.stretch.start == datetime(2026, 10, 1, tzinfo=UTC)
    assert one.stretch.end == datetime(2026, 11, 1, tzinfo=UTC)
    assert one.title == "1 Oct 2026 to 31 Oct 2026"


def test_address_of_a_slice_leads_to_exactly_that_slice() -> None:
    week = chosen("7d", application="chat & more")
    start = week.stretch.slices[3]
    query = dict(pair.split("=") for pair in week.bucket_query(start, week.stretch.step).split("&"))
    assert query["application"] == "chat+%26+more"
    narrowed = chosen(since=query["from"].replace("%3A", ":"), until=query["to"].replace("%3A", ":")).stretch
    assert (narrowed.start, narrowed.end) == (start, start + week.stretch.step)


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("1y", None, None),
        (None, "yesterday", None),
        (None, "2026-13-01", None),
        (None, "2026-10-02", "2026-10-01"),
        (None, "2020-01-01", "2026-10-01"),
        (None, "0001-01-01T00:00:00+23:59", None),
        (None, None, "9999-12-31"),
    ],
)
def test_stretch_that_is_none_is_refused(period: str | None, since: str | None, until: str | None) -> None:
    with pytest.raises(ServiceError, match="INVALID_REQUEST"):
        chosen(period, since, until)
