from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis_svc.domain.retention_kinds import TERMS
from pipelines.lib.retention.archive import ArchiveError
from pipelines.lib.retention.bucket_archive import BucketArchive
from pipelines.lib.retention.kinds import load_kinds
from pipelines.retention_settings import read_retention_settings
from pipelines.settings import SettingsError

KINDS = load_kinds()
NOW = datetime(2026, 11, 3, tzinfo=UTC)


def test_the_terms_of_the_analysis_are_those_that_its_api_shows() -> None:
    set_by_tenants = [kind for kind in KINDS["analysis"] if kind.setting]
    assert {kind.name: kind.days for kind in set_by_tenants} == {
        kind.value: term.default for kind, term in TERMS.items()
    }
    assert {kind.setting for kind in set_by_tenants} == {f"retention_days.{kind}" for kind in TERMS}
    assert [kind.name for kind in KINDS["analysis"] if not kind.setting] == ["idempotency"]


@pytest.mark.parametrize(
    "chosen", [{}, {"retention_days": {}}, {"retention_days": 5}, {"retention_days": {"evidence": True}}]
)
def test_what_is_not_set_is_the_default(chosen: dict[str, Any]) -> None:
    (evidence, *_) = KINDS["analysis"]
    assert evidence.cutoff(chosen, NOW) == NOW - timedelta(days=730)
    assert evidence.term({"retention_days": {"evidence": 90}}) == 90


def test_a_kind_that_no_tenant_sets_cannot_be_set_by_settings_of_another_shape() -> None:
    chosen = {"": 1, "retention_days": {"review": 1, "decisions": 1}}
    assert {kind.name: kind.term(chosen) for kind in KINDS["mapper"]} == {"review": 365, "decisions": 730}


def test_an_unknown_word_in_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "retention.yaml"
    path.write_text("mapper: {review: {table: t, id: i, at: a, days: 1, dayz: 2}}")
    with pytest.raises(msgspec.ValidationError, match="dayz"):
        load_kinds(path)


def test_a_wrong_address_is_named_and_not_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        read_retention_settings({"PIPELINES_ANALYSIS_DATABASE_URL": "mysql://u:secret@h/d"})
    assert "PIPELINES_ANALYSIS_DATABASE_URL is wrong" in str(caught.value)
    assert "secret" not in str(caught.value)


class Bucket:
    """Speaks S3 as far as the archive does."""

    def __init__(self, *codes: str) -> None:
        self.asked: dict[str, Any] = {}
        self.codes = list(codes)

    def put_object(self, **asked: Any) -> None:
        self.asked = asked
        if self.codes and (code := self.codes.pop(0)):
            error = RuntimeError("the client's own words")
            error.response = {"Error": {"Code": code}}  # type: ignore[attr-defined]
            raise error


def test_an_object_is_locked_for_its_days_and_never_written_twice() -> None:
    bucket = Bucket()
    BucketArchive("s3://kept/evidence", days=10, client=bucket).keep("a/b.gz", b"x")
    assert (bucket.asked["Bucket"], bucket.asked["Key"]) == ("kept", "evidence/a/b.gz")
    assert (bucket.asked["ObjectLockMode"], bucket.asked["IfNoneMatch"]) == ("COMPLIANCE", "*")
    locked = bucket.asked["ObjectLockRetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=9.9) < locked <= timedelta(days=10)


def test_what_the_bucket_has_already_is_no_fault_and_a_refusal_is() -> None:
    BucketArchive("s3://kept", days=10, client=Bucket("PreconditionFailed")).keep("a", b"x")
    with pytest.raises(ArchiveError, match=r"s3://kept/a was not taken: InvalidRequest"):
        BucketArchive("s3://kept", days=10, client=Bucket("InvalidRequest")).keep("a", b"x")


def test_a_name_that_something_else_is_at_is_asked_for_again_and_never_taken_for_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipelines.lib.retention.bucket_archive._WAIT_S", 0)
    bucket = Bucket("ConditionalRequestConflict", "ConditionalRequestConflict", "")
    BucketArchive("s3://kept", days=10, client=bucket).keep("a", b"x")
    assert bucket.codes == []
    bucket = Bucket(*["ConditionalRequestConflict"] * 9)
    with pytest.raises(ArchiveError, match="ConditionalRequestConflict"):
        BucketArchive("s3://kept", days=10, client=bucket).keep("a", b"x")
    assert len(bucket.codes) == 5
