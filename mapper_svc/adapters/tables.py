"""The tables of this service's schema, as the repositories see them; migrations/ is what makes them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

SCHEMA = "mapper"
metadata = sa.MetaData(schema=SCHEMA)

review_items = sa.Table(
    "review_items",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("raw_label", sa.Text, nullable=False),
    sa.Column("guesses", JSONB, nullable=False),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("occurrences", sa.BigInteger, nullable=False),
    sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

review_decisions = sa.Table(
    "review_decisions",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("item_id", UUID(as_uuid=True), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("raw_label", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("right_label", sa.Text),
    sa.Column("lang", sa.Text, nullable=False),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("decided_by", sa.Text, nullable=False),
)

review_decision_reviews = sa.Table(
    "review_decision_reviews",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("decision_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("reviewed_by", sa.Text, nullable=False),
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

tenant_settings = sa.Table(
    "tenant_settings",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("chosen", JSONB, nullable=False),
    sa.Column("taxonomy", sa.Text, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("restored", sa.BigInteger),
)

# The registry of models belongs to no tenant: one set of versions serves all.
model_registry = sa.Table(
    "model_registry",
    metadata,
    sa.Column("id", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("revision", sa.BigInteger, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", JSONB, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("token_env", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("activated_at", sa.DateTime(timezone=True)),
    sa.Column("left_at", sa.DateTime(timezone=True)),
)

model_trials = sa.Table(
    "model_trials",
    metadata,
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("percent", sa.Integer, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.Text),
    sa.Column("reason", sa.Text),
)

model_trial_totals = sa.Table(
    "model_trial_totals",
    metadata,
    sa.Column("trial_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

model_trial_slots = sa.Table(
    "model_trial_slots",
    metadata,
    sa.Column("trial_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
