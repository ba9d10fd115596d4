from datetime import UTC, datetime

from analysis_svc.adapters.hold_repository import covering


def test_a_hold_covers_a_moment_by_its_period_whatever_its_application() -> None:
    narrowed = " ".join(str(covering(datetime(2026, 1, 5, tzinfo=UTC))).partition("WHERE")[2].split())
    assert "released_at IS NULL AND" in narrowed
    assert "covers_from IS NULL OR" in narrowed
    assert "covers_to IS NULL OR" in narrowed
    assert "application" not in narrowed
