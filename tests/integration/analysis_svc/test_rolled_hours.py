"""What is counted by the hour and what is counted raw are one and the same, whatever happens to the rows."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from analysis_svc.adapters import rolled_hours
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_facts import EvidenceFactsReader
from analysis_svc.adapters.evidence_parts import way_of_counting
from analysis_svc.adapters.rolled_hours import HOUR, RolledHours
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.evidence_facts import Facts, Period
from tests.fixtures.databases import ServiceDsns

NOW = datetime.now(UTC)
LAST_WHOLE = NOW.replace(minute=0, second=0, microsecond=0)
DETECTORS = ("secrets_one", "attacks_one", "pii_one")
SENSES = {"secrets": ["secrets_one"], "attacks": ["attacks_one", "other"], "any": list(DETECTORS), "no": []}
SEVERITIES = {"SECRET.ApiKey": 1.0, "PII.Person.Name": 0.5, "OTHER.Unknown": 0.3}
FLOOR = 0.4
BREAKS = {"SECRET.ApiKey": {"soc2 CC6.1", "gdpr Art. 32(1)"}, "PII.Person.Name": {"gdpr Art. 32(1)"}}


@dataclass
class Kept:
    """An analysis as it lies in the database."""

    at: datetime
    application: str | None
    succeeded: list[str]
    failed: list[list[str]]
    violated: list[str]
    versions: dict[str, str] | None
    findings: list[tuple[str, float, str | None]]
    id: UUID = field(default_factory=uuid4)
    accepted: dict[int, tuple[datetime, str | None]] = field(default_factory=dict)
    """By finding when a word on it was accepted last, and what it counts as since; None: put aside."""

    def told(self, number: int) -> str | None:
        return self.accepted[number][1] if number in self.accepted else self.findings[number][0]

    @property
    def labels(self) -> list[tuple[str, float]]:
        told = [(self.told(number), score) for number, (_, score, _) in enumerate(self.findings)]
        return [(label, score) for label, score in told if label is not None]

    @property
    def aside(self) -> set[int]:
        return {number for number in self.accepted if self.told(number) != self.findings[number][0]}

    @property
    def still_violated(self) -> list[str]:
        if not self.aside:
            return self.violated
        gone = {control for number in self.aside for control in BREAKS.get(self.findings[number][0], ())}
        left = {
            control for label, _ in self.labels if self.strong(label) for control in BREAKS.get(label, ())
        }
        return [control for control in self.violated if control not in gone or control in left]

    @property
    def clean(self) -> set[str]:
        opened = {
            detector
            for number, (label, _, detector) in enumerate(self.findings)
            if self.told(number) == "OTHER.Unknown" or label == "OTHER.ModelError"
        }
        if None in opened:
            return set()
        return set(self.succeeded) - {name for name, _ in self.failed} - opened

    def strong(self, label: str) -> int:
        return sum(one == label and SEVERITIES.get(one, 0) * score >= FLOOR for one, score in self.labels)


class Tenant:
    """Puts rows in and takes them out as the service's and the pipelines' roles do."""

    def __init__(self, dsns: ServiceDsns, database: Database) -> None:
        self.id = uuid4()
        self.dsns = dsns
        self.database = database
        self.there: dict[UUID, Kept] = {}
        self.raw = EvidenceFactsReader(database)
        self.rolling = BackgroundWork()
        self.rolled = RolledHours(database, self.rolling)
        self.reader = EvidenceFactsReader(database, self.rolled)
        self.way, self.values = way_of_counting(SEVERITIES)

    def connect(self, dsn: str) -> psycopg.Connection[Any]:
        connection = psycopg.connect(dsn.replace("+psycopg", ""))
        connection.execute("select set_config('app.tenant_id', %s, false)", [str(self.id)])
        return connection

    def insert(self, kept: list[Kept], connection: psycopg.Connection[Any] | None = None) -> None:
        one = connection or self.connect(self.dsns.runtime)
        with one.cursor() as cursor:
            cursor.executemany(
                "insert into analysis.analyses (tenant_id, id, analysed_at, application, risk_score,"
                " risk_low, risk_high, level, taxonomy, detectors_required, detectors_succeeded,"
                " detectors_failed, violated, versions)"
                " values (%s, %s, %s, %s, 1, 1, 1, 'low', '2026.11', '{}', %s, %s, %s, %s)",
                [
                    (
                        *(self.id, a.id, a.at, a.application, a.succeeded, Jsonb(a.failed), a.violated),
                        None if a.versions is None else Jsonb(a.versions),
                    )
                    for a in kept
                ],
            )
            cursor.executemany(
                "insert into analysis.findings (tenant_id, analysis_id, finding_id, label, score, confidence,"
                " detector, occurrences) values (%s, %s, %s, %s, %s, 1, %s, 1)",
                [
                    (self.id, a.id, f"f{number}", label, score, detector)
                    for a in kept
                    for number, (label, score, detector) in enumerate(a.findings)
                ],
            )
        self.there |= {a.id: a for a in kept}
        if connection is None:
            one.commit()
            one.close()

    def delete(self, ids: list[UUID], connection: psycopg.Connection[Any] | None = None) -> None:
        one = connection or self.connect(self.dsns.pipeline)
        for table, column in (("findings", "analysis_id"), ("analyses", "id"), ("feedback", "evidence_id")):
            one.execute(f"delete from analysis.{table} where {column} = any(%s)", [ids])  # noqa: S608 - ours
        for gone in ids:
            del self.there[gone]
        if connection is None:
            one.commit()
            one.close()

    def review(
        self,
        kept: Kept,
        number: int,
        verdict: str,
        right_label: str | None = None,
        *,
        accepted: bool | None = True,
    ) -> UUID:
        """Have one key say something, and another accept or reject it; None: nobody has looked at it yet."""
        word, at = uuid4(), datetime.now(UTC)
        label = kept.findings[number][0]
        with self.connect(self.dsns.runtime) as one:
            one.execute(
                "insert into analysis.feedback (tenant_id, id, evidence_id, finding_id, verdict, label,"
                " right_label, score, confidence, analysed_at, given_at, given_by)"
                " values (%s, %s, %s, %s, %s, %s, %s, 1, 1, %s, %s, 'giver')",
                [self.id, word, kept.id, f"f{number}", verdict, label, right_label, kept.at, at],
            )
            if accepted is not None:
                one.execute(
                    "insert into analysis.feedback_reviews (tenant_id, feedback_id, accepted, reviewed_at,"
                    " reviewed_by) values (%s, %s, %s, %s, 'reviewer')",
                    [self.id, word, accepted, at],
                )
        if accepted:
            kept.accepted[number] = (at, {"confirmed": label, "relabel": right_label}.get(verdict))
        return word

    async def count(self, hours: int = 40) -> None:
        """Count all whole hours that ended an hour ago."""
        await self.settle()
        wanted = [LAST_WHOLE - HOUR * number for number in range(2, hours)]
        await self.rolled.count(self.id, wanted, self.way, self.values)

    async def settle(self) -> None:
        """Wait for what a question had counted behind its back: the rows here come and go without waiting."""
        while tasks := list(self.rolling._tasks):
            await asyncio.gather(*tasks)

    def marked(self) -> int:
        with psycopg.connect(self.dsns.admin) as admin:
            row = admin.execute(
                "select count(*) from analysis.rolled_hours where tenant_id = %s and rolled_at is not null",
                [self.id],
            ).fetchone()
        return int(row[0]) if row else 0

    async def facts(self, reader: EvidenceFactsReader, period: Period) -> Facts:
        return await reader.of(self.id, period, senses=SENSES, severities=SEVERITIES, breaks=BREAKS)

    async def all_agree(self, period: Period) -> None:
        """Counted by the hour, counted raw, and counted here are the same."""
        for reader in (self.reader, self.raw):
            facts = await self.facts(reader, period)
            inside = [
                one
                for one in self.there.values()
                if period.start <= one.at < period.end and period.application in (None, one.application)
            ]
            inside.sort(key=lambda one: (-one.at.timestamp(), one.id))
            check(facts, inside)


def check(facts: Facts, inside: list[Kept]) -> None:
    looks: dict[tuple[datetime, frozenset[str]], list[Kept]] = defaultdict(list)
    for one in inside:
        senses = frozenset(name for name, who in SENSES.items() if one.clean & set(who))
        looks[one.at.replace(minute=0, second=0, microsecond=0), senses].append(one)
    assert Counter((one.senses, one.analyses, one.first, one.last) for one in facts.looks) == Counter(
        (senses, len(many), many[-1].at, many[0].at) for (_, senses), many in looks.items()
    )
    labels = {label for one in inside for label, _ in one.labels}
    assert facts.labels.keys() == labels
    for label in labels:
        strong = [one for one in inside if one.strong(label)]
        found = facts.labels[label]
        assert found.findings == sum(name == label for one in inside for name, _ in one.labels)
        assert found.strong == sum(one.strong(label) for one in inside)
        assert (found.strong_analyses, found.strong_in) == (len(strong), tuple(one.id for one in strong[:20]))
        assert found.last_strong_at == (strong[0].at if strong else None)
    assert {(one.evidence_id, one.finding_id, one.label, one.right_label) for one in facts.aside} == {
        (one.id, f"f{number}", one.findings[number][0], one.told(number))
        for one in inside
        for number in one.aside
    }
    assert facts.violations.keys() == {name for one in inside for name in one.still_violated}
    for control, stored in facts.violations.items():
        broken = [one for one in inside if control in one.still_violated]
        assert (stored.analyses, stored.last_at) == (len(broken), broken[0].at)
        assert stored.evidence == tuple(one.id for one in broken[:20])
    assert Counter({str(one.stated): one.analyses for one in facts.versions}) == Counter(
        str(one.versions) for one in inside
    )


def drawn(draw: random.Random, count: int, *, hours: float = 38) -> list[Kept]:
    return [
        Kept(
            at=NOW - timedelta(seconds=draw.randrange(int(hours * 3600)), microseconds=draw.randrange(10**6)),
            application=draw.choice(["chat", "search", None]),
            succeeded=draw.sample(DETECTORS, draw.randrange(4)),
            failed=[[name, "timeout"] for name in draw.sample(DETECTORS, draw.choice([0, 0, 0, 1]))],
            violated=draw.sample(["soc2 CC6.1", "gdpr Art. 32(1)"], draw.randrange(3)),
            versions=draw.choice([None, {"policy": "a"}, {"policy": "b"}]),
            findings=[
                (
                    draw.choice([*SEVERITIES, "NEW.Label", "OTHER.ModelError"]),
                    round(draw.random(), 3),
                    draw.choice([*DETECTORS, None]),
                )
                for _ in range(draw.choice([0, 0, 1, 3]))
            ],
        )
        for _ in range(count)
    ]


def review_some(tenant: Tenant, draw: random.Random, count: int) -> None:
    """Have words said on findings at random, some more than once, and accepted, rejected, or left."""
    found = [
        (one, number) for one in tenant.there.values() for number in range(len(one.findings)) if one.findings
    ]
    for kept, number in draw.sample(found, count) + draw.sample(found, count // 4):
        verdict = draw.choice(["false_positive", "relabel", "confirmed"])
        label = kept.findings[number][0]
        right = draw.choice([one for one in SEVERITIES if one != label]) if verdict == "relabel" else None
        tenant.review(kept, number, verdict, right, accepted=draw.choice([True, True, True, False, None]))


@pytest.fixture
async def tenant(analysis_database: ServiceDsns) -> AsyncIterator[Tenant]:
    database = Database(analysis_database.runtime, pool_size=2, statement_timeout_ms=20_000)
    tenant = Tenant(analysis_database, database)
    yield tenant
    await tenant.rolling.close()
    await database.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_counts_by_the_hour_are_those_of_the_rows_whatever_comes_and_goes(
    tenant: Tenant, seed: int
) -> None:
    draw = random.Random(seed)
    tenant.insert(drawn(draw, 300))
    for _ in range(3):
        await tenant.count()
        assert tenant.marked() == 38
        start, end = sorted(NOW - timedelta(hours=draw.uniform(0, 40)) for _ in range(2))
        for period in (Period(NOW - timedelta(days=2), NOW), Period(start, end), Period(start, end, "chat")):
            await tenant.all_agree(period)
        review_some(tenant, draw, 30)
        await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
        await tenant.settle()
        # Late ones, retention of the oldest, a person's erasure; and not all hours are counted again.
        tenant.insert(drawn(draw, 7))
        oldest = sorted(tenant.there.values(), key=lambda one: one.at)[:20]
        person = draw.sample(sorted(tenant.there.keys() - {one.id for one in oldest}), 4)
        tenant.delete([one.id for one in oldest] + person)
        await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_question_has_old_hours_counted_and_open_ones_left_raw(tenant: Tenant) -> None:
    tenant.insert(drawn(random.Random(3), 60, hours=5))
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    await next(iter(tenant.rolling._tasks))
    assert tenant.marked() == 4 if NOW.minute else 3
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_counts_go_in_the_transaction_that_removes_what_they_counted(tenant: Tenant) -> None:
    only = drawn(random.Random(4), 5)
    for one in only:
        one.at = LAST_WHOLE - timedelta(hours=3, minutes=-5)
    tenant.insert(only)
    await tenant.count(8)
    tenant.delete([one.id for one in only])
    with psycopg.connect(tenant.dsns.admin) as admin:
        for table in ("rolled_hours", "rolled_looks", "rolled_labels", "rolled_controls", "rolled_versions"):
            found = admin.execute(
                f"select 1 from analysis.{table} where tenant_id = %s and hour = %s",  # noqa: S608 - ours
                [tenant.id, LAST_WHOLE - HOUR * 3],
            ).fetchone()
            assert found is None, table


async def test_hour_is_not_counted_while_somebody_still_writes_to_it(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(5)
    tenant.insert(drawn(draw, 50))
    monkeypatch.setattr(rolled_hours, "_WAITS", 2)
    with tenant.connect(tenant.dsns.runtime) as writer:
        # As one that came in time and was held up: no trigger takes its hour back.
        tenant.insert(drawn(draw, 5), writer)
        await tenant.count()
        assert tenant.marked() == 0
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    await tenant.count()
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_deletion_that_begins_while_an_hour_is_taken_up_takes_it_back(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.insert(drawn(random.Random(6), 80))

    async def deletes_meanwhile(_: UUID) -> bool:
        monkeypatch.undo()
        tenant.delete(list(tenant.there)[:10])
        return True

    monkeypatch.setattr(tenant.rolled, "_writers_ended", deletes_meanwhile)
    await tenant.count(24)
    assert 0 < tenant.marked() < 22
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_accepted_review_takes_the_hour_back_and_others_do_not(tenant: Tenant) -> None:
    only = drawn(random.Random(9), 3)
    for one in only:
        one.at, one.findings = LAST_WHOLE - timedelta(hours=3, minutes=-5), [("SECRET.ApiKey", 1.0, None)]
    tenant.insert(only)
    await tenant.count(8)
    before = tenant.marked()
    tenant.review(only[0], 0, "false_positive", accepted=None)
    tenant.review(only[0], 0, "false_positive", accepted=False)
    assert tenant.marked() == before
    word = tenant.review(only[0], 0, "false_positive")
    assert tenant.marked() == before - 1
    await tenant.count(8)
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    # The term of feedback can end before that of the evidence: what nobody can show any more holds no more.
    with tenant.connect(tenant.dsns.pipeline) as theirs:
        theirs.execute("delete from analysis.feedback where id = %s", [word])
    only[0].accepted.clear()
    assert tenant.marked() == before - 1
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_review_that_begins_while_an_hour_is_taken_up_is_in_its_count(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(10)
    tenant.insert(drawn(draw, 80))

    async def reviews_meanwhile(_: UUID) -> bool:
        monkeypatch.undo()
        review_some(tenant, draw, 12)
        return True

    monkeypatch.setattr(tenant.rolled, "_writers_ended", reviews_meanwhile)
    await tenant.count(24)
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    await tenant.count()
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_review_of_another_tenant_changes_nothing(tenant: Tenant) -> None:
    theirs = Tenant(tenant.dsns, tenant.database)
    tenant.insert(drawn(random.Random(11), 60))
    # The same analyses under another tenant: its words name the same ids.
    theirs.insert([replace(one, accepted={}) for one in tenant.there.values()])
    await tenant.count()
    marked = tenant.marked()
    review_some(theirs, random.Random(11), 20)
    assert tenant.marked() == marked
    for one in (tenant, theirs):
        await one.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_change_between_two_statements_of_a_question_is_noticed(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.insert(drawn(random.Random(7), 80))
    await tenant.count()
    asked, counted = 0, tenant.rolled.counted

    async def counted_and_changed(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        found = await counted(*arguments)
        if asked == 1:
            tenant.delete(list(tenant.there)[:10])
        return found

    monkeypatch.setattr(tenant.rolled, "counted", counted_and_changed)
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    assert asked == 4


async def test_hours_counted_another_way_are_counted_again(tenant: Tenant) -> None:
    tenant.insert(drawn(random.Random(8), 60))
    way, values = way_of_counting(dict.fromkeys(SEVERITIES, 1.0))
    await tenant.rolled.count(tenant.id, [LAST_WHOLE - HOUR * n for n in range(2, 40)], way, values)
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))
    await tenant.count()
    assert tenant.marked() == 38
    await tenant.all_agree(Period(NOW - timedelta(days=2), NOW))


async def test_an_hour_that_another_process_has_marked_since_is_left_to_it(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.insert(drawn(random.Random(7), 80))
    hours = [LAST_WHOLE - HOUR * number for number in range(2, 20)]

    async def waits_in_vain(_: UUID) -> bool:
        return False

    other = Tenant(tenant.dsns, tenant.database).rolled
    monkeypatch.setattr(other, "_writers_ended", waits_in_vain)

    async def is_overtaken(_: UUID) -> bool:
        # A deletion takes the marks away; before the next begins, another process marks the hours anew.
        tenant.delete(list(tenant.there))
        await other.count(tenant.id, hours, tenant.way, tenant.values)
        return True

    monkeypatch.setattr(tenant.rolled, "_writers_ended", is_overtaken)
    await tenant.rolled.count(tenant.id, hours, tenant.way, tenant.values)
    assert tenant.marked() == 0
