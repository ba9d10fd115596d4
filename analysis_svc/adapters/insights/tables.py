"""The tables of incidents and of people's word on findings; migrations/ is what makes them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from analysis_svc.adapters.tables import metadata

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("application", sa.Text),
    sa.Column("theme", sa.Text, nullable=False),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("worst_score", sa.Double, nullable=False),
    sa.Column("analyses", sa.Integer, nullable=False),
    sa.Column("labels", ARRAY(sa.Text), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
    sa.Column("resolved_by", sa.Text),
    sa.Column("resolution", sa.Text),
)

incident_evidence = sa.Table(
    "incident_evidence",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("analysis_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("incident_id", UUID(as_uuid=True), nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("risk_score", sa.Double, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("labels", ARRAY(sa.Text), nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("evidence_id", UUID(as_uuid=True), nullable=False),
    sa.Column("finding_id", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("right_label", sa.Text),
    sa.Column("raw_label", sa.Text),
    sa.Column("detector", sa.Text),
    sa.Column("tier", sa.Text),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("given_by", sa.Text, nullable=False),
)

feedback_reviews = sa.Table(
    "feedback_reviews",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("feedback_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reviewed_by", sa.Text, nullable=False),
)

quality_evaluations = sa.Table(
    "quality_evaluations",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("span_end", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("span_start", sa.DateTime(timezone=True), nullable=False),
    sa.Column("figures", JSONB, nullable=False),
    sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
)
