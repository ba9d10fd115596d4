"""What is due goes, nothing else does, and the audit log says so: on real databases."""

import gzip
import json
import multiprocessing
import os
import signal
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.database import Database
from pipelines.keep_terms import Kept, keep_terms, tenants
from pipelines.lib.retention import delete_due
from pipelines.lib.retention.archive import ArchiveError, FolderArchive
from pipelines.lib.retention.service_database import BusyError
from pipelines.retention_settings import RetentionSettings
from pipelines.settings import SettingsError
from tests.fixtures.ageing_rows import NOW, World


def run(world: World, service: str = "analysis", *, tenant: UUID | None = None, dry: bool = False) -> Kept:
    return keep_terms(
        world.settings,
        service,
        tenant or world.tenant,
        now=NOW,
        run="test-run",
        dry=dry,
        say=lambda _: None,
    )


async def intact(world: World, tenant: UUID) -> bool:
    database = Database(world.dsns["analysis"].runtime, pool_size=1, statement_timeout_ms=5_000)
    try:
        return (await AuditRepository(database).verify(tenant)).intact
    finally:
        await database.close()


def test_exactly_what_is_older_than_the_term_goes_with_its_findings(world: World) -> None:
    world.choose("analysis", {"retention_days": {"evidence": 90}})
    world.analyses(25, days=90.01)
    young = world.analyses(5, days=89.9)
    strange = world.analyses(3, days=400, tenant=world.other)
    kept = run(world)
    assert world.ids() == {*young, *strange}
    assert world.ids("analysis.findings", "analysis_id") == {*young, *strange}
    deleted = kept.deleted["evidence"]
    assert dict(deleted.rows) == {"analyses": 25, "findings": 50, "incident_evidence": 0}
    assert (deleted.batches, deleted.term.settings_version) == (3, 1)


def test_without_settings_the_defaults_hold(world: World) -> None:
    world.analyses(1, days=731)
    young = world.analyses(1, days=729)
    run(world)
    assert world.ids() == set(young)


def test_a_dry_run_counts_the_same_and_changes_nothing(world: World) -> None:
    world.hold(application="held")
    old = world.analyses(7, days=800) + world.analyses(2, days=800, application="held")
    _, due = run(world, dry=True).due["evidence"]
    assert (due.rows, due.held) == (7, 2)
    assert due.children == {"findings": 14, "incident_evidence": 0}
    assert world.ids() == set(old)
    assert world.events() == []
    assert dict(run(world).deleted["evidence"].rows)["analyses"] == due.rows


@pytest.mark.parametrize(
    "narrowed",
    [
        {},
        {"application": "held"},
        {"covers_from": NOW - timedelta(days=900), "covers_to": NOW - timedelta(days=850)},
        {"application": "held", "covers_to": NOW - timedelta(days=850)},
    ],
)
def test_nothing_under_a_legal_hold_goes(world: World, narrowed: dict[str, Any]) -> None:
    held = world.analyses(15, days=860, application="held") + world.analyses(1, days=870, application=None)
    free = world.analyses(5, days=800, application="chat")
    world.hold(**narrowed)
    world.hold(application="nobody's")
    run(world)
    # What is of no known application may be of the one on hold.
    assert world.ids() == {*held, *(free if not narrowed else [])}


def test_what_was_held_goes_once_the_hold_is_released(world: World) -> None:
    held = world.analyses(3, days=800)
    name = world.hold()
    run(world)
    assert world.ids() == set(held)
    world.admin.execute("update analysis.legal_holds set released_at = now() where id = %s", [name])
    run(world)
    assert world.ids() == set()


async def test_each_batch_and_a_certificate_are_in_a_chain_that_verifies(world: World) -> None:
    world.analyses(25, days=800)
    run(world)
    events = world.events()
    assert [action for action, _ in events] == ["retention.deleted"] * 3 + ["retention.certified"]
    assert [detail["rows"]["analyses"] for _, detail in events] == [10, 10, 5, 25]
    assert events[-1][1]["run"] == "test-run"
    assert await intact(world, world.tenant)
    run(world)
    assert len(world.events()) == 4, "nothing was due, so nothing is told"


