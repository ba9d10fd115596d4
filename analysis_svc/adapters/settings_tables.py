"""Settings of tenants, every version a row."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from analysis_svc.adapters.tables import metadata

tenant_settings = sa.Table(
    "tenant_settings",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("chosen", JSONB, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("restored", sa.BigInteger),
)
