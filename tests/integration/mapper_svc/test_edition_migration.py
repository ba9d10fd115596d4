"""Stored labels move to another edition: all of them, once, whatever interrupts, and no other tenant's."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from mapper_svc.adapters.audit_repository import AuditRepository
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.remap_files import load_remap
from mapper_svc.adapters.review_repository import ReviewRepository
from mapper_svc.adapters.settings_repository import SettingsRepository
from mapper_svc.adapters.stored_labels import StoredLabels, TenantCounts
from mapper_svc.adapters.tables import review_items
from mapper_svc.adapters.taxonomy_files import TAXONOMY_DIR, load_taxonomy
from mapper_svc.domain.chosen_settings import ChosenSettings
from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.errors import StorageUnavailableError
from mapper_svc.domain.findings import UnmappedLabel
from mapper_svc.domain.tenant_settings import Piece
from mapper_svc.editions_command import editions
from tests.fixtures.databases import ServiceDsns

DATA = Path(__file__).parents[2] / "data" / "editions"
REMAP = DATA / "2026.11_to_2027.05.yaml"
ITEMS = 23


@pytest.fixture(scope="module")
def remap() -> Remap:
    return load_remap(REMAP, load_taxonomy("2026.11"), load_taxonomy("2027.05", DATA))


@pytest.fixture
async def database(mapper_database: ServiceDsns) -> AsyncIterator[Database]:
    one = Database(mapper_database.runtime, pool_size=3, statement_timeout_ms=5_000)
    yield one
    await one.close()


def label(raw: str, *guesses: str) -> UnmappedLabel:
    return UnmappedLabel("acme", "acme", raw, guesses)


@pytest.fixture
async def tenant(database: Database) -> UUID:
    """A tenant with labels in review and thresholds, all of the old edition."""
    tenant_id = uuid4()
    review = ReviewRepository(database, "2026.11")
    items = [
        label("user", "PII.Digital.Username", "SECRET.Password"),
        label("trick", "HARM.CRIME.Fraud"),
        label("mood", "QUALITY.Sentiment"),
        *(label(f"gore-{number}", "HARM.VIOLENCE.Graphic", "HARM.VIOLENCE.Physical") for number in range(20)),
    ]
    assert len(items) == ITEMS
    await review.keep(tenant_id, items)
    await SettingsRepository(database).append(
        tenant_id,
        ChosenSettings(
            tiers={Piece.SIMILARITY: False},
            threshold=0.8,
            label_thresholds={
                "HARM.VIOLENCE.Graphic": 0.95,
                "HARM.VIOLENCE.Physical": 0.9,
                "HARM.CRIME.Fraud": 0.85,
                "SECRET.Password": 0.99,
            },
        ),
        after=0,
        taxonomy="2026.11",
        actor="admin",
    )
    return tenant_id


async def stored(database: Database, tenant_id: UUID) -> dict[str, tuple[str, list[str]]]:
    async with database.tenant(tenant_id) as connection:
        rows = await connection.execute(
            select(review_items.c.raw_label, review_items.c.taxonomy, review_items.c.guesses)
        )
        return {row.raw_label: (row.taxonomy, row.guesses) for row in rows}


async def test_every_stored_label_is_of_the_new_edition_afterwards(
    database: Database, remap: Remap, tenant: UUID
) -> None:
    counts = await StoredLabels(database, remap, batch=10).migrate(tenant)
    assert counts == TenantCounts(tenant, ITEMS, 1)
    now = await stored(database, tenant)
    assert len(now) == ITEMS
    assert {edition for edition, _ in now.values()} == {"2027.05"}
    assert now["user"][1] == ["PII.Digital.Account", "SECRET.Password"]
    assert now["trick"][1] == ["HARM.CRIME.Scam", "HARM.CRIME.Manipulation"]
    assert now["mood"][1] == ["OTHER.Unknown"]
    assert now["gore-7"][1] == ["HARM.VIOLENCE.Physical"]


async def test_thresholds_follow_their_labels_and_none_is_lowered(
    database: Database, remap: Remap, tenant: UUID
) -> None:
    await StoredLabels(database, remap).migrate(tenant)
    latest = await SettingsRepository(database).latest(tenant)
    assert (latest.version, latest.taxonomy, latest.changed_by) == (2, "2027.05", "migration")
    assert latest.chosen.label_thresholds == {
        "HARM.VIOLENCE.Physical": 0.95,
        "HARM.CRIME.Scam": 0.85,
        "HARM.CRIME.Manipulation": 0.85,
        "SECRET.Password": 0.99,
    }
    assert (latest.chosen.threshold, latest.chosen.tiers) == (0.8, {Piece.SIMILARITY: False})


async def test_second_run_finds_nothing_to_do(database: Database, remap: Remap, tenant: UUID) -> None:
    labels = StoredLabels(database, remap)
    assert await labels.count(tenant) == TenantCounts(tenant, ITEMS, 1)
    await labels.migrate(tenant)
    before = await stored(database, tenant)
    assert await labels.count(tenant) == TenantCounts(tenant, 0, 0)
    assert await labels.migrate(tenant) == TenantCounts(tenant, 0, 0)
    assert await stored(database, tenant) == before
    assert (await SettingsRepository(database).latest(tenant)).version == 2


async def test_migration_that_was_cut_off_goes_on_where_it_stopped(
    database: Database, remap: Remap, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = StoredLabels(database, remap, batch=5)
    tell, batches = labels._tell, 0

    async def fall_over(*args: Any) -> None:
        nonlocal batches
        batches += 1
        if batches == 3:
            raise StorageUnavailableError
        await tell(*args)

    monkeypatch.setattr(labels, "_tell", fall_over)
    with pytest.raises(StorageUnavailableError):
        await labels.migrate(tenant)
    half = [edition for edition, _ in (await stored(database, tenant)).values()]
    assert half.count("2027.05") == 10  # the third batch is undone as a whole
    monkeypatch.undo()
    assert (await labels.migrate(tenant)).review_items == ITEMS - 10
    assert {edition for edition, _ in (await stored(database, tenant)).values()} == {"2027.05"}


async def test_other_tenants_are_left_alone(database: Database, remap: Remap, tenant: UUID) -> None:
    other = uuid4()
    await ReviewRepository(database, "2026.11").keep(other, [label("user", "PII.Digital.Username")])
    await StoredLabels(database, remap).migrate(tenant)
    assert (await stored(database, other))["user"] == ("2026.11", ["PII.Digital.Username"])


async def test_row_that_the_old_edition_touched_meanwhile_is_migrated_by_the_next_run(
    database: Database, remap: Remap, tenant: UUID
) -> None:
    labels = StoredLabels(database, remap)
    await labels.migrate(tenant)
    await ReviewRepository(database, "2026.11").keep(tenant, [label("trick", "HARM.CRIME.Fraud")])
    assert (await stored(database, tenant))["trick"][0] == "2026.11"
    assert (await labels.migrate(tenant)).review_items == 1
    # Seen again without guesses, a row keeps those it has, and with them their edition.
    await ReviewRepository(database, "2026.11").keep(tenant, [label("user")])
    assert (await stored(database, tenant))["user"] == ("2027.05", ["PII.Digital.Account", "SECRET.Password"])


async def test_migration_is_in_the_audit_log_and_the_chain_holds(
    database: Database, remap: Remap, tenant: UUID
) -> None:
    await StoredLabels(database, remap, batch=20).migrate(tenant)
    audit = AuditRepository(database)
    events = await audit.page(tenant, before=None, limit=10)
    assert [(event.action, event.actor) for event in events] == [
        ("settings.changed", "migration"),
        ("taxonomy.migrated", "migration"),
        ("taxonomy.migrated", "migration"),
        ("settings.changed", "admin"),
    ]
    assert sum(int(str(event.detail["review_items"])) for event in events[1:3]) == ITEMS
    assert (await audit.verify(tenant)).intact


def run(dsns: ServiceDsns, tmp_path: Path, tenants: str, *more: str) -> Result:
    for path in (TAXONOMY_DIR / "2026.11.yaml", DATA / "2027.05.yaml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "tenants").write_text(tenants)
    return CliRunner().invoke(
        editions,
        ["migrate-stored", "2026.11", "2027.05", "--editions", str(tmp_path), "--remap", str(REMAP),
         "--tenants", str(tmp_path / "tenants"), *more],
        env={
            "MAPPER_DATABASE_URL": dsns.runtime,
            "MAPPER_REDIS_URL": "redis://localhost:1",
            "MAPPER_ORCHESTRATION_URL": "http://localhost:1",
        },
    )  # fmt: skip


def test_command_counts_and_writes_only_when_told_to(
    mapper_database: ServiceDsns, tenant: UUID, tmp_path: Path
) -> None:
    # As `orchestration_svc tenants list --json` prints them, or as bare ids.
    listed = json.dumps({"tenant_id": str(tenant), "name": "acme"}) + f"\n{uuid4()}\n"
    told = run(mapper_database, tmp_path, listed)
    assert told.exit_code == 0, told.output
    assert f"2 tenants: {ITEMS} review items, 1 settings to migrate" in told.output
    done = run(mapper_database, tmp_path, listed, "--write", "--batch", "7")
    assert f"2 tenants: {ITEMS} review items, 1 settings migrated" in done.output
    again = run(mapper_database, tmp_path, listed, "--write")
    assert "2 tenants: 0 review items, 0 settings migrated" in again.output