def test_what_is_archived_is_there_for_good_and_leads_to_nobody(world: World) -> None:
    world.choose("analysis", {"archive_evidence": True})
    world.analyses(12, days=800, subject=b"s" * 32)
    deleted = run(world).deleted["evidence"]
    files = sorted(world.archive.rglob("*.gz"))
    assert len(files) == len(deleted.archived) == 2
    lines = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    rows = [line for line in lines if "table" in line]
    assert sum(row["table"] == "analyses" for row in rows) == 12
    assert sum(row["table"] == "findings" for row in rows) == 24
    for row in rows:
        assert not {"subject_hash", "request_id", "digest"} & set(row)
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o444
    told = {name for _, detail in world.events() for name, *_ in [detail["archive"]] if isinstance(name, str)}
    assert told == {str(file.relative_to(world.archive)) for file in files}


def test_the_archive_never_takes_another_content_under_a_name(world: World) -> None:
    archive = FolderArchive(world.archive)
    archive.keep("a/b.gz", b"one")
    archive.keep("a/b.gz", b"one")
    with pytest.raises(ArchiveError, match="another content"):
        archive.keep("a/b.gz", b"two")
    assert (world.archive / "a/b.gz").read_bytes() == b"one"


def test_where_the_archive_takes_nothing_nothing_is_deleted(world: World) -> None:
    world.choose("analysis", {"archive_evidence": True})
    old = world.analyses(3, days=800)
    world.archive.write_text("a file, where there should be a folder")
    with pytest.raises(ArchiveError):
        run(world)
    assert world.ids() == set(old)
    assert world.events() == []


async def test_a_killed_run_leaves_whole_batches_and_the_next_ends_it(world: World) -> None:
    world.analyses(60, days=800)
    young = world.analyses(2, days=1)
    process = multiprocessing.get_context("fork").Process(
        target=_run_until_killed, args=(world.settings, world.tenant)
    )
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    left = len(world.ids())
    told = sum(detail["rows"]["analyses"] for _, detail in world.events())
    assert 0 < told < 60
    assert left == 62 - told
    run(world)
    assert world.ids() == set(young)
    action, certificate = world.events()[-1]
    assert (action, certificate["rows"]["analyses"]) == ("retention.certified", 60)
    assert (certificate["runs"], certificate["first_event"]) == (["killed", "test-run"], 1)
    assert await intact(world, world.tenant)


def test_a_run_that_was_killed_before_its_certificate_gets_it_from_one_with_nothing_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.analyses(3, days=800)
    with monkeypatch.context() as killed:
        killed.setattr(delete_due, "certify", lambda *_: None)
        run(world)
    assert [action for action, _ in world.events()] == ["retention.deleted"]
    deleted = run(world).deleted["evidence"]
    assert (deleted.batches, deleted.certificate) == (0, 2)
    assert world.events()[-1][1]["rows"]["analyses"] == 3


def _run_until_killed(settings: RetentionSettings, tenant: UUID) -> None:
    def die_in_the_third_batch(said: str) -> None:
        if " 20 rows" in said:
            vars(delete_due)["append_event"] = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)

    keep_terms(settings, "analysis", tenant, now=NOW, run="killed", dry=False, say=die_in_the_third_batch)


def test_a_hold_that_is_placed_during_a_batch_waits_for_its_end_and_then_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.analyses(20, days=800)
    waiting, answered = threading.Event(), threading.Event()

    def place() -> None:
        with psycopg.connect(world.dsns["analysis"].admin) as service:
            service.execute("set local application_name = 'placing'")
            waiting.set()
            service.execute(
                "select pg_advisory_xact_lock(hashtextextended('analysis retention ' || %s, 0))",
                [str(world.tenant)],
            )
            world.hold()
        answered.set()

    placing = threading.Thread(target=place)
    original = vars(delete_due)["remove_rows"]

    def slow(*values: Any, **named: Any) -> Any:
        if not placing.is_alive() and not answered.is_set():
            placing.start()
            waiting.wait(5)
            while not world.admin.execute(
                "select 1 from pg_stat_activity"
                " where application_name = 'placing' and wait_event = 'advisory'"
            ).fetchone():
                assert not answered.is_set(), "the hold was answered while rows under it went"
        return original(*values, **named)

    monkeypatch.setattr(delete_due, "remove_rows", slow)

    def until_answered(_: str) -> None:
        answered.wait(10)

    keep_terms(world.settings, "analysis", world.tenant, now=NOW, run="r", dry=False, say=until_answered)
    placing.join(10)
    assert len(world.ids()) == 10


