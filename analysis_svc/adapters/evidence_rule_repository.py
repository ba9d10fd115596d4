"""What tenants ask of their evidence, in Postgres: every version a row, none ever changed."""

from datetime import UTC
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_rule_tables import evidence_rules
from analysis_svc.domain.change_evidence_rules import RulesVersion
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_rules import ChosenRules, RuleChange

_LATEST = select(evidence_rules).order_by(evidence_rules.c.version.desc()).limit(1)


class EvidenceRuleRepository:
    """Keeps every version of every tenant's rules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def chosen(self, tenant_id: UUID) -> tuple[int, ChosenRules]:
        """Return the version that holds and what it sets."""
        latest = await self.latest(tenant_id)
        return latest.version, latest.chosen

    async def latest(self, tenant_id: UUID) -> RulesVersion:
        """Return the version that holds; version 0 when there is none."""
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(_LATEST)).one_or_none()
        return RulesVersion() if row is None else _version(row)

    async def append(self, tenant_id: UUID, chosen: ChosenRules, *, after: int, actor: str) -> RulesVersion:
        """Add the version behind ``after`` and its audit event, both or neither; see the port."""
        values = _to_json(chosen)
        try:
            async with self._database.tenant(tenant_id) as connection:
                latest = (await connection.execute(_LATEST)).one_or_none()
                if (0 if latest is None else latest.version) != after:
                    raise _conflict()
                made = (
                    await connection.execute(
                        insert(evidence_rules)
                        .values(tenant_id=tenant_id, version=after + 1, chosen=values, changed_by=actor)
                        .returning(evidence_rules)
                    )
                ).one()
                await append_event(
                    connection,
                    tenant_id=tenant_id,
                    actor=actor,
                    action="evidence_rules.changed",
                    subject=f"evidence-rules/{after + 1}",
                    detail={"version": after + 1, "chosen": values},
                )
        except IntegrityError:
            # Somebody wrote the same version between our look and our insert.
            raise _conflict() from None
        return _version(made)


def _conflict() -> ServiceError:
    return ServiceError(
        ErrorCode.CONFLICT,
        "the rules were changed meanwhile; read them again and send their version in If-Match",
        field="If-Match",
    )


_FIELDS = ("every_hours", "period_days", "coverage", "analyses", "why")


def _to_json(chosen: ChosenRules) -> dict[str, object]:
    rules: list[dict[str, object]] = []
    for (framework, control), change in sorted(chosen.rules.items()):
        told: dict[str, object] = {"framework": framework, "control": control}
        if change.senses is not None:
            told["senses"] = list(change.senses)
        told |= {name: getattr(change, name) for name in _FIELDS if getattr(change, name) is not None}
        rules.append(told)
    return {
        "detectors": {name: list(many) for name, many in sorted(chosen.detectors.items())},
        "rules": rules,
    }


def _version(row: Row[tuple[object, ...]]) -> RulesVersion:
    rules = {}
    for told in row.chosen["rules"]:
        senses = told.get("senses")
        rules[told["framework"], told["control"]] = RuleChange(
            senses=None if senses is None else tuple(senses), **{name: told.get(name) for name in _FIELDS}
        )
    return RulesVersion(
        version=row.version,
        chosen=ChosenRules(
            detectors={name: tuple(many) for name, many in row.chosen["detectors"].items()}, rules=rules
        ),
        changed_at=row.changed_at.astimezone(UTC),
        changed_by=row.changed_by,
    )
