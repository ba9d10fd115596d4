"""The tables of this service's schema, as the repositories see them; migrations/ is what makes them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

SCHEMA = "analysis"
metadata = sa.MetaData(schema=SCHEMA)

analyses = sa.Table(
    "analyses",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("analysed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("request_id", sa.Text),
    sa.Column("application", sa.Text),
    sa.Column("risk_score", sa.Double, nullable=False),
    sa.Column("risk_low", sa.Double, nullable=False),
    sa.Column("risk_high", sa.Double, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("detectors_required", ARRAY(sa.Text), nullable=False),
    sa.Column("detectors_succeeded", ARRAY(sa.Text), nullable=False),
    sa.Column("detectors_failed", JSONB, nullable=False),
    sa.Column("violated", ARRAY(sa.Text), nullable=False),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("subject_hash", sa.LargeBinary),
    sa.Column("versions", JSONB),
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", JSONB, nullable=False),
    sa.Column("previous_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

audit_heads = sa.Table(
    "audit_heads",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("analysis_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("finding_id", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("detector", sa.Text),
    sa.Column("tier", sa.Text),
    sa.Column("occurrences", sa.Integer, nullable=False),
)

idempotency_records = sa.Table(
    "idempotency_records",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("key_hash", sa.LargeBinary, primary_key=True),
    sa.Column("body_hash", sa.LargeBinary, nullable=False),
    sa.Column("resource_id", UUID(as_uuid=True), nullable=False),
    sa.Column("holder", UUID(as_uuid=True), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
)