def test_rows_that_others_lock_are_waited_for_and_then_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.lib.retention.service_database.LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr("pipelines.lib.retention.service_database._WAIT_S", 0.01)
    old = world.analyses(3, days=800)
    with psycopg.connect(world.dsns["analysis"].admin) as locker:
        locker.execute("select 1 from analysis.analyses for update")
        with pytest.raises(BusyError):
            run(world)
    assert world.ids() == set(old)
    run(world)
    assert world.ids() == set()


def test_an_open_incident_stays_and_a_resolved_one_goes(world: World) -> None:
    names = [uuid4(), uuid4()]
    for name, resolved in zip(names, (None, NOW - timedelta(days=800)), strict=True):
        world.admin.execute(
            "insert into analysis.incidents (tenant_id, id, theme, opened_at, last_at, level,"
            " worst_score, analyses, labels, status, resolved_at)"
            " values (%s, %s, 'x', %s, %s, 'low', 1, 1, '{}', 'x', %s)",
            [world.tenant, name, *[NOW - timedelta(days=800)] * 2, resolved],
        )
    run(world)
    assert world.ids("analysis.incidents") == {names[0]}


def test_an_incident_that_began_before_the_end_of_a_hold_stays_with_its_analyses(world: World) -> None:
    (early, *_), free = world.analyses(1, days=990), world.analyses(1, days=990)
    incident = uuid4()
    world.admin.execute(
        "insert into analysis.incidents (tenant_id, id, theme, opened_at, last_at, level,"
        " worst_score, analyses, labels, status, resolved_at)"
        " values (%s, %s, 'x', %s, %s, 'low', 1, 1, '{}', 'x', now())",
        [world.tenant, incident, NOW - timedelta(days=1000), NOW - timedelta(days=800)],
    )
    world.admin.execute(
        "insert into analysis.incident_evidence (tenant_id, analysis_id, incident_id, at, risk_score, level,"
        " labels) values (%s, %s, %s, now(), 1, 'low', '{}')",
        [world.tenant, early, incident],
    )
    world.hold(covers_from=NOW - timedelta(days=900), covers_to=NOW - timedelta(days=850))
    kept = run(world)
    assert world.ids("analysis.incidents") == {incident}
    assert world.ids() == {early}, free
    assert kept.due["evidence"][1].held == kept.due["incidents"][1].held == 1


def test_labels_in_review_go_a_year_after_they_were_last_seen_unless_held(world: World) -> None:
    def review(days: int) -> None:
        world.admin.execute(
            "insert into mapper.review_items (tenant_id, vendor, raw_label, guesses, occurrences, last_seen)"
            " values (%s, 'v', %s, '[]', 1, %s)",
            [world.tenant, str(days), NOW - timedelta(days=days)],
        )

    review(366)
    review(364)
    name = world.hold()
    run(world, "mapper")
    assert world.ids("mapper.review_items", "raw_label") == {"366", "364"}
    world.admin.execute("update analysis.legal_holds set released_at = now() where id = %s", [name])
    run(world, "mapper")
    assert world.ids("mapper.review_items", "raw_label") == {"364"}
    assert [action for action, _ in world.events(service="mapper")] == [
        "retention.deleted",
        "retention.certified",
    ]


