"""Tenants' own frameworks in Postgres."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.framework_documents import digest_of, document_of, framework_of
from analysis_svc.adapters.framework_tables import framework_decisions, framework_versions
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.own_frameworks import (
    MAX_FRAMEWORKS,
    MAX_VERSIONS,
    Decision,
    FrameworkVersion,
    OwnFramework,
    VersionState,
    check_decision,
    state_after,
)

# One at a time for each tenant, so that numbers have no gaps and a version is decided on once.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('analysis frameworks ' || :tenant, 0))")
_SUMMARY = [column for column in framework_versions.c if column.name != "document"]


class FrameworkRepository:
    """Keeps every version and every decision; what is in force follows from them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def propose(self, tenant_id: UUID, own: OwnFramework, *, actor: str) -> FrameworkVersion:
        """Keep a new version; the newest one again when nothing in it is different."""
        document, digest = await asyncio.to_thread(_prepared, own)
        name = own.framework.id
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_LOCK, {"tenant": str(tenant_id)})
            known = await _versions(connection, name)
            if known and known[0].digest == digest.hex():
                return known[0]
            if not known and await _frameworks(connection) >= MAX_FRAMEWORKS:
                raise ServiceError(ErrorCode.CONFLICT, f"a tenant has at most {MAX_FRAMEWORKS} frameworks")
            if len(known) >= MAX_VERSIONS:
                raise ServiceError(ErrorCode.CONFLICT, f"a framework has at most {MAX_VERSIONS} versions")
            version = len(known) + 1
            await connection.execute(
                insert(framework_versions).values(
                    tenant_id=tenant_id,
                    framework=name,
                    version=version,
                    title=own.framework.title,
                    edition=own.framework.edition,
                    controls=len(document["controls"]),
                    links=len(document["links"]),
                    document=document,
                    digest=digest,
                    proposed_by=actor,
                    proposed_at=datetime.now(UTC),
                )
            )
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="framework.proposed",
                subject=f"frameworks/{name}/versions/{version}",
                detail={"digest": digest.hex(), "edition": own.framework.edition},
            )
            return (await _versions(connection, name))[0]

    async def decide(
        self, principal: Principal, framework: str, version: int, decision: Decision, note: str
    ) -> FrameworkVersion:
        """Keep a decision that may be made."""
        tenant_id, actor = principal.tenant_id, principal.token_id
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_LOCK, {"tenant": str(tenant_id)})
            found = _numbered(await _versions(connection, framework), version)
            check_decision(found.state, proposed_by=found.proposed_by, actor=actor, decision=decision)
            await connection.execute(
                insert(framework_decisions).values(
                    tenant_id=tenant_id,
                    framework=framework,
                    version=version,
                    decision=decision.value,
                    decided_by=actor,
                    decided_at=datetime.now(UTC),
                    note=note,
                )
            )
            decided = _numbered(await _versions(connection, framework), version)
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action=f"framework.{decided.state.value}",
                subject=f"frameworks/{framework}/versions/{version}",
                detail={"digest": decided.digest, "proposed_by": decided.proposed_by},
            )
            return decided

    async def versions(self, tenant_id: UUID, framework: str) -> list[FrameworkVersion]:
        """Return all versions of a framework, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            return await _versions(connection, framework)

    async def document(self, tenant_id: UUID, framework: str, version: int) -> OwnFramework | None:
        """Return one version with its content."""
        query = select(framework_versions.c.document).where(
            framework_versions.c.framework == framework, framework_versions.c.version == version
        )
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else await asyncio.to_thread(framework_of, row.document, version)

    async def in_force(self, tenant_id: UUID) -> Sequence[OwnFramework]:
        """Return each framework of the tenant in the version that is in force."""
        said = framework_decisions.alias("said")
        decided = (
            select(said.c.framework, func.array_agg(said.c.decision).label("decisions"), said.c.version)
            .group_by(said.c.framework, said.c.version)
            .subquery()
        )
        approved = (
            select(decided.c.framework, func.max(decided.c.version).label("version"))
            .where(decided.c.decisions == [Decision.APPROVE.value])
            .group_by(decided.c.framework)
            .subquery()
        )
        query = select(
            framework_versions.c.framework, framework_versions.c.version, framework_versions.c.document
        ).join(
            approved,
            (approved.c.framework == framework_versions.c.framework)
            & (approved.c.version == framework_versions.c.version),
        )
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query.order_by(framework_versions.c.framework))).all()
        if not rows:
            return ()
        return await asyncio.to_thread(lambda: [framework_of(row.document, row.version) for row in rows])


def _prepared(own: OwnFramework) -> tuple[dict[str, Any], bytes]:
    document = document_of(own)
    return document, digest_of(document)


async def _frameworks(connection: AsyncConnection) -> int:
    count = select(func.count(framework_versions.c.framework.distinct()))
    return int((await connection.execute(count)).scalar_one())


async def _versions(connection: AsyncConnection, framework: str) -> list[FrameworkVersion]:
    rows = await connection.execute(
        select(*_SUMMARY)
        .where(framework_versions.c.framework == framework)
        .order_by(framework_versions.c.version.desc())
    )
    said = await connection.execute(
        select(framework_decisions)
        .where(framework_decisions.c.framework == framework)
        .order_by(framework_decisions.c.decided_at)
    )
    decisions: dict[int, list[Row[tuple[Any, ...]]]] = {}
    for row in said:
        decisions.setdefault(row.version, []).append(row)
    return _in_order(rows.all(), decisions)


def _in_order(
    rows: Sequence[Row[tuple[Any, ...]]], decisions: Mapping[int, Sequence[Row[tuple[Any, ...]]]]
) -> list[FrameworkVersion]:
    versions, in_force = [], False
    for row in rows:
        said = decisions.get(row.version, ())
        state = state_after(frozenset(Decision(one.decision) for one in said))
        last = said[-1] if said else None
        stands = state is VersionState.APPROVED and not in_force
        in_force = in_force or stands
        versions.append(
            FrameworkVersion(
                framework=row.framework,
                version=row.version,
                title=row.title,
                edition=row.edition,
                controls=row.controls,
                links=row.links,
                digest=bytes(row.digest).hex(),
                state=state,
                in_force=stands,
                proposed_by=row.proposed_by,
                proposed_at=row.proposed_at.astimezone(UTC),
                decided_by=last.decided_by if last else None,
                decided_at=last.decided_at.astimezone(UTC) if last else None,
                note=last.note if last else "",
            )
        )
    return versions


def _numbered(versions: Sequence[FrameworkVersion], number: int) -> FrameworkVersion:
    for one in versions:
        if one.version == number:
            return one
    raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such version", field="version")
