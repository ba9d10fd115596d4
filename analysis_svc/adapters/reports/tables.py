"""The tables of reports and their schedules; migrations/ is what makes them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from analysis_svc.adapters.tables import metadata

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("framework", sa.Text, nullable=False),
    sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
    sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
    sa.Column("application", sa.Text),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("ordered_by", sa.Text, nullable=False),
    sa.Column("schedule_id", UUID(as_uuid=True)),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("key_hash", sa.LargeBinary),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    sa.Column("file", JSONB),
)

report_files = sa.Table(
    "report_files",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("report_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

report_schedules = sa.Table(
    "report_schedules",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("framework", sa.Text, nullable=False),
    sa.Column("application", sa.Text),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("cadence", sa.Text, nullable=False),
    sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)