def test_decisions_go_two_years_after_they_were_made_and_their_reviews_with_them(world: World) -> None:
    for days in (731, 729):
        decision = uuid4()
        world.admin.execute(
            "insert into mapper.review_decisions (tenant_id, id, item_id, number, vendor, raw_label, verdict,"
            " lang, taxonomy, decided_at, decided_by)"
            " values (%s, %s, gen_random_uuid(), 1, 'v', %s, 'not_a_label', 'en', '2026.11', %s, 'a')",
            [world.tenant, decision, str(days), NOW - timedelta(days=days)],
        )
        world.admin.execute(
            "insert into mapper.review_decision_reviews (tenant_id, decision_id, accepted, reviewed_by)"
            " values (%s, %s, true, 'b')",
            [world.tenant, decision],
        )
    run(world, "mapper")
    assert world.ids("mapper.review_decisions", "raw_label") == {"729"}
    assert len(world.ids("mapper.review_decision_reviews", "decision_id")) == 1


def test_old_jobs_and_keys_go_at_the_orchestrators_terms(world: World) -> None:
    world.choose("orchestration", {"job_retention_days": 30})
    for days in (31, 29):
        world.admin.execute(
            "insert into orchestration.jobs (tenant_id, id, submitter, state, options, items, passes_left,"
            " created_at, finished_at) values (%s, %s, 's', 'succeeded', '{}', 1, 0, %s, %s)",
            [world.tenant, uuid4(), *[NOW - timedelta(days=days)] * 2],
        )
        world.admin.execute(
            "insert into orchestration.api_keys (tenant_id, id, name, roles, scopes, created_at, expires_at)"
            " values (%s, %s, %s, '{}', '{}', %s, %s)",
            [world.tenant, uuid4(), f"k{days}", *[NOW - timedelta(days=days * 12)] * 2],
        )
    run(world, "orchestration")
    assert len(world.ids("orchestration.jobs")) == 1
    assert world.ids("orchestration.api_keys", "name") == {"k29"}


def test_the_tenants_are_those_of_the_orchestrator(world: World) -> None:
    assert set(tenants(world.settings)) == {world.tenant, world.other}


def test_without_the_analysis_nothing_goes_anywhere_as_it_keeps_the_holds(world: World) -> None:
    blind = RetentionSettings(mapper_database_url=world.settings.mapper_database_url)
    with pytest.raises(SettingsError, match="PIPELINES_ANALYSIS_DATABASE_URL is not set"):
        keep_terms(blind, "mapper", world.tenant, now=NOW, run="r", dry=False, say=lambda _: None)


@pytest.mark.parametrize(
    "statement",
    [
        "update analysis.analyses set level = 'none'",
        "insert into analysis.legal_holds (tenant_id) values (gen_random_uuid())",
        "delete from analysis.legal_holds",
        "delete from analysis.audit_events",
        "update analysis.audit_events set detail = '{}'",
        "select answer from orchestration.job_items",
    ],
)
def test_the_role_of_the_pipelines_may_only_do_what_it_has_to(world: World, statement: str) -> None:
    service = "orchestration" if "job_items" in statement else "analysis"
    url = world.dsns[service].pipeline.replace("+psycopg", "")
    with psycopg.connect(url) as role, pytest.raises(psycopg.errors.InsufficientPrivilege):
        role.execute(statement)


def test_every_kind_can_be_counted_and_deleted_by_the_role_of_its_service(world: World) -> None:
    for service in ("analysis", "mapper", "orchestration"):
        kept = run(world, service)
        assert set(kept.deleted) == set(kept.due)
        assert not any(deleted.batches for deleted in kept.deleted.values())


def test_a_tenants_documents_and_reports_go_and_what_the_operator_shares_stays(world: World) -> None:
    operator = UUID("00000000-0000-4000-8000-000000000001")
    for tenant in (world.tenant, operator):
        world.admin.execute(
            "insert into analysis.knowledge_documents (tenant_id, id, source, title, edition, format, digest,"
            " embedder, chunks, lexemes, added_at, added_by)"
            " values (%s, %s, 's', 't', 'e', 'f', '', 'm', 1, 1, %s, 'test')",
            [tenant, uuid4(), NOW - timedelta(days=3651)],
        )
        run(world, tenant=tenant)
    assert world.ids("analysis.knowledge_documents", "tenant_id") == {operator}
