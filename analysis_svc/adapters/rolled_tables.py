"""The tables of evidence that is counted by the hour."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from analysis_svc.adapters.tables import metadata

rolled_hours = sa.Table(
    "rolled_hours",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("holder", UUID(as_uuid=True), nullable=False),
    sa.Column("rolled_at", sa.DateTime(timezone=True)),
)


def _part(name: str, *columns: sa.Column[Any]) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("tenant_id", UUID(as_uuid=True), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application", sa.Text),
        *columns,
    )


rolled_looks = _part(
    "rolled_looks",
    sa.Column("clean", ARRAY(sa.Text), nullable=False),
    sa.Column("analyses", sa.BigInteger, nullable=False),
    sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
)
rolled_labels = _part(
    "rolled_labels",
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("findings", sa.BigInteger, nullable=False),
    sa.Column("strong", sa.BigInteger, nullable=False),
    sa.Column("strong_analyses", sa.BigInteger, nullable=False),
    sa.Column("strong_in", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("strong_at", ARRAY(sa.DateTime(timezone=True)), nullable=False),
)
rolled_controls = _part(
    "rolled_controls",
    sa.Column("control", sa.Text, nullable=False),
    sa.Column("analyses", sa.BigInteger, nullable=False),
    sa.Column("evidence", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("evidence_at", ARRAY(sa.DateTime(timezone=True)), nullable=False),
)
rolled_versions = _part(
    "rolled_versions",
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("versions", JSONB),
    sa.Column("analyses", sa.BigInteger, nullable=False),
)
