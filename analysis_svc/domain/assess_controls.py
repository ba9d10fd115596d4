"""The use case behind a framework's status: what the evidence of a period says about its controls."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.catalogue import Catalogue, Framework
from analysis_svc.domain.control_status import ControlStatus, FrameworkStatus, PeriodFacts, assess
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import EvidenceFacts, Facts, Period
from analysis_svc.domain.evidence_rules import ChosenRules, RuleBook, bearing_on
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.reviewed_findings import what_breaks

DEFAULT_DAYS = 30
LONGEST_DAYS = 400
"""A year with some room, so that one year can be told from the next."""


class EvidenceRules(Protocol):
    """Knows what tenants set about their evidence."""

    async def chosen(self, tenant_id: UUID) -> tuple[int, ChosenRules]:
        """Return version and rules of the tenant; version 0 and none when it set none.

        Raises:
            StorageUnavailableError: the database does not answer.
        """
        ...


def period_of(
    start: datetime | None, end: datetime | None, application: str | None, *, now: datetime
) -> Period:
    """Make a period of what was asked for: up to now, for DEFAULT_DAYS, where nothing else is said.

    Raises:
        ServiceError: INVALID_REQUEST naming the field: a time without a zone, an end that is not after the
            start or lies ahead, or more than LONGEST_DAYS.
    """
    for name, value in (("from", start), ("to", end)):
        if value is not None and value.tzinfo is None:
            raise _refused(name, "a time is given with its zone, such as 2026-11-03T12:00:00Z")
    end = (end or now).astimezone(UTC)
    if end > now:
        raise _refused("to", "must not lie ahead")
    earliest = datetime.min.replace(tzinfo=UTC) + timedelta(days=LONGEST_DAYS)
    if end < earliest:
        raise _refused("to", "is too early for any evidence")
    start = end - timedelta(days=DEFAULT_DAYS) if start is None else start.astimezone(UTC)
    if start >= end:
        raise _refused("from", "must be before `to`")
    if end - start > timedelta(days=LONGEST_DAYS):
        raise _refused("from", f"at most {LONGEST_DAYS} days are looked at at once")
    return Period(start, end, application)


class AssessControls:
    """Says for each control of a framework whether the evidence of a period shows it.

    Args:
        catalogues: frameworks, and which label bears on which control, the tenant's own among them.
        book: the rules that are shipped.
        facts: counts the evidence.
        rules: what tenants set.
    """

    def __init__(
        self, catalogues: Catalogues, book: RuleBook, facts: EvidenceFacts, rules: EvidenceRules
    ) -> None:
        self._catalogues = catalogues
        self._book = book
        self._facts = facts
        self._rules = rules

    async def status(self, tenant_id: UUID, framework_id: str, period: Period) -> FrameworkStatus:
        """Assess every control of one framework.

        Raises:
            ServiceError: NOT_FOUND without such a framework; as `EvidenceFacts.of` otherwise.
        """
        status, _ = await self.status_with_rules(tenant_id, framework_id, period)
        return status

    async def status_with_rules(
        self, tenant_id: UUID, framework_id: str, period: Period
    ) -> tuple[FrameworkStatus, RuleBook]:
        """Assess every control of one framework, and return the rules by which that was done."""
        catalogue = await self._catalogues.of(tenant_id)
        framework = catalogue.frameworks.get(framework_id)
        if framework is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no framework of this id", field="framework")
        version, chosen = await self._rules.chosen(tenant_id)
        book = self._book.with_chosen(chosen)
        facts: Facts = await self._facts.of(
            tenant_id,
            period,
            senses={name: sense.detectors for name, sense in book.senses.items()},
            severities={name: label.severity for name, label in catalogue.taxonomy.labels.items()},
            breaks=what_breaks(catalogue),
        )
        # A big framework takes seconds, which other requests must not stand behind.
        controls = await asyncio.to_thread(assess_all, catalogue, framework, facts, period, book)
        status = FrameworkStatus(
            framework=framework.id,
            title=framework.title,
            edition=framework.edition,
            taxonomy=catalogue.taxonomy.edition,
            period=period,
            rules_version=version,
            analyses=sum(one.analyses for one in facts.looks),
            versions=tuple(facts.versions),
            controls=controls,
            aside=tuple(facts.aside),
        )
        return status, book


def assess_all(
    catalogue: Catalogue, framework: Framework, facts: Facts, period: Period, book: RuleBook
) -> tuple[ControlStatus, ...]:
    """Assess every control of a framework, in its order."""
    known, bearing = PeriodFacts(facts, period), bearing_on(catalogue, framework.id)
    return tuple(
        assess(control, bearing.get((framework.id, control.id), ()), known, book)
        for control in framework.controls.values()
    )


def _refused(where: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=where)
